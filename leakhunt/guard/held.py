"""Holds one program to bounds while something else watches it: `leakhunt profile --max-rss`. No restarts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from leakhunt.guard.enforcement import Enforcement
from leakhunt.guard.policy import Bounds, Policy, Reading, Room
from leakhunt.guard.tree import ProcessTree, TreeReading
from leakhunt.journal.writer import JournalWriter
from leakhunt.protect.headroom import HeadroomReader


class Held:
    """One program and its bounds: `look` after each reading of its process tree."""

    def __init__(self, bounds: Bounds, journal: JournalWriter, tell: Callable[[str], None]) -> None:
        self._bounds = bounds
        self._policy = Policy(bounds)
        self._room = Room(bounds)
        self._headroom = HeadroomReader()
        self._end = Enforcement(bounds, journal, tell)
        #: There is no bound to hold it to.
        self.free = bounds == Bounds(grace=bounds.grace, hard_limit=bounds.hard_limit)
        if not self.free:
            journal.write(
                "bounds", bounds.max_rss, bounds.min_available, bounds.max_age, None, bounds.grace, 0
            )

    def look(
        self,
        now: float,
        started: float,
        process: subprocess.Popen[bytes],
        tree: ProcessTree,
        reading: TreeReading,
    ) -> None:
        """Ask the program to go when it is beyond a bound, and kill it when it does not."""
        if self.free:
            return
        room = self._headroom.read()
        if self._end.order is not None:
            self._end.press(now, room.available, [one.pid for one in tree.remaining()])
            return
        rss, limit = reading.tree_rss, self._bounds.max_rss
        if limit is not None and rss > limit and reading.processes > 1:
            rss = tree.proportional() or rss
        seen = Reading(now, started, rss)
        order = self._policy.decide(seen)
        if order is None and (chosen := self._room.choose(now, room.available, room.total, [seen])):
            order = chosen[1]
        if order is not None:
            self._end.ask(process, order, now)
