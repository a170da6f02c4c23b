"""The limit that the kernel holds when the supervisor is too slow: a control group, or RLIMIT_DATA.

It stands above the supervisor's own bound, so that a program is first asked to go and only one that does
not, or grows too fast, runs into it. Which one is in force, and why no better one, is said and journalled.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from leakhunt.cgroups import ControlGroups, control_groups
from leakhunt.errors import EXIT_REFUSED, LeakhuntError
from leakhunt.guard.child_group import ChildGroup, Counters, GroupMaker, Unavailable
from leakhunt.guard.policy import HardLimitMode
from leakhunt.units import format_bytes

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

Kind = Literal["cgroup-v1", "cgroup-v2", "rlimit", "none"]
#: The hard limit as a multiple of the bound: between the two a program has its grace.
HARD_SHARE = 1.25
#: Address space that each BLAS thread reserves without using it counts against RLIMIT_DATA (measured: 40 MB).
RESERVED_PER_PROCESSOR = 40_000_000
_LOOK_LEAST = 0.1


@dataclass(frozen=True, slots=True)
class InForce:
    """A hard limit as it was set: `size` in bytes, for the whole process tree or for each process."""

    kind: Kind
    size: int | None
    path: str | None
    #: Why it is not a control group, or not there at all.
    why: str | None

    def in_words(self) -> str:
        """Return it as a clause to be said to the user."""
        reason = f" ({self.why})" if self.why else ""
        if self.kind == "none":
            return f"no hard limit{reason}"
        if self.kind == "rlimit":
            return f"hard limit {format_bytes(self.size)} of data per process, by RLIMIT_DATA{reason}"
        return f"hard limit {format_bytes(self.size)} for all its processes, by {self.kind}"


class HardLimit:
    """The hard limit of one run, set anew for each attempt.

    `begin` before a start, `look` while it runs, `end` after it, `close` at the end of the run.
    """

    def __init__(
        self,
        max_rss: int | None,
        mode: HardLimitMode = "auto",
        *,
        processors: int | None = None,
        groups: ControlGroups | None = None,
        proc: Path = Path("/proc"),
    ) -> None:
        self.max_rss = max_rss
        self.mode = mode
        self._processors = processors or 1
        self._maker = GroupMaker(control_groups(proc=proc) if groups is None else groups, proc=proc)
        self._group: ChildGroup | None = None
        self._kills = 0
        self._seen: tuple[float, int] | None = None
        self.in_force = InForce("none", None, None, None)

    def begin(self, *, sweep: bool = True) -> Callable[[], None] | None:
        """Set up the limit of the next attempt; return what its process must call before exec, if anything.

        With `sweep`, what supervisors left behind that are dead is ended and removed first.

        Raises LeakhuntError when a control group was asked for and none can be made.
        """
        self._group, self._kills, self._seen = None, 0, None
        if sweep:
            self._maker.sweep()
        if self.max_rss is None or self.mode == "off":
            self.in_force = InForce("none", None, None, "no --max-rss" if self.max_rss is None else None)
            return None
        why = None
        if self.mode != "rlimit":
            try:
                return self._by_group(int(self.max_rss * HARD_SHARE))
            except Unavailable as problem:
                why = f"no control group: {problem}"
                if self.mode == "cgroup":
                    raise LeakhuntError(
                        f"--hard-limit cgroup cannot be had, {problem}: take auto or rlimit",
                        slug="hard-limit-unavailable",
                        exit_code=EXIT_REFUSED,
                    ) from problem
        return self._by_resource(why)

    def look(self) -> int:
        """Return how many processes were killed at the limit since the last look."""
        counted = self.counters()
        before, self._kills = self._kills, (counted.oom_kills or 0) if counted is not None else 0
        return max(0, self._kills - before)

    def counters(self) -> Counters | None:
        """Return what the group of this attempt counted so far; None without one."""
        return None if self._group is None else self._group.counters()

    def next_look(self, now: float, rss: int) -> float:
        """Return how long until the supervisor must look again to be there before the kernel.

        A program that grows is looked at twice before it can reach its bound; infinity for one that does not.
        """
        before, self._seen = self._seen, (now, rss)
        if self.max_rss is None or self.in_force.kind == "none":
            return float("inf")
        if rss > self.max_rss:
            return _LOOK_LEAST
        if before is None or rss <= before[1] or now <= before[0]:
            return float("inf")
        speed = (rss - before[1]) / (now - before[0])
        return max(_LOOK_LEAST, (self.max_rss - rss) / speed / 2)

    def holds(self, pid: int) -> bool:
        """Tell whether the limit really holds for a process that runs: its group may not have let it in."""
        return self._group is None or pid in self._group.pids()

    def met(self, shell_code: int, kills: int | None, peak_rss: int | None) -> str | None:
        """Return in words that an attempt died of the limit, None when it did not or nobody can tell.

        `kills` is what its group counted, `peak_rss` the most that was seen resident.
        """
        size = format_bytes(self.in_force.size)
        if shell_code == 0 or self.max_rss is None:
            return None
        if kills:
            return f"the kernel killed for memory at the hard limit of {size}"
        if self.in_force.kind == "rlimit" and peak_rss is not None and peak_rss > self.max_rss:
            return f"it failed above its bound, at a hard limit of {size} per process"
        return None

    def end(self) -> None:
        """Remove the group of this attempt, with all that still runs in it."""
        group, self._group = self._group, None
        if group is not None:
            group.remove()

    def close(self) -> None:
        """Leave nothing behind."""
        self.end()
        self._maker.leave()

    def _by_group(self, size: int) -> Callable[[], None]:
        self._group = self._maker.make(size)
        kind: Kind = "cgroup-v2" if self._group.version == 2 else "cgroup-v1"
        self.in_force = InForce(kind, size, str(self._group.path), None)
        return self._group.entrance()

    def _by_resource(self, why: str | None) -> Callable[[], None] | None:
        if resource is None or self.max_rss is None:
            self.in_force = InForce("none", None, None, why or "this system has none")
            return None
        limits, number = resource, resource.RLIMIT_DATA
        size = int(self.max_rss * HARD_SHARE) + RESERVED_PER_PROCESSOR * self._processors
        _, most = limits.getrlimit(number)
        if most != limits.RLIM_INFINITY:
            size = min(size, most)
        self.in_force = InForce("rlimit", size, None, why)

        def enter() -> None:
            with contextlib.suppress(OSError, ValueError):
                limits.setrlimit(number, (size, size))

        return enter


def available_hard_limit(max_rss: int | None, *, processors: int | None = None) -> InForce:
    """Return the hard limit that a run could have here: one is set up and taken away again."""
    trial = HardLimit(max_rss or 10**9, processors=processors)
    try:
        trial.begin(sweep=False)  # somebody looks, and means to end nothing
        return trial.in_force
    finally:
        trial.close()
