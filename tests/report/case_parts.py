"""What the hand-made diagnoses have in common: a run, a loop, a course of memory."""

from __future__ import annotations

from dataclasses import replace

from leakhunt.findings.diagnosis import Cost, Diagnosis, Loop, MemoryPoint, Process, RunInfo

MAIN = Process("main", [4242])
STARTED = 1_766_707_200.0


def run(target: str = "sweep.py", **changes: object) -> RunInfo:
    base = RunInfo(
        id="20251226-000000-4242",
        target=target,
        argv=[target],
        started=STARTED,
        ended=STARTED + 242.0,
        outcome="completed",
        exit_code=0,
        signal=None,
        peak_rss=214_000_000,
        processes=1,
        python="3.11.7",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def loop(file: str, line: int, variables: list[str], iterations: int, **changes: object) -> Loop:
    base = Loop(
        id=f"{file}:{line}:main",
        file=file,
        line=line,
        function="main",
        variables=variables,
        iterations=iterations,
        total=None,
        parent=None,
        primary=True,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def course(values: list[float], seconds: float, labels: list[str] | None = None) -> list[MemoryPoint]:
    return [
        MemoryPoint(
            i, i * seconds, int(rss), int(rss * 0.93), labels[i] if labels and i < len(labels) else None
        )
        for i, rss in enumerate(values)
    ]


def diagnosis(**changes: object) -> Diagnosis:
    base = Diagnosis(
        leakhunt="0.1.0",
        run=run(),
        loops=[],
        verdict="no-leak",
        findings=[],
        recommendations=[],
        losses=[],
        cost=Cost(seconds=1.21, share=0.005, bytes=2_900_000, longest_pause=0.011),
    )
    return replace(base, **changes)  # type: ignore[arg-type]
