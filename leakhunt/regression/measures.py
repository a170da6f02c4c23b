"""What of a diagnosis is compared with another: a few numbers, and the findings by fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from leakhunt.findings.comparison import Level, MeasureName
from leakhunt.findings.diagnosis import Diagnosis, Finding, Loop

#: Growth that is, or may be, a leak; what is explained otherwise is not compared.
_COUNTED = ("leak", "cannot-tell")


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """A finding as it is matched with those of other runs. `rate` is bytes per iteration."""

    id: str
    kind: str
    title: str
    rate: float | None
    leak: bool
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The runs of one side: levels by measure, findings by id, and under what they were made."""

    target: str
    runs: int
    iterations: int | None
    verdict: str
    python: str
    levels: dict[MeasureName, Level]
    findings: dict[str, KnownFinding]


def primary(diagnosis: Diagnosis) -> Loop | None:
    """Return the loop that "per iteration" refers to."""
    return next((loop for loop in diagnosis.loops if loop.primary), None)


def measured(diagnoses: Sequence[Diagnosis]) -> Measured:
    """Return the runs of one target as one side of a comparison; a finding counts that most of them have."""
    first = diagnoses[0]
    loops = [loop for loop in map(primary, diagnoses) if loop is not None]
    return Measured(
        target=" ".join(first.run.argv) or first.run.target,
        runs=len(diagnoses),
        iterations=round(median(loop.iterations for loop in loops)) if loops else None,
        verdict=_verdict(diagnoses),
        python=first.run.python,
        levels=_levels(diagnoses),
        findings=_findings(diagnoses),
    )


def _verdict(diagnoses: Sequence[Diagnosis]) -> str:
    """The verdict of most runs; where none has most of them, nobody can tell."""
    verdicts = [diagnosis.verdict for diagnosis in diagnoses]
    common = max(set(verdicts), key=verdicts.count)
    return common if 2 * verdicts.count(common) > len(verdicts) else "cannot-tell"


def _levels(diagnoses: Sequence[Diagnosis]) -> dict[MeasureName, Level]:
    columns: dict[MeasureName, list[float | None]] = {
        "peak": [diagnosis.run.peak_rss for diagnosis in diagnoses],
        "resident-growth": [_resident(one) for one in diagnoses],
        "malloc-growth": [one.memory.in_use_per_iteration if one.memory else None for one in diagnoses],
        "block-growth": [one.memory.blocks_per_iteration if one.memory else None for one in diagnoses],
        "seconds": [loop.seconds_per_iteration if loop else None for loop in map(primary, diagnoses)],
    }
    return {
        name: Level(sorted(float(value) for value in column if value is not None))
        for name, column in columns.items()
    }


def _resident(diagnosis: Diagnosis) -> float | None:
    """The growth of the resident set that goes on: a slope through a level that settles is none."""
    memory = diagnosis.memory
    if memory is None or memory.bytes_per_iteration is None:
        return None
    return memory.bytes_per_iteration if memory.shape == "growing" else 0.0


def _findings(diagnoses: Sequence[Diagnosis]) -> dict[str, KnownFinding]:
    seen: dict[str, list[Finding]] = {}
    for diagnosis in diagnoses:
        counted = {finding.id: finding for finding in diagnosis.findings if finding.verdict in _COUNTED}
        for id_, finding in counted.items():
            seen.setdefault(id_, []).append(finding)
    return {id_: _known(found) for id_, found in seen.items() if 2 * len(found) > len(diagnoses)}


def _known(found: list[Finding]) -> KnownFinding:
    rates = [one.bytes_per_iteration for one in found if one.bytes_per_iteration is not None]
    last = found[-1]
    site = next((site for site in last.sites if site.role == "insertion"), None) or next(
        iter(last.sites), None
    )
    place = (
        (site.file, site.line) if site else (last.owner.file, last.owner.line) if last.owner else (None, None)
    )
    leaks = sum(one.verdict == "leak" for one in found)
    return KnownFinding(
        last.id, last.kind, last.title, median(rates) if rates else None, 2 * leaks > len(found), *place
    )
