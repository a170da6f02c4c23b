"""What differs between recorded runs, and what a check made of it, as frozen values.

What `leakhunt compare` and `leakhunt check` print and write. Sizes are bytes, rates bytes (or blocks) per
iteration, times seconds; unknown is None, never 0. Nothing here decides or prints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Literal

#: What is compared of a run, and its unit.
MeasureName = Literal["peak", "resident-growth", "malloc-growth", "block-growth", "seconds"]
Standing = Literal["worse", "better", "same", "unknown"]
FindingStanding = Literal["new", "gone", "worse", "better", "same"]
ProblemKind = Literal["leak", "regression", "cannot-tell"]


@dataclass(frozen=True, slots=True)
class Level:
    """One measure over the runs of one side: what each run gave, smallest first. Empty: not measured."""

    values: list[float]

    @property
    def middle(self) -> float | None:
        """Return the median of the runs; None when none gave it."""
        return median(self.values) if self.values else None


@dataclass(frozen=True, slots=True)
class Change:
    """How one measure moved. `difference` is the median of all differences between a run of the one side and a
    run of the other, `interval` where it lies (None with one run a side); `least` is what would matter."""

    measure: MeasureName
    before: Level
    after: Level
    standing: Standing
    reason: str
    difference: float | None = None
    interval: list[float] | None = None
    least: float | None = None


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A finding on either side, matched by its fingerprint. Rates are medians over the runs that had it."""

    id: str
    kind: str
    title: str
    standing: FindingStanding
    before: float | None
    after: float | None
    leak: bool
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """The runs of one side of a comparison."""

    label: str
    target: str
    runs: int
    iterations: int | None
    verdict: str
    python: str


@dataclass(frozen=True, slots=True)
class Course:
    """The resident set over the iterations of one run, for the chart: (iteration, bytes)."""

    label: str
    points: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs between two sides. `notes` say what could not be compared, and why."""

    before: Side
    after: Side
    changes: list[Change]
    findings: list[FindingChange]
    notes: list[str] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Return whether anything got better or worse, came or went."""
        return any(one.standing in ("worse", "better") for one in self.changes) or any(
            one.standing != "same" for one in self.findings
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a check found. `fails` tells whether it was asked to fail on it."""

    kind: ProblemKind
    slug: str
    title: str
    why: str
    fails: bool
    file: str | None = None
    line: int | None = None
    finding: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of a check of one target. `comparison` is None without a baseline to compare with."""

    target: str
    runs: int
    verdict: str
    problems: list[Problem]
    comparison: Comparison | None = None
    accepted: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float | None = None
    format: int = 1

    @property
    def failed(self) -> bool:
        """Return whether the check fails."""
        return any(problem.fails for problem in self.problems)
