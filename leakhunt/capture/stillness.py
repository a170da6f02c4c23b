"""Tells whether the exact counters of a loop stood still since its last heap census.

Then another census would compare two times the same heap: it is spared in a large process, since every page
that the program writes to after a fork is copied or at least faulted in once more, and in any other once the
first censuses have shown nothing that grows.
"""

from __future__ import annotations

from typing import Any

#: Growth below these per turn is negligible to the analysis as well: bytes in use from malloc, or resident, and
#: blocks of Python's.
BYTES_PER_TURN, BLOCKS_PER_TURN = 1_000.0, 12.0
#: The same for a reading, and what its parts may change by at once.
_PER_TURN = (BYTES_PER_TURN, BLOCKS_PER_TURN, BYTES_PER_TURN)
BYTES_AT_ONCE, BLOCKS_AT_ONCE = 8_000.0, 100.0
_AT_ONCE = (BYTES_AT_ONCE, BLOCKS_AT_ONCE, 64_000.0)
#: What the bookkeeping of one more census takes in the target.
_BLOCKS_OF_A_CENSUS = 60.0
_FEWEST_READINGS = 3
_RESIDENT = 2

#: From this resident size on a census is spared while the process stands still.
SPARING_BYTES = 100_000_000

Reading = tuple["int | None", "int | None", "int | None"]


def counters(gauges: tuple[Any, ...]) -> Reading:
    """Return what is looked at of all gauges: bytes in use from malloc, Python's blocks, resident bytes."""
    return gauges[4][0] if gauges[4] else None, gauges[3], gauges[0]


def memory_was_added(in_use: float | None, blocks: float | None, turns: int, censuses: int) -> bool:
    """Return whether either allocator handed out more than the analysis neglects; what is unknown may have been.

    Args:
        in_use: bytes in use from malloc now, less those then.
        blocks: Python's blocks now, less those then.
        turns: the turns of the loop from then to now.
        censuses: those between the two: each leaves a little behind in the target.
    """
    most_blocks = BLOCKS_AT_ONCE + BLOCKS_PER_TURN * turns + _BLOCKS_OF_A_CENSUS * censuses
    return (
        in_use is None
        or blocks is None
        or in_use > BYTES_AT_ONCE + BYTES_PER_TURN * turns
        or blocks > most_blocks
    )


def added(now: int | None, then: int | None) -> int | None:
    """Return by how much a counter rose, if both readings are known."""
    return None if now is None or then is None else now - then


class LibrariesWalked:
    """When the censuses of one loop last walked all that libraries hold, and whether they need to again.

    That is most of a heap, and hardly ever what grows; while nothing is added to the process nothing is added there.
    """

    __slots__ = ("_reading", "_since", "_times", "_turns")

    def __init__(self) -> None:
        self._turns, self._times, self._since = 0, 0, 0
        self._reading: Reading = (None, None, None)

    def are_due(self, turns: int, reading: Reading, *, at_end: bool) -> bool:
        """Return whether a census now walks libraries too; where it does, later ones are measured by it.

        Those that had grown before are looked at once more at the end.
        """
        since = turns - self._turns
        in_use, blocks = (added(now, then) for now, then in zip(reading[:2], self._reading[:2], strict=True))
        due = (at_end and self._times > 1) or memory_was_added(in_use, blocks, since, self._since)
        self._since += 1
        if due:
            self._turns, self._reading, self._since = turns, reading, 0
            self._times += 1
        return due


class Stillness:
    """The counters of one loop since its last census: (in use from malloc, Python's blocks, resident)."""

    __slots__ = ("_highs", "_lows", "_readings", "_turns")

    def __init__(self) -> None:
        self._turns: int | None = None
        self._readings = 0
        self._lows: list[int | None] = [None, None, None]
        self._highs: list[int | None] = [None, None, None]

    def begin(self, turns: int, reading: Reading) -> None:
        """Note the counters at a census."""
        self._turns, self._readings = turns, 0
        self._lows, self._highs = list(reading), list(reading)

    def see(self, reading: Reading) -> None:
        """Note the counters at a boundary; what was not read then is left out."""
        self._readings += 1
        for at, level in enumerate(reading):
            low, high = self._lows[at], self._highs[at]
            if level is None or low is None or high is None:
                continue
            if at == _RESIDENT and level < low:
                # malloc gave the system what was free already: that alone is no movement, a rise before or after it is
                high -= low - level
            self._lows[at], self._highs[at] = min(low, level), max(high, level)

    def holds(self, turns: int) -> bool:
        """Return whether every counter was known at the last census and has stood still to `turns`."""
        if self._turns is None or self._readings < _FEWEST_READINGS:
            return False
        since = turns - self._turns
        for low, high, per_turn, at_once in zip(self._lows, self._highs, _PER_TURN, _AT_ONCE, strict=True):
            if low is None or high is None or high - low > at_once + per_turn * since:
                return False
        return True
