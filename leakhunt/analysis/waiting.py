"""Tells whether memory that no object holds may belong to objects in cycles that wait for the collector.

A figure, a parser or an image that only a cycle holds keeps its native memory until the collector runs, which in
a large process is rarely. Until then malloc's use rises like that of a leak, and no holder can be found.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from leakhunt.analysis.cycles import why_uncollected
from leakhunt.model.run import LoopTrace, Run

#: Changes from census to census that it takes to tell two causes apart; fewer show that there may be a second.
_ENOUGH_CHANGES = 4
_FEWEST_CHANGES = 2
#: The collector ran when this share of the most objects that ever waited is gone.
_COLLECTED = 0.1
#: What rises by this share of the rate with the turns alone is not explained by what waits, ...
_TURNS_ALONE = 0.5
#: ... and is all explained when there is less of it than this.
_LITTLE_ALONE = 0.2
#: Objects per turn that more and more wait by.
_LEAST_PER_TURN = 1.0

Waiting = Literal["explains", "may-explain"]


def waits_for_collector(run: Run, loop: LoopTrace, rate: float) -> Waiting | None:
    """Return whether what malloc has in use, rising by `rate` bytes per turn, rises and falls with such objects.

    "may-explain" where they become more all the time, so that nobody can tell; None where they do not, where the
    memory rises without them, or where the collector will not come.
    """
    seen = {
        one.turns: (one.turns, sum(count for count, _ in one.garbage.values()), one.in_use)
        for one in run.checkpoints
        if one.loop == loop.id and one.garbage is not None and one.in_use is not None
    }
    if len(seen) <= _FEWEST_CHANGES or why_uncollected(run, loop) is not None:
        return None
    readings = np.array([seen[turns] for turns in sorted(seen)], dtype=np.float64)
    turns, waiting, in_use = np.diff(readings, axis=0).T
    if np.all(waiting >= -_COLLECTED * readings[:, 1].max()):
        return "may-explain" if np.all(waiting >= _LEAST_PER_TURN * turns) else None
    (alone, each), *_ = np.linalg.lstsq(np.column_stack([turns, waiting]), in_use, rcond=None)
    if each <= 0 or alone >= _TURNS_ALONE * rate:
        return None
    return "explains" if alone <= _LITTLE_ALONE * rate and len(turns) >= _ENOUGH_CHANGES else "may-explain"
