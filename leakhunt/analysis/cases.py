"""A finding together with what it was made from, so that later steps can look at both.

Makes and orders cases; judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.analysis.holders import Judgement
from leakhunt.analysis.source import Source, Usage, read_source
from leakhunt.census.growth import Growth
from leakhunt.findings.diagnosis import Finding, Kind, Process, Verdict
from leakhunt.findings.fingerprint import fingerprint
from leakhunt.model.run import Run


@dataclass(frozen=True, slots=True)
class Case:
    """A finding with what it was made from, for advice.

    `share` is the part of its bytes that is its own when others hold the same objects: what several
    holders keep alive is shown with each, and must be added up once. `layer` is what a counter was read of
    that grew: malloc, mapped, shared, files, segments; None for what is held on the heap.
    """

    finding: Finding
    judgement: Judgement
    growth: Growth | None = None
    usage: Usage | None = None
    share: float = 1.0
    layer: str | None = None

    @property
    def charged(self) -> float:
        """The bytes per iteration that count towards a sum over findings.

        A census charges an object to the first path that reaches it: only what was scaled up from a
        sample can be in the bytes of several holders.
        """
        twice = self.growth is not None and self.growth.scaled
        return (self.finding.bytes_per_iteration or 0.0) * (self.share if twice else 1.0)


def main_process(run: Run) -> Process:
    """Return the process that the findings of the main program are about."""
    return Process("main", [run.pid] if run.pid is not None else [])


def plain_case(
    run: Run,
    kind: Kind,
    verdict: Verdict,
    title: str,
    rate: float | None,
    evidence: list[str],
    *,
    count: float | None = None,
    process: Process | None = None,
) -> Case:
    finding = Finding(
        id=fingerprint(kind, "", ""),
        kind=kind,
        verdict=verdict,
        title=title,
        bytes_per_iteration=rate,
        process=process or main_process(run),
        owner=None,
        sites=[],
        evidence=evidence,
        advice=[],
        count_per_iteration=count,
        confidence="medium" if verdict == "leak" else None,
    )
    return Case(finding, Judgement(kind, verdict, evidence, rate))


def worst_first(cases: list[Case]) -> list[Case]:
    """Return the cases in the order of a report: leaks, undecided, explanations; each by size."""
    rank = {"leak": 0, "cannot-tell": 1, "no-leak": 2}
    return sorted(
        cases,
        key=lambda case: (
            rank[case.finding.verdict],
            case.judgement.negligible,
            -(case.finding.bytes_per_iteration or 0.0),
            case.finding.title,
        ),
    )


def sources_of(run: Run) -> list[Source]:
    """Return the readable sources in which loops ran."""
    files = dict.fromkeys(loop.file for loop in run.loops.values())
    found = (read_source(file, changed_before=run.started) for file in files)
    return [source for source in found if source is not None]
