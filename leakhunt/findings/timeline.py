"""What may be said about how a run went and ended, as frozen values: the vocabulary of the crash timeline.

`Timeline` is what `leakhunt timeline --json` writes, field for field. Sizes are bytes, durations seconds,
`wall` is Unix seconds, `seconds` counts from the start of the story; what is not known is None, never 0.
Nothing here decides or prints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from leakhunt.findings.diagnosis import Loop, Loss, Position

Certainty = Literal["proven", "probable", "unknown"]

#: What an event of a recorded run can be about; logs of others bring kinds of their own.
EVENT_KINDS = (
    "start", "limit", "loop", "iteration", "unit", "memory", "brake", "window", "census", "restart", "intent",
    "kill", "signal", "process", "sample", "file", "gap", "clock", "kernel", "death", "end", "resume", "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, or `count` like it until `until`. `source` is the journal or log that says so."""

    wall: float | None
    seconds: float | None
    kind: str
    text: str
    source: str
    pid: int | None = None
    bytes: int | None = None
    count: int = 1
    until: float | None = None


@dataclass(frozen=True, slots=True)
class CauseOfDeath:
    """Why it ended: `cause` is a slug (kernel-oom, own-limit, ...), `words` a sentence, `proof` what shows it."""

    certainty: Certainty
    cause: str
    words: str
    proof: list[str]
    wall: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that the program was started."""

    number: int
    pid: int | None
    started: float | None
    ended: float | None
    how: str
    units: int | None = None
    peak_rss: int | None = None


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """Memory at one instant: of the whole process tree, of the program itself, and what the machine had left."""

    seconds: float
    rss: int | None
    main_rss: int | None = None
    available: int | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """The memory of one process or log over time, [seconds, bytes] each."""

    name: str
    points: list[tuple[float, int]]


@dataclass(frozen=True, slots=True)
class IterationMemory:
    """One turn of the outer loop: what it was for, when, and resident memory as it began and ended.

    `began` and `ended` are seconds since the start of the story. `end` of the turn in flight is what was last
    seen. `number` counts from 1.
    """

    number: int
    label: str | None
    began: float | None
    ended: float | None
    start: int | None
    end: int | None
    growth: int | None
    completed: bool
    units: int | None = None


@dataclass(frozen=True, slots=True)
class SavedUnits:
    """What a ledger kept: units saved, in this run and in all, the last one and when."""

    ledger: str
    units: int
    last_key: str | None
    last_wall: float | None


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file that was written while the program ran. `rows` is known of CSV and Parquet.

    `iterations` of the outer loop were complete when it was last written, `iterations_after` since then.
    `role`: "data" or "log".
    """

    path: str
    bytes: int
    modified: float
    rows: int | None
    iterations: int | None
    iterations_after: int | None
    role: Literal["data", "log"] = "data"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was saved and what was lost.

    `done` and `total` count turns of the outer loop; `lost` those that no file and no ledger holds, None
    where that is not known. `in_flight` is what was being computed.
    """

    done: int | None
    total: int | None
    lost: int | None
    in_flight: str | None
    units: list[SavedUnits] = field(default_factory=list)
    files: list[SavedFile] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RootCause:
    """Why it came to that, most bytes first. `bytes` is what it held at the end; `finding` its fingerprint."""

    slug: str
    title: str
    why: str
    bytes: int | None = None
    share: float | None = None
    finding: str | None = None
    evidence: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the recovery plan: a sentence, and a command or a change of code where there is one."""

    title: str
    do: str
    command: str | None = None
    code: str | None = None
    where: str | None = None
    expected_peak: int | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """The limit that was in force, and when memory reached it, or would have.

    `rate` is growth per turn of the outer loop, `rate_hour` per hour; `wall` the instant, `iterations` how many
    turns were left from the last measurement.
    """

    limit: int | None
    source: str | None
    reached: bool
    wall: float | None
    iterations: float | None
    rate: float | None
    rate_hour: float | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole story of one run, or of a set of logs.

    `lasted`: seconds from the start to the end on a clock that nobody sets; None: by `started` and `ended`.
    `utc_offset`: seconds by which the times of day that are told are ahead of UTC; None: those of this machine.
    """

    leakhunt: str
    id: str
    target: str
    argv: list[str]
    cwd: str | None
    started: float | None
    ended: float | None
    running: bool
    death: CauseOfDeath
    events: list[Event]
    losses: list[Loss]
    loops: list[Loop] = field(default_factory=list)
    position: list[Position] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    iterations: list[IterationMemory] = field(default_factory=list)
    course: list[CoursePoint] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    reach: Reach | None = None
    kept: Kept | None = None
    causes: list[RootCause] = field(default_factory=list)
    plan: list[Step] = field(default_factory=list)
    peak_rss: int | None = None
    sources: list[str] = field(default_factory=list)
    utc_offset: int | None = None
    lasted: float | None = None
    format: int = 1
