"""Repeats a subject until it can be decided: warm-up, growing batches, a closer look at what rises.

Written as a generator that says how many calls to make next, so that the same engine serves plain functions
and coroutines. It decides from exact counters; who holds what grows is asked only when something does.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from leakhunt.capture.gauges import Gauges
from leakhunt.repeat.clock import seconds
from leakhunt.repeat.levels import COUNTERS, MOST_READINGS, Allowance, Levels, measured_noise
from leakhunt.repeat.outcome import Outcome
from leakhunt.repeat.pace import LOOK_SHARE, WARM_UP_CALLS, Pace
from leakhunt.repeat.subject import Bounds, Subject

if TYPE_CHECKING:
    from leakhunt.repeat.inquiry import Inquiry

Steps = Generator[int, None, None]

#: So many batches in a row must rise before it is worth a closer look, or stay level before it is let go.
_RISING_BATCHES = 3
_LEVEL_BATCHES = 2
_MOST_BATCHES = 24


class Repetition:
    """One subject being repeated; `outcome` is there when `steps` has come to its end."""

    def __init__(self, subject: Subject, bounds: Bounds, *, called: int = 0) -> None:
        """`called` calls were made already: they count as warm-up."""
        self.subject = subject
        self.bounds = bounds
        self.calls = called
        self._outcome: Outcome | None = None
        self._pace = Pace(bounds)
        self._began = seconds()
        self._measured = 0
        self._allowed: dict[str, Allowance] = {}

    @property
    def outcome(self) -> Outcome:
        """The answer."""
        assert self._outcome is not None, "the repetition has not come to its end"
        return self._outcome

    def steps(self) -> Steps:
        """Yield how many calls to make next, until the outcome is known."""
        self._began = seconds()
        yield from self._warm_up()
        with _old_objects_set_aside():
            levels = Levels()
            try:
                self._allowed = measured_noise(levels)
                yield from self._measure(levels)
            finally:
                levels.close()

    # ---- phases -------------------------------------------------------------------------

    def _warm_up(self) -> Steps:
        """Fill what is filled once: imports, caches, free lists. The quickest call sets the pace."""
        quickest: float | None = None
        least: int | None = None
        gauges = Gauges()
        for _ in range(max(1, WARM_UP_CALLS - self.calls)):
            before = gauges.resident_bytes()
            began = seconds()
            yield from self._call(1)
            took = seconds() - began
            after = gauges.resident_bytes()
            quickest = took if quickest is None else min(quickest, took)
            if before is not None and after is not None:
                least = after - before if least is None else min(least, after - before)
        self._pace.call_seconds = quickest or 0.0
        self._pace.call_bytes = float(max(0, least or 0))

    def _measure(self, levels: Levels) -> Steps:
        levels.read(0)
        size = yield from self._look(levels)
        rising = [name for name in COUNTERS if not self._is_level(levels, name)]
        if not rising:
            self._outcome = self._nothing_grows(levels)
            return
        from leakhunt.repeat.inquiry import Inquiry

        inquiry = Inquiry(self.subject, self.bounds, levels, rising, self._allowed)
        yield from self._inquire(inquiry, size)

    def _look(self, levels: Levels) -> Generator[int, None, int]:
        """Call in growing batches until nothing rises any more, or something keeps rising."""
        size = self._pace.first()
        for number in range(1, _MOST_BATCHES + 1):
            yield from self._call(size)
            self._measured += size
            levels.read(self._measured)
            level = all(self._is_level(levels, name) for name in COUNTERS)
            if number >= _LEVEL_BATCHES and level and self._measured >= self._pace.enough:
                break
            if any(self._keeps_rising(levels, name) for name in COUNTERS):
                break
            if self._is_spent(LOOK_SHARE) or len(levels) >= MOST_READINGS:
                break
            size = self._pace.next(size)
        return size

    def _inquire(self, inquiry: Inquiry, size: int) -> Steps:
        left = None if self.bounds.iterations is None else max(0, self.bounds.iterations - self._measured)
        batch = self._pace.confirming(size, self._seconds_left(), left)
        try:
            for calls in inquiry.steps(batch, self._pace.call_seconds):
                yield from self._call(calls)
            self._outcome = inquiry.outcome(self.calls)
        finally:
            inquiry.close()

    def _call(self, calls: int) -> Steps:
        yield calls
        self.calls += calls

    # ---- what the counters say ------------------------------------------------------------

    def _is_level(self, levels: Levels, name: str) -> bool:
        rises = levels.rises(name, _LEVEL_BATCHES)
        return all(rise <= self._allowed[name].over(calls) for calls, rise in rises)

    def _keeps_rising(self, levels: Levels, name: str) -> bool:
        rises = levels.rises(name, _RISING_BATCHES)
        return len(rises) == _RISING_BATCHES and all(
            rise > self._allowed[name].over(calls) for calls, rise in rises
        )

    def _is_spent(self, share: float) -> bool:
        if self.bounds.iterations is not None:
            return self._measured >= self.bounds.iterations // 2
        return seconds() - self._began > share * self.bounds.max_seconds

    def _seconds_left(self) -> float:
        return self.bounds.max_seconds - (seconds() - self._began)

    def _nothing_grows(self, levels: Levels) -> Outcome:
        lasted = seconds() - self._began
        reason = f"Nothing rose over the last batches of {self._measured} calls."
        return Outcome("no-leak", self.calls, lasted, reason, noise=self._allowed["in_use"].once)


@contextlib.contextmanager
def _old_objects_set_aside() -> Iterator[None]:
    """Keep the collector to what was made since: collecting a large heap after every batch takes its time.

    A program that has set objects aside by itself keeps its own.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
