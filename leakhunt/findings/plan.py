"""What a plan says, as frozen values: what `leakhunt plan` prints and writes, field for field its JSON.

Sizes are bytes, times seconds; unknown is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from leakhunt.findings.diagnosis import Loss

#: Option -> value, in the order in which the options were given.
Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class Memory:
    """What the program may take: `room` of `total` bytes, of which others use `used` now.

    `source` is "host" or "cgroup"; `asked` is the text of `--memory`.
    """

    total: int | None
    used: int | None
    room: int | None
    source: str | None
    asked: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of the program with one setting.

    `peak` is the largest resident set of its process tree, sampled; `per_iteration` the growth from turn to
    turn, 0 where it did not go on; `rate` iterations a second. `finished` is False for a run that was
    stopped when its time was over. `predicted` is the model's peak, `error` (predicted - peak) / peak.
    """

    values: Values
    calibrated: bool
    peak: int
    seconds: float
    finished: bool
    iterations: int | None
    total: int | None
    rate: float | None
    per_iteration: float
    predicted: int
    error: float


@dataclass(frozen=True, slots=True)
class Term:
    """One part of the model: `bytes` per one of `what`."""

    what: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One setting of the grid: expected peak of a whole run, expected iterations a second, whether it fits.

    `measured` tells whether it was run.
    """

    values: Values
    peak: int
    rate: float | None
    fits: bool | None
    measured: bool


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The whole answer; `recommended` is None when nothing fits."""

    leakhunt: str
    target: str
    arguments: list[str]
    memory: Memory
    terms: list[Term]
    trials: list[Trial]
    choices: list[Choice]
    recommended: Choice | None
    losses: list[Loss] = field(default_factory=list)
    format: int = 1
