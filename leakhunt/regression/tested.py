"""What a test of pytest measured: held against its entry in the baseline, and written into it.

A test is measured by one run, and not always whole: a budget gives its peak, a repetition its growth. What
was not measured now is neither compared nor taken out of the file. An entry of which nothing that matters
has changed stays as it is, so that an update shows in a review what is different and nothing else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from leakhunt.findings.comparison import (
    Change,
    Checked,
    FindingChange,
    Level,
    MeasureName,
    Problem,
    ProblemKind,
)
from leakhunt.findings.diagnosis import Diagnosis
from leakhunt.regression.baseline import Accepted, Known, Recorded
from leakhunt.regression.check import check_measured
from leakhunt.regression.compare import compare_sides
from leakhunt.regression.judge import MEASURES
from leakhunt.regression.measures import KnownFinding, measured
from leakhunt.regression.update import accepting
from leakhunt.units import format_bytes

#: Verdicts of a test whose growth is known; any other says nothing of it.
DECIDED = ("leak", "no-leak")
NOT_REPEATED = "not-repeated"
#: Of time nothing is kept: it would change with every update.
GROWTH: tuple[MeasureName, ...] = ("resident-growth", "malloc-growth", "block-growth")
#: Runs of which levels are kept, to show their noise.
_MOST_RUNS = 5
#: A run that lies outside the known ones by less than this share of what would matter shows nothing new.
_WIDER = 0.25
#: Kinds that one and the same growth of memory can be told as.
_OF_MEMORY = (
    "growing-container", "growing-type", "reference-cycle", "native-growth", "array-accumulation",
    "unexplained-growth",
)  # fmt: skip
#: What two rates of the same growth may differ by, as a share of what would matter: one block per call, 128 B.
_ALIKE = 0.25
_BY_NAME = {measure.name: measure for measure in MEASURES}


def recorded_test(
    grown: Sequence[tuple[str, Diagnosis | None]],
    peak: int | None,
    peak_by: str | None,
    *,
    today: dt.date,
    python: str,
    packages: dict[str, str],
) -> Recorded:
    """Return what a test measured: `grown` is the verdict and the diagnosis of all that it repeated.

    Where nothing goes on growing, growth is 0: a slope through a cache that fills is none.
    """
    verdict = _verdict([verdict for verdict, _ in grown])
    leaking = [
        measured([diagnosis]) for verdict, diagnosis in grown if verdict == "leak" and diagnosis is not None
    ]
    levels = {measure.name: Level([]) for measure in MEASURES}
    findings: dict[str, KnownFinding] = {}
    if verdict in DECIDED:
        for name in GROWTH:
            rates = [rate for side in leaking if (rate := side.levels[name].middle) is not None]
            levels[name] = Level([max(rates)] if rates else [] if leaking else [0.0])
        for side in leaking:
            for id_, found in side.findings.items():
                if id_ not in findings or (findings[id_].rate or 0.0) < (found.rate or 0.0):
                    findings[id_] = found
    if peak is not None:
        levels["peak"] = Level([float(peak)])
    return Recorded(
        today, python, 1, None, verdict, levels, findings, packages, peak_by if peak is not None else None
    )


def _verdict(verdicts: Sequence[str]) -> str:
    if not verdicts:
        return NOT_REPEATED
    undecided = [verdict for verdict in verdicts if verdict not in DECIDED]
    return undecided[0] if undecided else "leak" if "leak" in verdicts else "no-leak"


def named_as_known(now: Recorded, known: Known, environment: str) -> tuple[Recorded, list[str]]:
    """Return what was measured with a leak under the name that the baseline has for it, and notes of that.

    Whether the holder of a leak is found depends on what else is in the heap: the same leak is told of a
    variable at one time and of a type at another. It is the same where the one is gone and the other new, of
    another kind, and all counters rise as they did.
    """
    earlier = known.environments.get(environment)
    if earlier is None or now.verdict != "leak" or not _grows_alike(earlier, now):
        return now, []
    gone = [
        one
        for id_, one in earlier.findings.items()
        if one.leak and id_ not in now.findings and one.kind in _OF_MEMORY
    ]
    findings: dict[str, KnownFinding] = {}
    notes = []
    for id_, found in now.findings.items():
        other = next((one for one in gone if one.kind != found.kind), None)
        known_by_name = id_ in earlier.findings or id_ in known.accepted
        if other is None or known_by_name or not found.leak or found.kind not in _OF_MEMORY:
            findings[id_] = found
            continue
        gone.remove(other)
        findings[other.id] = replace(other, file=found.file, line=found.line)
        notes.append(f"{found.title}: the same growth as {other.title} in the baseline")
    return replace(now, findings=findings), notes


def _grows_alike(earlier: Recorded, now: Recorded) -> bool:
    pairs = [(name, earlier.levels[name].middle, now.levels[name].middle) for name in GROWTH]
    known = [(name, old, new) for name, old, new in pairs if old is not None and new is not None]
    return bool(known) and all(
        abs(new - old) <= _ALIKE * _BY_NAME[name].least(old) for name, old, new in known
    )


def check_test(
    name: str, known: Known, now: Recorded, environment: str, *, today: dt.date, swept: bool, update: str
) -> Checked:
    """Return what a test measured against what is `known` of it.

    A test that is only `swept` was not asked to be free of growth: it fails for what is worse than its own
    baseline, or was accepted for a time that is over.
    """
    now, notes = named_as_known(now, known, environment)
    earlier = known.environments.get(environment)
    if earlier is not None:
        earlier = _comparable(earlier, now, notes)
        known = replace(known, environments={**known.environments, environment: earlier})
    if now.verdict not in DECIDED:
        known = replace(known, accepted={})
    fail_on: tuple[ProblemKind, ...] = ("regression",) if swept else ("leak", "regression")
    checked = check_measured(
        now.as_side(name), known, environment, target=name, today=today, packages=now.packages,
        fail_on=fail_on, update=update,
    )  # fmt: skip
    known_for_tests = checked.comparison.notes if checked.comparison else []
    notes += [note for note in checked.notes if note not in known_for_tests]
    problems = [_expired(one, known) if swept else one for one in checked.problems]
    return replace(checked, notes=notes, problems=problems)


def _expired(problem: Problem, known: Known) -> Problem:
    return replace(problem, fails=True) if problem.finding in known.accepted else problem


def _comparable(earlier: Recorded, now: Recorded, notes: list[str]) -> Recorded:
    """Return what of the baseline was measured now as well, by the same instrument."""
    levels = dict(earlier.levels)
    if now.levels["peak"].values and levels["peak"].values and earlier.peak_by != now.peak_by:
        notes.append(
            f"the peak was measured by {earlier.peak_by} in the baseline and by {now.peak_by} now: not compared"
        )
        levels["peak"] = Level([])
    if now.verdict in DECIDED:
        return replace(earlier, levels=levels)
    return replace(earlier, levels={**levels, **{name: Level([]) for name in GROWTH}}, findings={})


def update_test(
    name: str, known: Known, now: Recorded, environment: str, *, today: dt.date, until: dt.date | None
) -> tuple[Known, list[str]]:
    """Return the entry of a test with what was measured, and in sentences what that changes: nothing, often.

    Its leaks are accepted, up to `until`; a leak that another environment has stays accepted.
    """
    now, _ = named_as_known(now, known, environment)
    earlier = known.environments.get(environment)
    others = [one for key, one in known.environments.items() if key != environment]
    accepted = known.accepted
    said: list[str] = []
    if now.verdict in DECIDED:
        elsewhere = {id_ for one in others for id_, found in one.findings.items() if found.leak}
        accepted, said = accepting(
            known, now.as_side(name), today=today, until=until, elsewhere=elsewhere
        )  # fmt: skip
        said += _dates(known, accepted)
        said += [
            f"{one.title} fails until it is accepted up to another day: {one.until} is over"
            for one in accepted.values()
            if not one.holds(today)
        ]
    if earlier is None:
        if now.verdict not in DECIDED and not now.levels["peak"].values:
            return known, []
        changed, explained = now, [f"new for {environment}: {_in_words(now)}"]
    else:
        changed, explained = _moved(name, earlier, now)
    environments = {**known.environments, environment: changed}
    return Known(environments, accepted), [*explained, *said]


def _dates(known: Known, accepted: dict[str, Accepted]) -> list[str]:
    return [
        f"accepted until {one.until} (was: {known.accepted[id_].until or 'without an end'}): {one.title}"
        for id_, one in accepted.items()
        if id_ in known.accepted and known.accepted[id_].until != one.until
    ]


def _in_words(now: Recorded) -> str:
    parts = [
        f"{_BY_NAME[name].words} {_BY_NAME[name].in_words(middle)}"
        for name in ("peak", *GROWTH)
        if (middle := now.levels[name].middle)
    ]
    growth = {"no-leak": ["does not grow"], "leak": ["grows"]}.get(now.verdict, [])
    return ", ".join([*growth, *parts]) or "nothing"


def _moved(name: str, earlier: Recorded, now: Recorded) -> tuple[Recorded, list[str]]:
    """Return the levels of a test with those of today where they differ by what matters, and what differs."""
    said = [
        f"{package}: {earlier.packages.get(package, 'none')} → {now.packages.get(package, 'none')}"
        for package in sorted({*earlier.packages, *now.packages})
        if earlier.packages.get(package) != now.packages.get(package)
    ]
    repeated, peaked = now.verdict in DECIDED, bool(now.levels["peak"].values)
    if peaked and earlier.peak_by not in (None, now.peak_by):
        said.append(f"the peak is measured by {now.peak_by} from now on (was: {earlier.peak_by})")
        earlier = replace(earlier, levels={**earlier.levels, "peak": Level([])})
    comparison = compare_sides(earlier.as_side(name), now.as_side(name), ("baseline", "now"))
    levels = dict(earlier.levels)
    other = repeated and any(one.standing in ("new", "gone") for one in comparison.findings)
    for change in comparison.changes:
        if change.after.values:  # where something else grows, the earlier rates are no noise of today's
            replaced = other and change.measure in GROWTH and change.standing == "same"
            levels[change.measure] = change.after if replaced else _level(change, said)
    findings = earlier.findings
    if repeated:
        same = {one.id for one in comparison.findings if one.standing == "same"}
        findings = {
            id_: earlier.findings[id_] if id_ in same else found for id_, found in now.findings.items()
        }
        said += [_finding_moved(one) for one in comparison.findings if one.id not in same]
        if earlier.verdict not in DECIDED:
            said.append(f"measured for the first time: {_in_words(now)}")
    changed = replace(
        earlier, levels=levels, findings=findings, packages=now.packages,
        verdict=now.verdict if repeated else earlier.verdict,
        peak_by=now.peak_by if peaked else earlier.peak_by,
        runs=max([1, *(len(level.values) for level in levels.values())]),
    )  # fmt: skip
    if not said:
        return earlier, []
    return replace(changed, measured=now.measured, python=now.python), said


def _finding_moved(one: FindingChange) -> str:
    rates = ""
    if one.standing in ("worse", "better"):
        rates = f", {format_bytes(one.before)} → {format_bytes(one.after)} per iteration"
    return f"{one.standing}: {one.title}{rates}"


def _level(change: Change, said: list[str]) -> Level:
    """Return the level to write: today's where it moved, one run more where it shows more noise."""
    measure = _BY_NAME[change.measure]
    if change.standing in ("worse", "better"):
        said.append(f"{measure.words}: {change.reason}")
        return change.after
    if change.standing == "unknown":
        said.append(f"{measure.words}: {measure.in_words(change.after.values[0])}, not measured before")
        return change.after
    value, known = change.after.values[0], change.before.values
    beyond = max(known[0] - value, value - known[-1])
    if beyond <= _WIDER * measure.least(known[0]) or len(known) >= _MOST_RUNS:
        return change.before
    said.append(f"{measure.words}: one run more to show its noise, {measure.in_words(value)}")
    return Level(sorted([*known, value]))
