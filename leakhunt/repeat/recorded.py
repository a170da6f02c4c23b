"""What an inquiry recorded, and the same as a recorded run: so that the rules of profiled loops apply."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from leakhunt.census.growth import Growth
from leakhunt.model.layers import LayerRecords
from leakhunt.model.run import (
    Capture,
    Checkpoint,
    Column,
    End,
    Insertion,
    LoopTrace,
    LossSeen,
    Run,
    TreeTrace,
)
from leakhunt.repeat.levels import Allowance, Levels
from leakhunt.repeat.subject import Bounds, Subject

#: Below this many bytes per call growth of the Python heap is not told from noise.
LEAST_BYTES = 8.0
_GAUGES = ("rss_anon", "rss_file", "rss_shmem", "blocks", "in_use", "free", "fds", "threads", "gpu",
           "gpu_reserved", "mapped", "cpu", "processes")  # fmt: skip


def loop_id(subject: Subject) -> str:
    """Return the id of the loop that the calls of a subject are."""
    return f"{subject.file}:{subject.line}"


@dataclass(slots=True)
class Recorded:
    """Everything that is known of a subject of which something rose.

    `calls` and `seconds` are those of the confirming batches, `all_calls` and `lasted` of everything;
    `rates` has what each counter that goes on rising adds per call.
    """

    subject: Subject
    bounds: Bounds
    levels: Levels
    allowed: dict[str, Allowance]
    rising: list[str]
    rates: dict[str, float]
    confirmed: bool
    calls: int
    all_calls: int
    started: float
    seconds: float
    lasted: float
    layers: LayerRecords
    checkpoints: list[Checkpoint]
    growths: list[Growth]
    insertions: list[Insertion]
    capture: Capture | None
    losses: list[LossSeen] = field(default_factory=list)

    @property
    def floor(self) -> float:
        """Bytes per call that are let pass."""
        return LEAST_BYTES if self.bounds.tolerance is None else self.bounds.tolerance

    @property
    def looked(self) -> bool:
        """Whether enough censuses of the whole heap came back to say that nobody holds something."""
        arrived = [one for one in self.checkpoints if one.arrived]
        return len(arrived) >= 3 and all(one.complete for one in arrived)

    def column(self, name: str) -> Column:
        """Return a field of the readings, NaN where it was not read."""
        return np.array(
            [np.nan if value is None else value for value in self.levels.column(name)], dtype=np.float64
        )

    def loop(self) -> LoopTrace:
        """Return the calls as a loop and what was read between its turns."""
        shared = self.column("shared")
        known = {
            "rss_anon": self.column("resident") - np.nan_to_num(shared),
            "rss_file": self.column("file"),
            "rss_shmem": shared,
            "blocks": self.column("blocks"),
            "in_use": self.column("in_use"),
            "fds": self.column("descriptors"),
            "threads": self.column("threads"),
            "mapped": self.column("mapped"),
        }
        unknown = np.full(len(self.levels), np.nan)
        return LoopTrace(
            id=loop_id(self.subject), file=self.subject.file, line=self.subject.line,
            function=self.subject.name, variables=[], kind="call", parent=None, iterations=self.calls,
            entries=1, total=None, seconds_inside=self.seconds, turns=self.column("calls"),
            seconds=self.column("seconds"), gauges={name: known.get(name, unknown) for name in _GAUGES},
            labels=[None] * len(self.levels), in_main=True,
        )  # fmt: skip

    def run(self, loop: LoopTrace) -> Run:
        """Return everything as a recorded run of one loop."""
        captures = {loop.id: [self.capture]} if self.capture is not None else {}
        return Run(
            id=f"test-{os.getpid()}-{int(self.started * 1e6)}", target=self.subject.target,
            argv=["pytest", self.subject.target], cwd=self.subject.project_root,
            python=platform.python_version(), started=self.started, ended=self.started + self.lasted,
            seconds=self.lasted, pid=os.getpid(), agent_seen=True, options={"tolerance": self.floor},
            loops={loop.id: loop}, instances={}, tree=_no_tree(), processes=[],
            checkpoints=self.checkpoints, growths=self.growths, growths_by_loop={loop.id: self.growths},
            insertions=self.insertions, standing=[], signals=[], events=[], limits=None,
            end=End("completed", 0, None, None, None, _longest(self.checkpoints)), exit=None,
            losses=self.losses, captures=captures, layers=self.layers,
        )  # fmt: skip


def _no_tree() -> TreeTrace:
    nothing = np.empty(0)
    return TreeTrace(nothing, nothing, nothing, nothing, nothing)


def _longest(checkpoints: Sequence[Checkpoint]) -> float | None:
    return max((one.pause for one in checkpoints if one.pause is not None), default=None)
