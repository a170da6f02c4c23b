"""The memory of the primary loop for reports, and when it would reach the limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leakhunt.analysis.gauges import GaugeTrends, first_of_each_turn
from leakhunt.analysis.trend import judge_series
from leakhunt.findings.diagnosis import Finding, Forecast, Memory, MemoryPoint, TreePoint
from leakhunt.model.run import LoopTrace, Run

#: Charts hold no more points than this.
MOST_POINTS = 2_000
#: Bytes, and blocks, per turn from which on exact counters are said to grow steadily.
_IN_USE_FLOOR, _BLOCKS_FLOOR = 100.0, 1.0


def loop_memory(run: Run, loop: LoopTrace, gauges: GaugeTrends) -> Memory:
    """Return the loop's memory: first boundary after warm-up, last, peak, growth, points for charts."""
    _, keep = first_of_each_turn(loop.turns)
    rss, in_use = loop.rss, loop.gauges["in_use"]
    known = np.flatnonzero(np.isfinite(rss))
    trend = gauges.resident
    start = _first_known(rss[keep])
    points = [
        MemoryPoint(
            int(loop.turns[at]),
            round(float(loop.seconds[at]), 6),
            _bytes(rss[at]),
            _bytes(in_use[at]),
            _label(loop, at),
        )
        for at in _spread(keep)
    ]
    return Memory(
        start=start,
        end=_bytes(rss[known[-1]]) if len(known) else _last_main(run),
        peak=_peak(run, rss),
        bytes_per_iteration=trend.rate,
        bytes_per_iteration_ci=list(trend.interval) if trend.interval is not None else None,
        shape=trend.shape,
        points=points,
        tree=_tree_points(run),
        in_use_per_iteration=_steady(loop, "in_use", _IN_USE_FLOOR),
        blocks_per_iteration=_steady(loop, "blocks", _BLOCKS_FLOOR),
    )


def _steady(loop: LoopTrace, gauge: str, floor: float) -> float | None:
    """The growth per turn that goes on to the end of the run: 0 for a level that settles, None when too short.

    Its floor is lower than that of verdicts: comparisons of runs look at changes of it, not at its size.
    """
    turns, keep = first_of_each_turn(loop.turns)
    trend = judge_series(turns, loop.gauges[gauge][keep], floor=floor)
    if trend.shape == "too-short":
        return None
    return trend.rate if trend.grows else 0.0


def tree_memory(run: Run) -> Memory:
    """Return the memory of a run in which no loop was followed, from the supervisor's samples."""
    rss = run.tree.main_rss if np.isfinite(run.tree.main_rss).any() else run.tree.tree_rss
    known = rss[np.isfinite(rss)]
    return Memory(
        start=_bytes(known[0]) if len(known) else None,
        end=_bytes(known[-1]) if len(known) else None,
        peak=_peak(run, rss),
        bytes_per_iteration=None,
        bytes_per_iteration_ci=None,
        shape=None,
        tree=_tree_points(run),
    )


def forecast(
    run: Run, loop: LoopTrace | None, memory: Memory, findings: list[Finding], *, grows: bool, leaking: float
) -> Forecast | None:
    """Return when memory reaches the limit at the present rate; no instant when it does not grow.

    `leaking` is what the leaks add per turn, objects that several of them hold counted once.
    """
    if run.limits is None or run.limits.limit is None:
        return None
    limit, source = run.limits.limit, run.limits.source
    lasting = grows and any(finding.verdict != "no-leak" for finding in findings)
    rate = memory.bytes_per_iteration if lasting else None
    if leaking > 0 and not (rate and rate > 0.5 * leaking):
        rate = leaking
    now = _last_tree(run) or memory.end
    if loop is None or not rate or rate <= 0 or now is None:
        return Forecast(limit, None, None, source)
    iterations = max(0.0, (limit - now) / rate)
    turn = loop.seconds_per_iteration
    return Forecast(limit, iterations * turn if turn is not None else None, iterations, source)


def _tree_points(run: Run) -> list[TreePoint]:
    seconds, rss = run.tree.seconds, run.tree.tree_rss
    return [
        TreePoint(round(float(seconds[at]), 6), int(rss[at]))
        for at in _spread(np.flatnonzero(np.isfinite(rss)))
    ]


def _spread(indexes: Sequence[int] | Any) -> list[int]:
    """At most `MOST_POINTS` of the indexes, evenly spread, first and last included."""
    if len(indexes) <= MOST_POINTS:
        return [int(index) for index in indexes]
    chosen = np.unique(np.linspace(0, len(indexes) - 1, MOST_POINTS).astype(int))
    return [int(indexes[at]) for at in chosen]


def _label(loop: LoopTrace, at: int) -> str | None:
    values = loop.labels[at]
    if values is None:
        return None
    return ", ".join(f"{name} = {value}" for name, value in zip(loop.variables, values, strict=False)) or None


def _peak(run: Run, rss: Any) -> int | None:
    seen = [float(np.nanmax(column)) for column in (rss, run.tree.main_rss) if np.isfinite(column).any()]
    return int(max(seen)) if seen else None


def _first_known(values: Any) -> int | None:
    known = values[np.isfinite(values)]
    return int(known[0]) if len(known) else None


def _last_main(run: Run) -> int | None:
    known = run.tree.main_rss[np.isfinite(run.tree.main_rss)]
    return int(known[-1]) if len(known) else None


def _last_tree(run: Run) -> int | None:
    """The tree's memory when the target was last seen: at its end it is already being given back."""
    known = run.tree.tree_rss[np.isfinite(run.tree.tree_rss)]
    return int(known[-3:].max()) if len(known) else None


def _bytes(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None
