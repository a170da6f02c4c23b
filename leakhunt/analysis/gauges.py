"""What the gauges at the primary loop's boundaries do: memory by kind, handles, threads, children.

Gives each gauge a trend and turns those that no holder explains into findings' raw material.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.trend import ENOUGH_TURNS, Trend, judge_series
from leakhunt.model.layers import Probe
from leakhunt.model.run import LoopTrace, TreeTrace

Values = npt.NDArray[np.float64]

#: Resident memory grows by whole arenas: smaller rises cannot be told from one.
RESIDENT_FLOOR = 4_000.0
LEAST_RESIDENT_RISE = 1_000_000.0
#: What malloc has in use is exact to the byte, so less is enough.
LEAST_IN_USE_RISE = 100_000.0
#: A Python object of unknown kind, for turning block counts into bytes.
BYTES_PER_BLOCK = 80.0


@dataclass(frozen=True, slots=True)
class GaugeTrends:
    """Trends over the turns of the primary loop; None where a gauge was not read."""

    memory: Trend
    resident: Trend
    in_use: Trend | None
    free: Trend | None
    blocks: Trend | None
    file: Trend | None
    shared: Trend | None
    mapped: Trend | None
    gpu: Trend | None
    gpu_reserved: Trend | None
    children: Trend | None
    child_count: Trend | None

    def agree(self, predicted_rate: float) -> bool | None:
        """Tell whether memory rises with a holder that is said to grow at this rate; None when unknown."""
        seen = [
            trend.rise * scale
            for trend, scale in ((self.resident, 1.0), (self.in_use, 1.0), (self.blocks, BYTES_PER_BLOCK))
            if trend is not None and trend.rise is not None
        ]
        if not seen:
            return None
        predicted = predicted_rate * max(1, self.resident.turns - self.resident.first)
        if max(seen) >= 0.4 * predicted:
            return True
        # less than an arena may come out of memory that was free already
        return None if predicted < 2 * LEAST_RESIDENT_RISE and self.in_use is None else False


def gauge_trends(loop: LoopTrace, tree: TreeTrace, probes: Sequence[Probe] = ()) -> GaugeTrends:
    """Return what every gauge of `loop` does over its turns.

    Resident memory is judged up to the turn at which malloc was made to give a good part of it back:
    from there on it is not the program's alone.
    """
    turns, keep = first_of_each_turn(loop.turns)
    trimmed = _trimmed_at(loop, probes)

    def trend(levels: Values, floor: float, until: float = np.inf) -> Trend | None:
        kept = levels[keep]
        if not np.isfinite(kept).sum() >= 2:
            return None
        return judge_series(turns[turns <= until], kept[turns <= until], floor=floor)

    resident = trend(loop.private, RESIDENT_FLOOR, trimmed) or judge_series([], [])
    memory = trend(loop.rss, RESIDENT_FLOOR, trimmed) or resident
    children, child_count = _children(loop, tree)
    return GaugeTrends(
        memory,
        resident,
        trend(loop.gauges["in_use"], 1_000.0),
        trend(loop.gauges["free"], 1_000.0),
        trend(loop.gauges["blocks"], 10.0),
        trend(loop.gauges["rss_file"], RESIDENT_FLOOR),
        trend(loop.gauges["rss_shmem"], RESIDENT_FLOOR),
        trend(loop.gauges["mapped"], RESIDENT_FLOOR),
        trend(loop.gauges["gpu"], 1_000.0),
        trend(loop.gauges["gpu_reserved"], 1_000.0),
        children,
        child_count,
    )


def _trimmed_at(loop: LoopTrace, probes: Sequence[Probe]) -> float:
    """The turn of the first probe in the middle of `loop` that gave back a quarter of the rise so far."""
    for probe in probes:
        if probe.loop != loop.id or probe.at_end or probe.resident is None or not probe.given_back:
            continue
        known = loop.private[np.isfinite(loop.private)]
        rise = probe.resident[0] - float(known.min()) if len(known) else 0.0
        if probe.given_back >= 0.25 * rise:
            return float(probe.turns)
    return float("inf")


def first_of_each_turn(turns: Values) -> tuple[Values, npt.NDArray[np.int64]]:
    """Return the distinct turns and the index of the first sample of each."""
    kept, index = np.unique(turns, return_index=True)
    return np.asarray(kept, dtype=np.float64), np.asarray(index, dtype=np.int64)


def exact_growth(loop: LoopTrace, gauge: str) -> tuple[float, int, int] | None:
    """Return (per turn, first, last) of a counter that rises in every part of the run to the end; else None.

    Counters of handles and threads have no noise: a run of fewer than 20 turns counts when each
    reading after warm-up is higher than the one before.
    """
    turns, keep = first_of_each_turn(loop.turns)
    counts = loop.gauges[gauge][keep]
    known = np.isfinite(counts)
    turns, counts = turns[known], counts[known]
    if len(turns) < 6 or turns[-1] - turns[0] < 6:
        return None
    cut = int(np.searchsorted(turns, turns[0] + max(2.0, (turns[-1] - turns[0]) / 5)))
    at, kept = turns[cut:], counts[cut:]
    if len(at) < 4:
        return None
    gained = float(kept[-1] - kept[0])
    rate = gained / float(at[-1] - at[0])
    if turns[-1] - turns[0] < ENOUGH_TURNS:
        rising = bool(np.all(np.diff(kept) > 0)) and len(kept) >= 6
    else:
        under = np.minimum.accumulate(kept[::-1])[::-1]
        starts = np.linspace(0, len(under) - 1, 5).astype(int)
        rising = bool(np.all(np.diff(under[starts]) > 0))
    if not rising or rate < 0.3 or gained < 4:
        return None
    return rate, int(kept[0]), int(kept[-1])


def _children(loop: LoopTrace, tree: TreeTrace) -> tuple[Trend | None, Trend | None]:
    """Trends of the children's memory and number, read off the supervisor's samples at each turn."""
    if len(tree.seconds) < 6 or len(loop.seconds) < 6 or not np.nanmax(tree.processes, initial=1.0) > 1:
        return None, None
    inside = (tree.seconds >= loop.seconds[0]) & (tree.seconds <= loop.seconds[-1])
    if int(inside.sum()) < 6:
        return None, None
    turns = np.interp(tree.seconds[inside], loop.seconds, loop.turns)
    memory = (tree.tree_rss - tree.main_rss)[inside]
    return (
        judge_series(turns, memory, floor=RESIDENT_FLOOR),
        judge_series(turns, tree.processes[inside] - 1, floor=0.3),
    )
