"""A recorded run as plain values that analysis can question; knows no statistics and judges nothing.

Columns are numpy arrays (NaN where a gauge was not read), so that hundreds of thousands of samples
stay small; everything else is a frozen value. Seconds count from the start of the run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from leakhunt.census.births import Birthplace
from leakhunt.census.growth import Growth
from leakhunt.census.tables import Table
from leakhunt.model.layers import LayerRecords

Column = npt.NDArray[np.float64]

#: Censuses that it takes to say that a path grows.
ENOUGH_CENSUSES = 3


@dataclass(frozen=True, slots=True)
class LoopTrace:
    """A loop in the source and what was sampled at its boundaries.

    `turns` are completed turns summed over all the times the loop was entered, one per sample.
    `seconds_inside` is the time spent between entering and leaving it. `labels` has the loop
    variables' values of the turn that begins at the sample, or None. `in_main` tells whether it ran in
    the main thread; None when that is unknown.
    """

    id: str
    file: str
    line: int
    function: str
    variables: list[str]
    kind: str
    parent: str | None
    iterations: int
    entries: int
    total: int | None
    seconds_inside: float | None
    turns: Column
    seconds: Column
    gauges: dict[str, Column]
    labels: list[list[Any] | None]
    depth: int = 0
    in_main: bool | None = None

    @property
    def seconds_per_iteration(self) -> float | None:
        """Return the mean time of a turn; None when no turn was completed or nothing was timed."""
        if not self.iterations or self.seconds_inside is None:
            return None
        return self.seconds_inside / self.iterations

    @property
    def processor_seconds(self) -> float | None:
        """Return the processor time that its thread spent over its samples; None when it was not read."""
        known = self.gauges["cpu"][np.isfinite(self.gauges["cpu"])] if "cpu" in self.gauges else np.empty(0)
        steps = np.diff(known)
        return float(steps[steps > 0].sum()) if len(steps) else None

    @property
    def rss(self) -> Column:
        """Return the resident set at each sample: anonymous, file-backed and shared pages."""
        anon, file, shared = (self.gauges[name] for name in ("rss_anon", "rss_file", "rss_shmem"))
        total = anon + np.nan_to_num(file) + np.nan_to_num(shared)
        return np.asarray(total, dtype=np.float64)

    @property
    def private(self) -> Column:
        """Return what the program itself made resident: anonymous and shared pages, no file cache."""
        anon, shared = self.gauges["rss_anon"], self.gauges["rss_shmem"]
        return np.asarray(anon + np.nan_to_num(shared), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Instance:
    """One time that a loop was entered, and where it stood when last heard of; `main`: in the main thread."""

    serial: int
    loop: str
    parent: int | None
    total: int | None
    thread: int | None
    entered: float
    completed: int
    values: list[Any] | None
    left: str | None
    main: bool | None = None


@dataclass(frozen=True, slots=True)
class TreeTrace:
    """The supervisor's view: summed resident set of the process tree over time."""

    seconds: Column
    tree_rss: Column
    main_rss: Column
    processes: Column
    available: Column


@dataclass(frozen=True, slots=True)
class ProcessSeen:
    """A process of the tree, as last reported by the supervisor."""

    pid: int
    ppid: int | None
    role: str
    command: str | None
    peak_rss: int | None
    first_seen: float
    alive: bool


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A heap census that was started; `arrived` says whether its result could be read.

    `garbage` has (count, bytes) of unreachable objects by type, None where they were not counted;
    `collecting` tells whether the collector was on, `frozen` how many objects were out of its sight. `in_use`
    is what malloc had in use then, `in_malloc` what of it Python objects were seen to hold; both in bytes, None
    where unknown.
    """

    number: int
    loop: str
    turns: int
    seconds: float
    file: str | None
    how: str | None
    pause: float | None
    arrived: bool
    garbage: dict[str, tuple[int, int]] | None = None
    #: where what only cycles hold was allocated, and in how many turns, when an allocation window ended here
    cycle_births: list[Birthplace] = field(default_factory=list)
    birth_turns: int = 0
    complete: bool = True
    collecting: bool | None = None
    frozen: int | None = None
    in_use: int | None = None
    in_malloc: int | None = None


@dataclass(frozen=True, slots=True)
class Insertion:
    """The line that made a suspect grow, seen while it was polled for a turn."""

    path: str
    file: str
    line: int
    function: str
    stack: list[tuple[str, int, str]]
    items: int | None
    turns: int | None
    via: str | None


@dataclass(frozen=True, slots=True)
class AllocationSite:
    """What one call stack (file, line, function; innermost first) allocated in a window and did not free by its end.

    `survivors` maps a turn of the window (0-based) to [allocations, bytes] still alive at the end.
    """

    stack: list[tuple[str, int, str]]
    survivors: dict[int, list[int]]
    allocator: str

    @property
    def bytes(self) -> int:
        """Surviving bytes over all turns."""
        return sum(size for _, size in self.survivors.values())


@dataclass(frozen=True, slots=True)
class Capture:
    """One window: its turns in order, and its sites with survivors, most bytes first.

    `held` has for a suspect (by its path) the stacks that its newest items were allocated at, each with how
    many objects.
    """

    turns: list[int]
    sites: list[AllocationSite]
    other_bytes: int
    python_allocators: bool
    native: bool
    source: str = "memray"
    held: dict[str, list[tuple[list[tuple[str, int, str]], int]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """The target's own end as seen from inside."""

    how: str | None
    exit_code: int | None
    exception: str | None
    cost_seconds: float | None
    cost_bytes: int | None
    longest_pause: float | None


@dataclass(frozen=True, slots=True)
class Exit:
    """The target's end as seen by the supervisor."""

    exit_code: int | None
    signal: str | None
    oom_kills: int | None
    peak_rss: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Limits:
    memory_total: int | None
    memory_available: int | None
    limit: int | None
    source: str | None


@dataclass(frozen=True, slots=True)
class LossSeen:
    """Something that was not recorded or could not be read."""

    slug: str
    what: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """An open loop at death, from the position page: `index` is the turn in progress, from 0."""

    serial: int
    index: int
    total: int | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """Everything known about one run. Whatever was not recorded is None or empty."""

    id: str
    target: str
    argv: list[str]
    cwd: str | None
    python: str
    started: float | None
    ended: float | None
    seconds: float | None
    pid: int | None
    agent_seen: bool
    options: dict[str, Any]
    loops: dict[str, LoopTrace]
    instances: dict[int, Instance]
    tree: TreeTrace
    processes: list[ProcessSeen]
    checkpoints: list[Checkpoint]
    growths: list[Growth]
    insertions: list[Insertion]
    standing: list[Standing]
    signals: list[str]
    events: list[tuple[float, str, Any]]
    limits: Limits | None
    end: End | None
    exit: Exit | None
    losses: list[LossSeen]
    captures: dict[str, list[Capture]] = field(default_factory=dict)
    growths_by_loop: dict[str, list[Growth]] = field(default_factory=dict)
    layers: LayerRecords = field(default_factory=LayerRecords)
    tables: list[Table] = field(default_factory=list)
    #: what was recorded inside workers of a pool, each as a run of its own
    workers: list[Run] = field(default_factory=list)

    def growths_for(self, loop: str) -> tuple[str, list[Growth]]:
        """Return the loop whose censuses are to be compared for `loop`, and what grew over them.

        `loop` itself when it has enough censuses, else the one that has most.
        """
        taken = [one.loop for one in self.checkpoints if one.arrived]
        if taken.count(loop) >= ENOUGH_CENSUSES and loop in self.growths_by_loop:
            return loop, self.growths_by_loop[loop]
        most = next(iter(self.growths_by_loop), None) or (max(set(taken), key=taken.count) if taken else loop)
        return most, self.growths
