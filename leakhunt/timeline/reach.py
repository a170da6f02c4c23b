"""When memory reached its limit, or would have; and the moments at which it came near. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from leakhunt.findings.diagnosis import Diagnosis
from leakhunt.findings.timeline import CauseOfDeath, CoursePoint, Reach
from leakhunt.model.run import Column, Run
from leakhunt.timeline.iterations import Outer
from leakhunt.timeline.journals import Told
from leakhunt.units import format_bytes

#: Points of a course: enough for a chart.
MOST_POINTS = 1_500
#: The limit counts as reached from this share of it on: the kernel's own use is in it too.
_REACHED = 0.97
_MILESTONES = (0.5, 0.75, 0.9)
_LEAST_TURNS = 2


def course_of(run: Run) -> list[CoursePoint]:
    """Return memory over time; of a long run the highest of each stretch, so that no peak is lost."""
    tree = run.tree
    known = np.flatnonzero(np.isfinite(tree.tree_rss))
    if not len(known):
        return []
    return [
        CoursePoint(
            round(float(tree.seconds[at]), 3),
            _bytes(tree.tree_rss[at]),
            _bytes(tree.main_rss[at]),
            _bytes(tree.available[at]),
        )
        for at in _peaks(tree.tree_rss, known)
    ]


def _peaks(column: Column, known: npt.NDArray[np.intp]) -> list[int]:
    """Return the indexes to keep: first, last, and the highest and lowest of each stretch between."""
    if len(known) <= MOST_POINTS:
        return [int(at) for at in known]
    kept = {int(known[0]), int(known[-1])}
    for stretch in np.array_split(known, MOST_POINTS // 2):
        values = column[stretch]
        kept.add(int(stretch[int(np.argmax(values))]))
        kept.add(int(stretch[int(np.argmin(values))]))
    return sorted(kept)


def limit_in_force(told: Sequence[Told]) -> tuple[int | None, str | None]:
    """Return the limit in bytes of resident memory, and whose it is.

    The machine's is the last that was seen, for others take memory, too. That of a control group does not move: of
    its estimates the highest is the nearest, for what censuses and other processes hold in it lowers the others.
    """
    seen = [(one.fields.get("limit"), one.fields.get("source")) for one in told if one.kind == "limits"]
    known = [(limit, source) for limit, source in seen if type(limit) is int and isinstance(source, str)]
    if not known:
        return None, None
    _, source = known[-1]
    of_source = [limit for limit, whose in known if whose == source]
    return (max(of_source) if source == "cgroup" else of_source[-1]), source


def reach_of(
    run: Run, told: Sequence[Told], diagnosis: Diagnosis, outer: Outer | None, death: CauseOfDeath
) -> Reach | None:
    """Return the limit and when it was reached or would have been; None when nothing is known of either."""
    limit, source = limit_in_force(told)
    rate = _rate(outer, diagnosis)
    hourly = _rate_per_hour(outer, rate)
    ended = run.started + run.seconds if run.started is not None and run.seconds is not None else None
    if death.cause == "kernel-oom" and death.certainty != "unknown":
        return Reach(limit, source, True, death.wall, 0.0, rate, hourly)
    if limit is None:
        return Reach(None, None, False, None, None, rate, hourly) if rate is not None else None
    over = np.flatnonzero(run.tree.tree_rss >= _REACHED * limit)
    if len(over) and run.started is not None:
        return Reach(limit, source, True, run.started + float(run.tree.seconds[over[0]]), 0.0, rate, hourly)
    known = run.tree.tree_rss[np.isfinite(run.tree.tree_rss)]
    if rate is None or rate <= 0 or not len(known):
        return Reach(limit, source, False, None, None, rate, hourly)
    left = max(0.0, (limit - float(known[-1])) / rate)
    turn = outer.loop.seconds_per_iteration if outer is not None else None
    when = ended + left * turn if ended is not None and turn is not None else None
    return Reach(limit, source, False, when, left, rate, hourly)


def _rate(outer: Outer | None, diagnosis: Diagnosis) -> float | None:
    """Growth per turn of the outer loop: the analysis's when it measured the same loop, else the median."""
    if outer is None:
        return None
    memory = diagnosis.memory
    primary = next((loop for loop in diagnosis.loops if loop.primary), None)
    if primary is not None and primary.id == outer.loop.id and memory is not None and not outer.of_tree:
        return memory.bytes_per_iteration
    growths = [row.growth for row in outer.rows if row.completed and row.growth is not None]
    return float(np.median(growths)) if len(growths) >= _LEAST_TURNS else None


def _rate_per_hour(outer: Outer | None, rate: float | None) -> float | None:
    turn = outer.loop.seconds_per_iteration if outer is not None else None
    return rate / turn * 3_600 if rate is not None and turn else None


def milestones(run: Run, limit: int | None) -> list[tuple[float, str, int]]:
    """Return the instants (seconds) at which memory first passed shares of its limit, in words, with its size."""
    if limit is None:
        return []
    found = []
    rss = run.tree.tree_rss
    for share in _MILESTONES:
        over = np.flatnonzero(rss >= share * limit)
        if len(over) and over[0] > 0:
            at = int(over[0])
            text = f"memory passed {share:.0%} of the limit: {format_bytes(int(rss[at]))}".replace("%", " %")
            found.append((float(run.tree.seconds[at]), text, int(rss[at])))
    return found


def _bytes(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None
