"""Decides at which boundaries a heap census is taken: spread over the run, and what it may cost.

Pure: fed with turns, totals and clocks; takes nothing itself.
"""

from __future__ import annotations

from typing import Protocol

#: A loop needs this many turns for a verdict per iteration.
ENOUGH_TURNS = 6
#: Loops with shorter turns are preparation more often than the work: they get censuses once they last.
SHORT_TURN_SECONDS = 1e-3
_LASTING_SECONDS = 2.0
#: Steps between censuses grow by this factor while the end is not in sight.
_GROWTH = 1.4
#: Known totals up to this get evenly spread censuses from the end of warm-up on.
_SHORT_LOOP = 60
_CENSUSES_PER_RUN = 6
#: So many censuses of a loop show whether anything grows that is worth more of them.
FIRST_CENSUSES = 4
#: After so many the next may be the end's: what grows must be seen to do so over the whole loop.
_BEFORE_END = 2
#: Those of a short loop may all compute side by side; of a long one the later ones would only compete with the target.
_FREELY = 8
_MOST_AT_ONCE, _MOST_LATER = 16, 2
#: Copies share their memory with the target, but what either writes to is copied: a larger one gets fewer.
_LARGE_BYTES = 300_000_000
_MOST_LARGE_AT_ONCE = 8
#: Pauses may take this share of the time so far, plus a constant that a short run may spend.
_PAUSE_SHARE = 0.02
_PAUSE_ALLOWANCE_SECONDS = 0.4
#: Of that, comprehensions may use this part: they make the data that a statement works on, as a rule.
COMPREHENSIONS_PART = 0.2
#: A fork waits for a short-lived process between: on an idle machine it takes less than so many times its
#: processor time.
_MOST_PER_PROCESSOR_SECOND = 3.0
#: How long the outermost loop's first turns last before the loop inside it gets censuses of its own.
_PATIENCE_SECONDS = 20.0


class Level(Protocol):
    """An open loop: what the schedule needs of a loop instance."""

    total: int | None
    completed: int
    started: float


def warm_up_turns(total: int | None) -> int:
    """Return how many first turns no census is taken at: a fifth of a short known loop, else three."""
    if total is None or total > _SHORT_LOOP:
        return 3
    return max(1, min(max(2, -(-total // 5)), total // 3))


def measured_levels(open_loops: list[Level], turns_of: list[int], now: float) -> list[int]:
    """Return which of the open loops (indexes, outermost first) censuses may be taken for.

    The outermost that has or may get enough turns; and the next one inside it while that one has
    shown fewer than two turns for a long time (an endless outer loop around the real work).
    """
    promising = [
        depth
        for depth, level in enumerate(open_loops)
        if level.total is None or level.total >= ENOUGH_TURNS or turns_of[depth] >= ENOUGH_TURNS
    ]
    if len(promising) > 1:
        first = open_loops[promising[0]]
        if turns_of[promising[0]] < 2 and now - first.started > _PATIENCE_SECONDS:
            return promising[:2]
    return promising[:1]


def worth_measuring(level: Level, now: float) -> bool:
    """Return whether a loop's turns are long enough, or it has gone on for long enough, to take censuses of."""
    lasted = now - level.started
    return lasted >= _LASTING_SECONDS or lasted >= SHORT_TURN_SECONDS * max(1, level.completed)


class Schedule:
    """The censuses of one loop in the source: when the next one is due."""

    __slots__ = ("_next", "taken")

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._next: int | None = None

    def due(self, turns: int, total: int | None) -> bool:
        """Return whether a census is due now that `turns` turns are completed (of `total`, if known)."""
        if self._next is None:
            self._next = warm_up_turns(total)
        return turns >= self._next and (not self.taken or turns > self.taken[-1])

    def took(self, turns: int, total: int | None) -> None:
        """Note a census at `turns` and plan the next."""
        self.taken.append(turns)
        self.spared(turns, total)

    def spared(self, turns: int, total: int | None) -> None:
        """Plan the next after `turns`: there is no need of one now."""
        step = max(1, int(turns * (_GROWTH - 1) + 0.5))
        if total is not None:
            remaining = max(1, total - warm_up_turns(total))
            even = max(1, round(remaining / (_CENSUSES_PER_RUN - 1)))
            step = even if total <= _SHORT_LOOP else min(step, even)
        self._next = turns + step

    def has_end_ahead(self, total: int | None, *, at_end: bool) -> bool:
        """Return whether what pauses may cost has to do for a census at the known end of the loop too."""
        return not at_end and total is not None and len(self.taken) >= _BEFORE_END

    def wanted_at_end(self, turns: int) -> bool:
        """Return whether the end of the loop deserves a census of its own."""
        return turns >= ENOUGH_TURNS and bool(self.taken) and turns > self.taken[-1]


def most_at_once(taken: int, resident_bytes: int, *, at_end: bool) -> int:
    """Return how many censuses may compute at a time, after `taken` ones of this loop; its end may have more."""
    if taken >= _FREELY:
        return _FREELY if at_end else _MOST_LATER
    return _MOST_LARGE_AT_ONCE if resident_bytes > _LARGE_BYTES else _MOST_AT_ONCE


def charged(pause_seconds: float, processor_seconds: float, *, alone: bool) -> float:
    """Return what a pause counts against the allowance: what other threads and programs took of it does not."""
    return min(pause_seconds, _MOST_PER_PROCESSOR_SECOND * processor_seconds) if alone else processor_seconds


def expected_pause(last_seconds: float, bytes_then: int, bytes_now: int) -> float:
    """Return how long the next census will stop the target: the kernel copies a page table as long as its memory."""
    return last_seconds * max(1.0, bytes_now / bytes_then) if bytes_then else last_seconds


def pause_allowed(
    paused_seconds: float, expected_seconds: float, elapsed_seconds: float, part: float = 1.0
) -> bool:
    """Return whether another pause of `expected_seconds` stays within a part of what pauses may cost."""
    allowed = _PAUSE_ALLOWANCE_SECONDS + _PAUSE_SHARE * elapsed_seconds
    return paused_seconds + expected_seconds <= part * allowed
