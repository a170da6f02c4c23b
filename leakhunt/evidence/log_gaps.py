"""Where a log is silent for longer than it usually is."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from leakhunt.evidence.log_clock import Moment

#: Shorter silences are never told, in seconds.
SHORTEST = 60.0
_MOST = 256
_MOST_INTERVALS = 4096


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A silence between two dated lines, as long as the log's own clock says, in seconds."""

    seconds: float
    before: Moment = field(compare=False)
    after: Moment = field(compare=False)


class GapFinder:
    """Watches the timestamps of one log; keeps its longest silences and a sample of the usual ones."""

    def __init__(self) -> None:
        self._longest: list[Gap] = []
        self._intervals: list[float] = []
        self._every = 1
        self._seen = 0

    def step(self, before: Moment, after: Moment, seconds: float) -> None:
        """Take in that `seconds` lie between two neighbouring timestamps."""
        if seconds <= 0 or (before.boot is None) != (after.boot is None):
            return
        self._seen += 1
        if self._seen % self._every == 0:
            self._intervals.append(seconds)
            if len(self._intervals) > _MOST_INTERVALS:
                self._intervals = self._intervals[::2]
                self._every *= 2
        if seconds >= SHORTEST:
            gap = Gap(seconds, before, after)
            if len(self._longest) < _MOST:
                heapq.heappush(self._longest, gap)
            else:
                heapq.heappushpop(self._longest, gap)

    @property
    def interval(self) -> float | None:
        """Return the usual seconds between two lines that differ in time, the median; None when unknown."""
        if not self._intervals:
            return None
        return sorted(self._intervals)[len(self._intervals) // 2]

    def found(self) -> list[Gap]:
        """Return the silences that are long for this log, the longest first."""
        usual = self.interval or 0.0
        return sorted((gap for gap in self._longest if gap.seconds >= 4 * usual), reverse=True)
