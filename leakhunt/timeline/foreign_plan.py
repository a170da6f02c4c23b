"""What to do after a night that only logs tell of: one step per root cause, then how to see that it helped."""

from __future__ import annotations

from collections.abc import Sequence

from leakhunt.findings.timeline import RootCause, Step
from leakhunt.timeline.foreign_causes import Figures
from leakhunt.timeline.foreign_entries import Foreign
from leakhunt.units import format_bytes

#: The share of the machine's memory that its workers may have together.
SHARE = 0.8

_BRAKE = """\
for unit in units:
    try:
        leakhunt.check_memory(f"unit {unit}")
    except leakhunt.MemoryBrake:
        continue  # after three in a row the process ends with 75 and is started afresh
    work(unit)"""
_LEDGER = """\
with leakhunt.Ledger("results.csv", key="unit") as ledger:
    for unit in ledger.pending(units):
        ledger.save(unit=unit, **work(unit))"""


def plan_for(causes: Sequence[RootCause], story: Foreign, figures: Sequence[Figures]) -> list[Step]:
    """Return the steps in the order in which to take them; none when nothing was found."""
    if not causes:
        return []
    slugs = {cause.slug for cause in causes}
    bound = _bound(figures)
    size = _short(bound[0]) if bound else "SIZE"
    arguments = f"--max-rss {size} --max-age 60m train.py"
    steps: list[Step] = []
    if slugs & {"watchdog-not-running", "brake-cannot-release", "brake-fired-often", "machine-went-down"}:
        steps.append(Step(
            "Watch the workers from a process that ends with them",
            "leakhunt run starts a worker, ends it when it grows beyond its bound, is too old or hangs, and starts it "
            "again; it cannot be gone while the worker goes on.",
            command=f"leakhunt run {arguments}", expected_peak=bound[0] * bound[1] if bound else None,
        ))  # fmt: skip
        steps.append(Step(
            "Have the system start that again",
            "After a crash, and after the machine restarted: a unit of systemd, in place of a script in a terminal.",
            command=f"leakhunt install-unit workers -- {arguments}",
        ))  # fmt: skip
    if slugs & {"brake-cannot-release", "brake-fired-often"}:
        steps.append(Step(
            "Let a worker that brakes again and again end",
            "Only its end gives back what it holds. leakhunt.check_memory counts brakes in a row and yields, "
            "exit code 75; leakhunt run starts it afresh.",
            code=_BRAKE,
        ))  # fmt: skip
    if slugs & {"kernel-out-of-memory", "daemon-out-of-memory", "scheduler-out-of-memory", "memory-grew",
                "brake-cannot-release", "watchdog-not-running", "restart-loop"}:  # fmt: skip
        steps.append(Step(
            "Find what grows", "Profile one worker for some forty units: what grows, who holds it, which line.",
            command="leakhunt profile train.py",
        ))  # fmt: skip
    steps.append(Step(
        "Lose at most one unit", "Save each finished unit, and go on where it was.",
        code=_LEDGER,
    ))  # fmt: skip
    again = " ".join(f"--log {reading.name}" for reading in story.readings)
    steps.append(Step(
        "See that it helped", "After the next night this says no silence of the watchdog and no row of brakes.",
        command=f"leakhunt timeline {again}",
    ))  # fmt: skip
    return steps


def _bound(figures: Sequence[Figures]) -> tuple[int, int] | None:
    """Return (bytes for each worker, workers) where the logs tell of both; None otherwise."""
    used = [one for one in figures if not one.left]
    workers = [one for one in used if one.name.lower().startswith(("worker", "process", "rank"))]
    whole = [one for one in used if one not in workers]
    names = {one.name.lower() for one in workers}
    if not names or not whole:
        return None
    most = max(size for one in whole for _, size in one.points)
    return int(SHARE * most / len(names)), len(names)


def _short(size: int) -> str:
    return format_bytes(size).replace(" ", "").removesuffix("B")
