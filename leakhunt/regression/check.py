"""Judges the runs of one target: leaks that nobody accepted, and what is worse than the baseline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from leakhunt.findings.comparison import Checked, Comparison, Problem, ProblemKind
from leakhunt.findings.diagnosis import Diagnosis
from leakhunt.regression.baseline import Known
from leakhunt.regression.compare import compare_sides
from leakhunt.regression.judge import MEASURES
from leakhunt.regression.measures import KnownFinding, Measured, measured

_WORDS = {measure.name: measure.words for measure in MEASURES}
_COUNT = {measure.name for measure in MEASURES if measure.counts}


def check_runs(
    diagnoses: Sequence[Diagnosis],
    known: Known | None,
    environment: str,
    *,
    fail_on: Collection[ProblemKind],
    today: dt.date,
    target: str | None = None,
    packages: dict[str, str] | None = None,
) -> Checked:
    """Return what the runs say against what is `known` of the target (None: no baseline was given).

    A leak fails when `fail_on` has "leak" and it is not accepted, anything worse than the baseline when it has
    "regression", an undecided run when it has "cannot-tell".
    """
    now = measured(diagnoses)
    undecided = _why_undecided(diagnoses) if now.verdict == "cannot-tell" else None
    return check_measured(
        now, known, environment, fail_on=fail_on, today=today, target=target, packages=packages, undecided=undecided
    )  # fmt: skip


def check_measured(
    now: Measured,
    known: Known | None,
    environment: str,
    *,
    fail_on: Collection[ProblemKind],
    today: dt.date,
    target: str | None = None,
    packages: dict[str, str] | None = None,
    undecided: str | None = None,
    update: str = "--update",
) -> Checked:
    """Return what was measured against what is `known`. `undecided`: why it cannot be told whether it grows;
    `update`: the option that would write the baseline anew."""
    name = target or now.target
    notes: list[str] = []
    problems = [] if undecided is None else [_undecided(undecided, fail_on)]
    leaks, accepted = _leaks(now, known or Known(), fail_on, today, notes, update)
    comparison = None
    if known is not None:
        comparison = _against(known, environment, now, name, packages or {}, notes, update)
    if comparison is not None and known is not None:
        leaks = _told_once(leaks, _worse(comparison, known, fail_on, today))
        notes += comparison.notes
    return Checked(name, now.runs, now.verdict, [*leaks, *problems], comparison, accepted, notes)


def _told_once(leaks: list[Problem], worse: list[Problem]) -> list[Problem]:
    """A new leak is both: told as what fails, and as a leak where either would."""
    failing = {problem.finding for problem in worse if problem.fails and problem.finding}
    kept = [leak for leak in leaks if leak.fails or leak.finding not in failing]
    told = {problem.finding for problem in kept}
    return kept + [problem for problem in worse if problem.finding is None or problem.finding not in told]


def _leaks(
    now: Measured,
    known: Known,
    fail_on: Collection[ProblemKind],
    today: dt.date,
    notes: list[str],
    update: str,
) -> tuple[list[Problem], list[str]]:
    problems, accepted = [], []
    for found in now.findings.values():
        if not found.leak:
            continue
        entry = known.accepted.get(found.id)
        if entry is not None and entry.holds(today):
            accepted.append(f"{found.title}" + (f" (until {entry.until.isoformat()})" if entry.until else ""))
            continue
        why = "it is not in the baseline" if entry is None else f"it was accepted until {entry.until}"
        problems.append(_finding_problem("leak", found.kind, found, why, "leak" in fail_on))
    gone = [one.title for id_, one in known.accepted.items() if id_ not in now.findings]
    notes += [f"accepted, but no longer there: {title} ({update} takes it out)" for title in gone]
    return problems, accepted


def _why_undecided(diagnoses: Sequence[Diagnosis]) -> str:
    last = next((one for one in reversed(diagnoses) if one.verdict == "cannot-tell"), diagnoses[-1])
    more = f"about {last.more_iterations} more iterations would decide" if last.more_iterations else None
    return "; ".join(filter(None, (*last.reasons[:1], more))) or "the runs do not agree"


def _undecided(why: str, fail_on: Collection[ProblemKind]) -> Problem:
    title = "Not decided whether memory grows"
    return Problem("cannot-tell", "cannot-tell", title, why, "cannot-tell" in fail_on)


def _against(
    known: Known,
    environment: str,
    now: Measured,
    target: str,
    packages: dict[str, str],
    notes: list[str],
    update: str,
) -> Comparison | None:
    recorded = known.environments.get(environment)
    if recorded is None:
        others = ", ".join(sorted(known.environments)) or "none yet"
        notes.append(
            f"the baseline has no levels for {environment} (it has {others}): only leaks were judged; "
            f"{update} adds this one"
        )
        return None
    for name, version in sorted(recorded.packages.items()):
        if name in packages and packages[name] != version:
            notes.append(f"{name} was {version} in the baseline and is {packages[name]} now")
    return compare_sides(recorded.as_side(target), now, ("baseline", "now"))


def _worse(
    comparison: Comparison, known: Known, fail_on: Collection[ProblemKind], today: dt.date
) -> list[Problem]:
    fails = "regression" in fail_on
    problems = [
        Problem("regression", one.measure, f"{_WORDS[one.measure].capitalize()} is higher", one.reason, fails)
        for one in comparison.changes
        if one.standing == "worse" and one.measure in _COUNT
    ]
    for one in comparison.findings:
        entry = known.accepted.get(one.id)
        if one.standing == "worse" or (
            one.standing == "new" and one.leak and not (entry and entry.holds(today))
        ):
            found = KnownFinding(one.id, one.kind, one.title, one.after, one.leak, one.file, one.line)
            why = (
                "it is new"
                if one.standing == "new"
                else f"it grew by {one.before:,.0f} bytes per iteration before"
            )
            problems.append(_finding_problem("regression", one.kind, found, why, fails))
    return problems


def _finding_problem(kind: ProblemKind, slug: str, found: KnownFinding, why: str, fails: bool) -> Problem:
    return Problem(kind, slug, found.title, why, fails, found.file, found.line, found.id)
