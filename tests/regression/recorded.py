"""Diagnoses of runs that differ in what a comparison looks at, made by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from leakhunt.findings.diagnosis import (
    Cost,
    Diagnosis,
    Finding,
    Loop,
    Memory,
    MemoryPoint,
    Owner,
    Process,
    RunInfo,
    Site,
    Verdict,
)

TODAY = dt.date(2026, 5, 1)
HERE = "linux-x86_64 cpython-3.11"


def leak(
    name: str, rate: float | None, *, verdict: Verdict = "leak", id_: str | None = None, line: int = 7
) -> Finding:
    """A list that grows by `rate` bytes per iteration."""
    return Finding(
        id=id_ or f"id-of-{name}",
        kind="growing-container",
        verdict=verdict,
        title=f"{name} grows",
        bytes_per_iteration=rate,
        process=Process("main", [1]),
        owner=Owner(name, "module", "list"),
        sites=[Site("job.py", line, "main", rate, 1.0, "census", [])],
        evidence=[],
        advice=[],
    )


def run(
    *,
    peak: int | None = 100_000_000,
    resident: float | None = 0.0,
    malloc: float | None = 0.0,
    blocks: float | None = 0.0,
    seconds: float | None = 0.1,
    iterations: int = 40,
    findings: Sequence[Finding] = (),
    verdict: Verdict | None = None,
    target: str = "job.py",
    more: int | None = None,
    id_: str = "20260501-job-0001",
) -> Diagnosis:
    """A run of job.py, 40 iterations of 0.1 s, 100 MB at its peak, nothing growing, unless said otherwise."""
    worst: Verdict = "leak" if any(one.verdict == "leak" for one in findings) else "no-leak"
    return Diagnosis(
        leakhunt="0.1",
        run=RunInfo(id_, target, [target], 0.0, 5.0, "completed", 0, None, peak, 1, "CPython 3.11.7"),
        loops=[
            Loop("job.py:3:main", "job.py", 3, "main", ["i"], iterations, iterations, None, True,
                 seconds_per_iteration=seconds)
        ],
        verdict=verdict or worst,
        findings=list(findings),
        recommendations=[],
        losses=[],
        cost=Cost(None, None, None),
        memory=Memory(
            50_000_000, 90_000_000, peak, resident, None, "growing" if resident else "flat",
            points=[MemoryPoint(turn, turn / 10, 50_000_000 + turn * 1_000_000, None) for turn in range(5)],
            in_use_per_iteration=malloc, blocks_per_iteration=blocks,
        ),
        more_iterations=more,
    )  # fmt: skip


def runs_with_peaks(*megabytes: float) -> list[Diagnosis]:
    """One run for each peak."""
    return [run(peak=int(size * 1_000_000)) for size in megabytes]
