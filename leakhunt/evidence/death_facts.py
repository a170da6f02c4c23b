"""What is known about the end of one program, from every witness: the input of `death.judge_death`.

Whatever nobody saw is None or empty; a fact that is missing must never read as one that speaks against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leakhunt.evidence.happening import Happening
from leakhunt.evidence.kernel_kill import KernelKill

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class OomCounter:
    """A count of out-of-memory kills, read before and after the death.

    `source`: a control group's own count ("cgroup-v2-local"), one that has its children in it ("cgroup-v2",
    "cgroup-v1"), or the whole machine's ("vmstat"). `own`: nobody but the program and its children is in that
    group. `since`: seconds between the two readings.
    """

    source: Literal["cgroup-v2-local", "cgroup-v2", "cgroup-v1", "vmstat"]
    before: int | None
    after: int | None
    group: str | None = None
    own: bool | None = None
    since: float | None = None

    @property
    def kills(self) -> int | None:
        """Return how many were killed in between; None when that is not known (a counter that was reset)."""
        if self.before is None or self.after is None or self.after < self.before:
            return None
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class OwnIntent:
    """That leakhunt meant to end the program, written down before it did.

    `sent` is "SIGTERM" when it asked, "SIGKILL" when it killed. `why` is the bound in words. `pid` None: the
    whole program.
    """

    why: str
    sent: Literal["SIGTERM", "SIGKILL"]
    pid: int | None = None
    wall: float | None = None


@dataclass(frozen=True, slots=True)
class DeathFacts:
    """All that is known about one death.

    `exit_code` and `signal` ("SIGKILL") are from the wait status: at most one of them, both None when nobody
    waited. `exit_inside` is the code that the program itself announced, `exception` what it died of as a type's
    name. `alive`: it still runs.

    `pids` are the program's own ids, in every PID namespace where it has one; `tree_pids` those of its
    descendants. `pids_are_global`: they count in the initial namespace, where kernel lines count. `comm` is its
    name as the kernel has it (15 bytes). `groups` are the paths of its memory control group, as the kernel or
    a container names it; `group_is_own`: nobody else is in it.

    `died_wall`, `died_boot`: from the last sign of life to the moment at which it was seen dead, on either
    clock. `passed_on` are the signals that the supervisor was sent and passed on to it, `user_killed` that it
    killed the program because the user asked for it. `boot_before` and `boot_after` identify the boot of the
    machine in which the run was last seen and in which this is judged. `supervised` is False when no
    supervisor watched, `supervisor_ended` False when one left without writing down an end.
    `systemd_result` is the unit's Result property. `others` are the words of other killers, by kind
    ("oom-daemon", "scheduler-kill", "oom-report").
    """

    exit_code: int | None = None
    signal: str | None = None
    exit_inside: int | None = None
    exception: str | None = None
    alive: bool | None = None
    pids: tuple[int, ...] = ()
    tree_pids: tuple[int, ...] = ()
    pids_are_global: bool | None = None
    comm: str | None = None
    groups: tuple[str, ...] = ()
    group_is_own: bool | None = None
    died_wall: Span | None = None
    died_boot: Span | None = None
    intents: tuple[OwnIntent, ...] = ()
    passed_on: tuple[str, ...] = ()
    user_killed: bool | None = None
    kernel_kills: tuple[KernelKill, ...] = ()
    kernel_log_read: bool | None = None
    counters: tuple[OomCounter, ...] = ()
    boot_before: str | None = None
    boot_after: str | None = None
    supervised: bool | None = None
    supervisor_ended: bool | None = None
    systemd_result: str | None = None
    others: tuple[Happening, ...] = ()
