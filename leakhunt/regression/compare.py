"""Compares the runs of one side with those of another: measures by noise and size, findings by fingerprint."""

from __future__ import annotations

from collections.abc import Sequence

from leakhunt.findings.comparison import Comparison, Course, FindingChange, FindingStanding, Side
from leakhunt.findings.diagnosis import Diagnosis
from leakhunt.regression.judge import ALONE, MEASURES, judge_change
from leakhunt.regression.measures import KnownFinding, Measured, measured

#: A finding's rate comes from exact counts: less than this change, or this share, is the same rate. With one
#: run a side it is twice as much: a list or a dict grows in leaps, which another number of turns meets elsewhere.
_RATE_FLOOR, _RATE_SHARE = 500.0, 0.1
#: Points of a course in a chart.
_MOST_POINTS = 1_000


def compare_runs(before: Diagnosis, after: Diagnosis, labels: tuple[str, str] | None = None) -> Comparison:
    """Return what differs from one recorded run to another; `labels` are what the two are called."""
    names = labels or (before.run.id, after.run.id)
    return compare_sides(measured([before]), measured([after]), names)


def compare_sides(before: Measured, after: Measured, labels: tuple[str, str]) -> Comparison:
    """Return what differs between two sides of one or more runs each."""
    notes = []
    if before.target != after.target:
        notes.append(f"these are runs of different targets: {before.target} and {after.target}")
    if before.iterations != after.iterations:
        notes.append(
            f"{before.iterations or 'no'} iterations before and {after.iterations or 'no'} now: peaks are of "
            "runs of different length"
        )
    if before.runs == 1 or after.runs == 1:
        notes.append("one run on a side shows no noise: only twice what would matter counts")
    changes = [judge_change(measure, before.levels[measure.name], after.levels[measure.name])
               for measure in MEASURES]  # fmt: skip
    return Comparison(
        _side(labels[0], before), _side(labels[1], after), changes, compare_findings(before, after), notes
    )


def compare_findings(before: Measured, after: Measured) -> list[FindingChange]:
    """Return the findings of both sides, what is new or worse first, then by rate."""
    times = ALONE if before.runs == 1 or after.runs == 1 else 1.0
    found = [_finding_change(before.findings.get(id_), after.findings.get(id_), times)
             for id_ in dict.fromkeys((*after.findings, *before.findings))]  # fmt: skip
    order: list[FindingStanding] = ["new", "worse", "same", "better", "gone"]
    return sorted(
        found, key=lambda one: (order.index(one.standing), -(one.after or one.before or 0.0), one.id)
    )


def course(diagnosis: Diagnosis, label: str | None = None) -> Course:
    """Return how the run's resident set went, for a chart."""
    points = [
        (point.iteration, point.rss)
        for point in (diagnosis.memory.points if diagnosis.memory else [])
        if point.rss is not None
    ]
    step = max(1, -(-len(points) // _MOST_POINTS))
    return Course(label or diagnosis.run.id, points[::step])


def courses(diagnoses: Sequence[Diagnosis], labels: Sequence[str]) -> list[Course]:
    """Return the courses of several runs."""
    return [course(one, label) for one, label in zip(diagnoses, labels, strict=True)]


def _finding_change(before: KnownFinding | None, after: KnownFinding | None, times: float) -> FindingChange:
    shown = after or before
    assert shown is not None
    return FindingChange(
        id=shown.id, kind=shown.kind, title=shown.title, standing=_standing(before, after, times),
        before=before.rate if before else None, after=after.rate if after else None,
        leak=shown.leak, file=shown.file, line=shown.line,
    )  # fmt: skip


def _standing(before: KnownFinding | None, after: KnownFinding | None, times: float) -> FindingStanding:
    if before is None:
        return "new"
    if after is None:
        return "gone"
    if before.rate is None or after.rate is None:
        return "same"
    difference = after.rate - before.rate
    if abs(difference) < times * max(_RATE_FLOOR, _RATE_SHARE * abs(before.rate)):
        return "same"
    return "worse" if difference > 0 else "better"


def _side(label: str, one: Measured) -> Side:
    return Side(label, one.target, one.runs, one.iterations, one.verdict, one.python)
