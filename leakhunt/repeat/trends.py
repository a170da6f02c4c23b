"""Which counters go on rising over the confirming batches, by the rule that judges profiled loops."""

from __future__ import annotations

import numpy as np

from leakhunt.analysis.trend import Trend, judge_series
from leakhunt.repeat.levels import COUNTERS, Allowance, Levels

#: In these, bytes; all others are counts.
MEMORY = frozenset({"in_use", "resident", "mapped"})
#: Pages come in arenas: less than this is one.
_LEAST_PAGES = 1_200_000.0


def counter_trend(
    levels: Levels, name: str, allowed: dict[str, Allowance], tolerance: float | None
) -> Trend | None:
    """Return what one counter does over the readings; None where it was not read."""
    values = levels.column(name)
    if not values or any(value is None for value in values):
        return None
    floor = allowed[name].per_call
    if name in MEMORY and tolerance is not None:
        floor = max(floor, tolerance)
    calls = np.array(levels.column("calls"), dtype=np.float64)
    return judge_series(calls, np.array(values, dtype=np.float64), floor=floor)


def growing_rates(levels: Levels, allowed: dict[str, Allowance], tolerance: float | None) -> dict[str, float]:
    """Return what each counter that goes on rising adds per call."""
    found = {}
    for name in COUNTERS:
        trend = counter_trend(levels, name, allowed, tolerance)
        if trend is None or not trend.grows or trend.negligible or not trend.rate or trend.rise is None:
            continue
        least = _LEAST_PAGES if name in ("resident", "mapped") else allowed[name].once
        if trend.rise > least:
            found[name] = trend.rate
    return found
