"""Counts the turns of one loop without changing what the loop sees.

The loop iterates `chain.from_iterable(parts)`, where the parts are made of `map(tick, islice(it, n))`:
all C, so that no frame of ours lies between the loop and its iterator, no item is held while the next
one is made, and `break` leaves the iterator as plain Python would. While a loop is too fast to be worth
it, parts go without ticks.
"""

from __future__ import annotations

import sys

# The target may replace a builtin: we keep what Python came with.
from builtins import BaseException, filter, id, map, max, min, type  # noqa: UP029
from collections.abc import Callable, Generator, Iterator
from itertools import chain, islice, repeat
from types import WrapperDescriptorType
from typing import Any

from leakhunt.capture.loops import OpenLoops, raised_by_signal_handler
from leakhunt.capture.sites import BLIND_SECONDS, SLOW_TURN_SECONDS, TIGHT_SECONDS, LoopInstance, LoopSite
from leakhunt.capture.totals import ENDS_QUIETLY, total_of

#: What one tick and one entry cost (measured by benchmarks/follow.py), as charged to the budget.
_TICK_SECONDS = 0.2e-6
_ENTRY_SECONDS = 5e-6
_FIRST_PART = 32
_PART = 256
_RAW_PART = 4096
#: A loop of so many turns that was tight for the first hundred thousand is not about to turn slow: the
#: rest runs on its own iterator.
_HUGE_TOTAL = 200_000
_TRUSTED_TURNS = 100_000
_ONE = (1,)
_NOTHING = object()


class Follower(OpenLoops):
    """Follows loops: makes sites for `rewrite`, and tells the listener what their turns do."""

    def arm(self, site: LoopSite) -> None:
        """Make the next entry of `site` report its turns."""
        if site.loop_kind == "async-for":
            site.a, site.t, site.e = follow_async(self, site)
        elif site.loop_kind == "while":
            site.w, site.e = follow_while(self, site)
        else:
            site.f = follow_for(self, site)
        site.o = True


def follow_for(follower: Follower, site: LoopSite) -> Callable[[Any], Any]:
    """Return what `SITE.f` is while the loop is followed."""
    join = chain.from_iterable

    def follow(iterator: Any) -> Any:
        if site.is_fast() and not follower.allows(_ENTRY_SECONDS):
            follower.doze(site)
            return _as_c_iterator(iterator)
        try:
            total = total_of(iterator)
        except (TypeError, ValueError, OverflowError, AttributeError):
            total = None
        if total is not None and site.is_over_at_once(total):
            site.entries += 1
            return _as_c_iterator(iterator)
        return join(_parts(follower, site, iterator, total))

    return follow


def follow_while(follower: Follower, site: LoopSite) -> tuple[Callable[[], Any], Callable[[], None]]:
    """Return what `SITE.w` (the turns) and `SITE.e` (the condition became false) are when followed."""

    def follow() -> Any:
        if site.is_fast() and not follower.allows(_ENTRY_SECONDS):
            follower.doze(site)
            return repeat(())
        return chain.from_iterable(_parts(follower, site, repeat(()), None))

    def end() -> None:
        site.test_failed = True

    return follow, end


def _iterates_in_c(iterator: Any) -> bool:
    """Return whether asking `iterator` for its iterator runs no user code."""
    for kind in type.__dict__["__mro__"].__get__(type(iterator)):
        found = type.__dict__["__dict__"].__get__(kind).get("__iter__")
        if found is not None:
            return type(found) is WrapperDescriptorType
    return False


def _as_c_iterator(iterator: Any) -> Any:
    """Return an iterator over the same items whose own `__iter__` is not the user's."""
    return iterator if _iterates_in_c(iterator) else map(next, repeat(iterator))


def _parts(
    follower: Follower, site: LoopSite, iterator: Any, total: int | None
) -> Generator[Iterator[Any], None, None]:
    """Yield the items in parts, with ticks as long as they are worth it."""
    clock = follower.clock
    quiet = type(iterator) in ENDS_QUIETLY
    ended: list[int] = []
    if not quiet:
        # The second source is asked when the first has ended: nobody asks the user's iterator twice.
        iterator = chain(_as_c_iterator(iterator), filter(ended.append, _ONE))
    instance, stack = follower.open(site, total)
    heard = follower.listened_seconds
    begun = 0
    how = "left"

    def tick(item: Any) -> Any:
        nonlocal begun
        begun += 1
        now = clock()
        if now >= instance.due or stack[-1] is not instance:
            follower.turn(instance, stack, begun, item, now)
        else:
            slots[instance.offset] = begun
        return item

    slots = follower.slots
    size = _FIRST_PART
    mark = instance.started
    mark_heard = heard
    raw_turns = 0
    try:
        while not follower.closed:
            asked = begun + size
            yield map(tick, islice(iterator, size))
            if begun < asked or ended:
                how = "exhausted"
                return
            now = clock()
            turn_seconds = (now - mark - follower.listened_seconds + mark_heard) / (size + raw_turns)
            mark, mark_heard, raw_turns = now, follower.listened_seconds, 0
            if turn_seconds >= SLOW_TURN_SECONDS or follower.allows(_PART * _TICK_SECONDS):
                size = _PART
                continue
            huge = total is not None and total >= _HUGE_TOTAL and begun >= _TRUSTED_TURNS
            if huge and turn_seconds < TIGHT_SECONDS:
                yield iterator
                how, begun = "exhausted", total or begun
                return
            raw_turns = _raw_turns(begun, total, turn_seconds)
            yield islice(iterator, raw_turns)
            if ended:
                how = "exhausted"
                return
            begun += raw_turns
            size = 1
        yield iterator
    finally:
        try:
            if site.test_failed:
                site.test_failed, how, begun = False, "exhausted", begun - 1
            spent = clock() - instance.started - follower.listened_seconds + heard
            site.note(max(spent, 0.0), begun)
            follower.leave(instance, stack, how, begun)
        except BaseException as problem:
            # We may be in the middle of a deallocation, where nothing can be raised. At the end of the
            # interpreter anything may be gone already.
            if not sys.is_finalizing() and raised_by_signal_handler(problem):
                follower.owe(problem, stack)


def _raw_turns(begun: int, total: int | None, turn_seconds: float) -> int:
    """Return how many turns may go without a tick: never many more than were fast so far."""
    turns = min(_RAW_PART, begun, int(BLIND_SECONDS / max(turn_seconds, 1e-9)))
    if total is not None:
        turns = min(turns, (total - begun) // 8)
    return max(turns, 16)


def follow_async(
    follower: Follower, site: LoopSite
) -> tuple[Callable[[], Any], Callable[..., None], Callable[[], None]]:
    """Return what `SITE.a` (around the loop), `SITE.t` (each turn) and `SITE.e` (its end) are."""
    open_in_frame: dict[int, tuple[LoopInstance, list[Any]]] = {}

    def around() -> Any:
        return _once(id(sys._getframe(1)))

    def _once(frame: int) -> Generator[tuple[()], None, None]:
        instance, stack = follower.open(site, None)
        open_in_frame[frame] = instance, stack
        try:
            yield ()
        finally:
            mine = open_in_frame.get(frame)
            if mine is not None and mine[0] is instance:
                del open_in_frame[frame]
            how = "exhausted" if instance.total == instance.turns_begun else "left"
            follower.leave(instance, stack, how, instance.turns_begun)

    def turn(item: Any = _NOTHING) -> None:
        found = open_in_frame.get(id(sys._getframe(1)))
        if found is None:
            return
        instance, stack = found
        begun = instance.turns_begun = instance.turns_begun + 1
        now = follower.clock()
        if now >= instance.due or stack[-1] is not instance:
            follower.turn(instance, stack, begun, item, now)
        else:
            follower.slots[instance.offset] = begun

    def end() -> None:
        found = open_in_frame.get(id(sys._getframe(1)))
        if found is not None:
            found[0].total = found[0].turns_begun

    return around, turn, end
