"""Splits what malloc has in use into what Python objects hold and the rest, from census to census.

A counter that rises over the run although neither part of it does rises by accident: a cache that is emptied
now and then, and one table that was made larger meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leakhunt.analysis.slope import Values
from leakhunt.model.run import Checkpoint, LoopTrace, Run

#: Fewer censuses show no course.
_FEWEST = 4
#: A part that rises does so over this share of the intervals, each time by this share of an even rise, ...
_INTERVALS = 0.6
_OF_EVEN = 0.2
#: ... and its rise without the largest step is this share of the whole counter's.
_WITHOUT_LARGEST = 0.25
_MUCH = 0.5


def neither_part_rises(run: Run, loop: LoopTrace, rate: float) -> bool:
    """Tell whether malloc's use, said to rise by `rate` bytes per turn, does so in no part of it.

    False also where too few censuses say what Python objects held.
    """
    seen = _seen(run.checkpoints, loop.id)
    if len(seen) < _FEWEST:
        return False
    turns, in_use, held = np.array(seen, dtype=np.float64).T
    return not any(_rises(turns, part, rate) for part in (held, in_use - held))


def rest_rises(run: Run, loop: LoopTrace, rate: float) -> bool | None:
    """Tell whether what no Python object holds of malloc's use rises by much of `rate`; None when it is unknown."""
    seen = _seen(run.checkpoints, loop.id)
    if len(seen) < 2:
        return None
    turns, in_use, held = np.array(seen, dtype=np.float64).T
    rest = in_use - held
    return bool(rest[-1] - rest[0] >= _MUCH * rate * (turns[-1] - turns[0]))


def _seen(checkpoints: Sequence[Checkpoint], loop: str) -> list[tuple[int, int, int]]:
    """Return (turns, bytes in use, of these held by Python objects) at the censuses of `loop` that know both."""
    by_turn = {
        one.turns: (one.turns, one.in_use, one.in_malloc)
        for one in checkpoints
        if one.loop == loop and one.in_use is not None and one.in_malloc is not None
    }
    return [by_turn[turn] for turn in sorted(by_turn)]


def _rises(turns: Values, levels: Values, rate: float) -> bool:
    floor = np.minimum.accumulate(levels[::-1])[::-1]
    steps, spans = np.diff(floor), np.diff(turns)
    rising = int(np.count_nonzero(steps > _OF_EVEN * rate * spans))
    if rising < _INTERVALS * len(steps):
        return False
    return bool(steps.sum() - steps.max() >= _WITHOUT_LARGEST * rate * spans.sum())
