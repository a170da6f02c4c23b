"""What may be said about a run, as frozen values: the vocabulary of reports, checks and baselines.

`Diagnosis` is what the JSON report holds, field for field (`report.json_report` writes it; the
JSON schema is generated from these types). Sizes are bytes, times seconds, instants Unix
seconds; what was not measured is None, never 0. Nothing here decides or prints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["leak", "no-leak", "cannot-tell"]
Outcome = Literal[
    "completed", "failed", "interrupted", "braked", "limit-killed", "oom-killed", "killed", "unknown"
]
Root = Literal["module", "local", "closure", "class", "generator", "thread", "garbage", "native", "unknown"]
SiteSource = Literal["tracemalloc", "memray", "census", "static"]
Kind = Literal[
    "growing-container", "growing-type", "reference-cycle", "native-growth", "array-accumulation",
    "tensor-accumulation", "gpu-growth", "process-growth", "handle-growth", "thread-growth",
    "saturating-cache", "warm-up", "sawtooth", "fragmentation", "in-flight-work", "unexplained-growth",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The run as a whole. `peak_rss` is the peak of the summed process tree."""

    id: str
    target: str
    argv: list[str]
    started: float
    ended: float | None
    outcome: Outcome
    exit_code: int | None
    signal: str | None
    peak_rss: int | None
    processes: int
    python: str = ""


@dataclass(frozen=True, slots=True)
class Loop:
    """A followed loop, outermost first; `iterations` counts completed turns over all entries."""

    id: str
    file: str
    line: int
    function: str
    variables: list[str]
    iterations: int
    total: int | None
    parent: str | None
    primary: bool
    kind: str = "for"
    seconds_per_iteration: float | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a loop stood when last seen: one per open loop, outermost first (`lam = 3e-08 (7/10)`).

    `number` is the turn in progress, counted from 1."""

    loop: str
    variables: list[str]
    values: list[str] | None
    number: int
    total: int | None


@dataclass(frozen=True, slots=True)
class MemoryPoint:
    """One boundary of the primary loop, for charts: `iteration` turns were completed at `seconds`
    since the start of the run."""

    iteration: int
    seconds: float
    rss: int | None
    in_use: int | None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class TreePoint:
    """Summed resident set of the process tree at `seconds` since the start (supervisor's view)."""

    seconds: float
    rss: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident set of the target at the start of the primary loop, when last seen, and its peak;
    and its growth per primary iteration with a 95 % interval. `in_use_per_iteration` is the growth that goes on of what
    malloc has in use, in bytes, `blocks_per_iteration` that of Python's own memory blocks; 0 where it settles."""

    start: int | None
    end: int | None
    peak: int | None
    bytes_per_iteration: float | None
    bytes_per_iteration_ci: list[float] | None
    shape: str | None = None
    points: list[MemoryPoint] = field(default_factory=list)
    tree: list[TreePoint] = field(default_factory=list)
    in_use_per_iteration: float | None = None
    blocks_per_iteration: float | None = None


@dataclass(frozen=True, slots=True)
class Process:
    role: str
    pids: list[int]


@dataclass(frozen=True, slots=True)
class Content:
    type: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds it. `path` reads as a person would write it: `sweep.main() local all_lam_results`."""

    path: str
    root: Root
    type: str
    module: str | None = None
    file: str | None = None
    line: int | None = None
    length: int | None = None
    contents: list[Content] = field(default_factory=list)
    retained_bytes: int | None = None
    exclusive_bytes: int | None = None
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Frame:
    file: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Site:
    """Where the growing memory is allocated or inserted; `stack` innermost first.

    `role`: "insertion" (the line that makes the owner grow) or "allocation"."""

    file: str
    line: int
    function: str
    bytes_per_iteration: float | None
    share: float | None
    source: SiteSource
    stack: list[Frame]
    role: str = "insertion"
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that grows (or looks as if it did), with the measurements that say so.

    `id` is the fingerprint: the same bug has the same id across runs, machines and line shifts.
    `points` are (iteration, items, bytes) at the checkpoints, for charts."""

    id: str
    kind: Kind
    verdict: Verdict
    title: str
    bytes_per_iteration: float | None
    process: Process
    owner: Owner | None
    sites: list[Site]
    evidence: list[str]
    advice: list[str]
    bytes_per_iteration_ci: list[float] | None = None
    count_per_iteration: float | None = None
    confidence: Literal["high", "medium", "low"] | None = None
    points: list[tuple[int, int | None, int | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Where:
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A change to make. `do` is a sentence and, after a blank line, the change as code."""

    slug: str
    title: str
    why: str
    do: str
    findings: list[str]
    expected_peak: int | None = None
    where: Where | None = None
    confirm: str | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    limit: int | None
    seconds_to_limit: float | None
    iterations_to_limit: float | None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """What was not seen; `what` ends with what to do about it."""

    slug: str
    what: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """leakhunt's own cost in the target, measured in this run."""

    seconds: float | None
    share: float | None
    bytes: int | None
    longest_pause: float | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The whole answer about one run. `reasons` says in sentences why the verdict is what it is;
    `more_iterations` how many further turns would decide a cannot-tell."""

    leakhunt: str
    run: RunInfo
    loops: list[Loop]
    verdict: Verdict
    findings: list[Finding]
    recommendations: list[Recommendation]
    losses: list[Loss]
    cost: Cost
    forecast: Forecast | None = None
    reasons: list[str] = field(default_factory=list)
    more_iterations: int | None = None
    memory: Memory | None = None
    position: list[Position] = field(default_factory=list)
    exception: str | None = None
    format: int = 1
