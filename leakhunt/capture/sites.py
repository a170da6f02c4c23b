"""A loop in the source, and one time that it is entered: what is known of each.

A `LoopSite` is a constant of rewritten code, which calls its one-letter attributes. This module follows
nothing: `loops` keeps the open instances, `turns` counts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import repeat
from types import SimpleNamespace
from typing import Any

from leakhunt.journal.position import LEVELS, PositionPage

#: A boundary of one loop is due at most this often.
GAP_SECONDS = 0.005
#: An outermost loop of few turns has a boundary at every turn that is not tight, until its site had as many.
FEW_TURNS = 200
FEW_TURNS_GAP_SECONDS = 1e-4
#: A turn this long is always followed.
SLOW_TURN_SECONDS = 50e-6
#: An instance this long is always followed, and one this long if its turns are slow: entering costs 5 us.
_SLOW_ENTRY_SECONDS = 1e-3
_SLOW_TURNS_SECONDS = 3e-4
#: A loop is not looked at for at most about so long.
BLIND_SECONDS = 0.02
#: An entry of tight turns is let go as a whole when it lasts no longer than this.
_TIGHT_ENTRY_SECONDS = 0.05
#: Turns this short are tight: two calls into C for each of them would be felt.
TIGHT_SECONDS = 1e-6
#: Of entries that are over at once every so many-th is followed.
_LEARNING_ENTRY = 16
#: Returns its argument, in C: what `SITE.f` is while a site is not followed.
hand_through: Callable[[Any], Any] = partial({}.get, None)
_nothing: Callable[..., Any] = partial({}.get, None)
#: Does nothing that anybody sees: the cheapest call without an argument.
_unheard: Callable[[], Any] = "".isspace
_endless_turns: Callable[[], Any] = partial(repeat, ())
#: An endless `repeat` has no state: all the `while` loops that are not followed share one.
_unfollowed_turns = repeat(())
_one_turn: Callable[[], Any] = partial(repeat, (), 1)


class LoopSite:
    """A loop in the source. Its one-letter attributes are what rewritten code calls."""

    __slots__ = ("a", "e", "each_turn_left", "entries", "entry_seconds", "f", "file", "found", "function", "i",
                 "id", "line", "loop_kind", "o", "shape", "t", "test_failed", "turn_seconds", "variables", "w",
                 "z")  # fmt: skip

    def __init__(
        self, file: str, line: int, function: str, variables: list[str], loop_kind: str, shape: Any = None
    ) -> None:
        self.id = f"{file}:{line}:{function}"
        self.file, self.line, self.function = file, line, function
        self.variables, self.loop_kind, self.shape = variables, loop_kind, shape
        self.found = False
        #: A `while` has just seen its condition false: it ends, and the turn that began was none.
        self.test_failed = False
        self.each_turn_left = FEW_TURNS
        self.entries = 0
        self.entry_seconds: float | None = None
        self.turn_seconds: float | None = None
        self.pass_through()

    def pass_through(self) -> None:
        """Make the loop run as in plain Python from its next entry on."""
        self.o = False
        self.z = _unfollowed_turns
        self.i = iter
        self.f: Callable[[Any], Any] = hand_through
        self.t: Callable[..., Any] = _nothing
        self.e: Callable[[], Any] = _unheard
        self.w = _endless_turns
        self.a = _one_turn

    def note(self, seconds: float, turns: int) -> None:
        """Learn from one finished instance how fast the loop is."""
        per_turn = seconds / turns if turns else seconds
        self.entries += 1
        if self.entry_seconds is None or self.turn_seconds is None:
            self.entry_seconds, self.turn_seconds = seconds, per_turn
        else:
            self.entry_seconds += 0.25 * (seconds - self.entry_seconds)
            self.turn_seconds += 0.25 * (per_turn - self.turn_seconds)

    def is_fast(self) -> bool:
        """Return whether following every entry would be felt."""
        return (
            self.entries >= 4
            and self.entry_seconds is not None
            and self.turn_seconds is not None
            and self.entry_seconds < _SLOW_ENTRY_SECONDS
            and (self.turn_seconds < SLOW_TURN_SECONDS or self.entry_seconds < _SLOW_TURNS_SECONDS)
        )

    def is_over_at_once(self, total: int) -> bool:
        """Return whether an entry of so many turns may go unfollowed: all that were followed were tight.

        Every so often one is followed all the same, to learn whether that is still so.
        """
        return (
            self.entries >= 4
            and self.entries % _LEARNING_ENTRY != 0
            and self.turn_seconds is not None
            and self.turn_seconds < TIGHT_SECONDS
            and total * self.turn_seconds < _TIGHT_ENTRY_SECONDS
        )

    def __reduce__(self) -> Any:
        # Code that is pickled by value must run where there is no leakhunt; a `repeat` itself is not pickled.
        plain = {"f": hand_through, "i": iter, "w": _endless_turns, "t": _nothing, "e": _unheard}
        return SimpleNamespace, (), {**plain, "a": _one_turn, "o": False, "z": iter(tuple, 1)}


class LoopInstance:
    """One time that a loop is entered."""

    __slots__ = ("boundary_due", "completed", "due", "entered", "gap", "gone", "offset", "parent", "serial", "site",
                 "started", "thread_id", "total", "turns_begun")  # fmt: skip

    def __init__(
        self, site: LoopSite, serial: int, total: int | None, thread_id: int, started: float
    ) -> None:
        self.site, self.serial, self.total = site, serial, total
        self.parent: LoopInstance | None = None
        self.completed = 0
        self.turns_begun = 0
        self.thread_id, self.started = thread_id, started
        self.due = self.boundary_due = 0.0
        self.gap = GAP_SECONDS
        self.offset = PositionPage.offset(LEVELS)
        self.entered = self.gone = False
