"""How many bytes or items a holder gains per turn, from its counters at the censuses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leakhunt.analysis.slope import Values, median_slope
from leakhunt.census.growth import Growth

_TABLES = frozenset({"dict", "set", "OrderedDict", "defaultdict", "Counter"})


def rate_of(at: Values, values: Values) -> tuple[float, tuple[float, float]]:
    """Return the slope of values over turns with its 95 % interval: the median of slopes, deaf to single jumps."""
    if len(at) < 2:
        return 0.0, (0.0, 0.0)
    if len(at) == 2:
        slope = float((values[1] - values[0]) / (at[1] - at[0]))
        return slope, (slope, slope)
    return median_slope(at, values)


def has_table(growth: Growth) -> bool:
    """Tell whether the holder keeps a hash table whose size was measured."""
    return growth.type.rpartition(".")[2] in _TABLES and bool(growth.own_bytes)


def rate_with_table(
    growth: Growth, turns: Sequence[int], since: float, items_rate: float
) -> tuple[float, tuple[float, float]]:
    """Bytes per turn of a hash table and its contents.

    The table itself grows in rare jumps: the slope over one or none of them says little. It is
    charged by the item instead, with what an item took on average over the censuses.
    """
    known = [
        (turn, own, size, length)
        for turn, own, size, length in zip(
            turns, growth.own_bytes, growth.bytes, growth.lengths, strict=False
        )
        if length and turn >= since
    ]
    if len(known) < 2:
        return rate_of(np.array(turns, dtype=np.float64), np.array(growth.bytes, dtype=np.float64))
    at, own, sizes, lengths = (np.array(column, dtype=np.float64) for column in zip(*known, strict=True))
    contents, (low, high) = rate_of(at, sizes - own)
    table = float(np.mean(own / lengths)) * items_rate
    return contents + table, (low + table, high + table)
