"""The lines in which Linux 2.6 to 6.x tells of its out-of-memory killer, joined to one value per kill.

A total parser: any text is read without an error, and what is not understood says nothing. Lines of one kill
may be interleaved with others', and any of them may be missing: the long report is rate-limited, the line that
names the victim is not. It reads no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from leakhunt.evidence.kernel_kill import KernelKill

#: No kernel writes longer lines; what is longer was pasted or forged.
LONGEST = 4096
#: Lines of one kill are not further apart than this, in seconds.
TOGETHER = 10.0
#: More kills than this are counted and not kept.
MOST_KILLS = 5000

# comm is any 15 bytes, parentheses and spaces included: "((sd-pam))"
_VICTIM = r"process (?P<pid>\d{1,10}),?(?: UID (?P<uid0>\d{1,10}),?)? ?\((?P<comm>.{0,64}?)\)"
_SIZES = (
    r"(?:,? ?total-vm:(?P<total_vm>\d{1,15})kB)?(?:, ?anon-rss:(?P<anon_rss>\d{1,15})kB)?"
    r"(?:, ?file-rss:(?P<file_rss>\d{1,15})kB)?(?:, ?shmem-rss:(?P<shmem_rss>\d{1,15})kB)?"
    r"(?:,? ?UID:(?P<uid>\d{1,10}))?(?: pgtables:(?P<page_tables>\d{1,15})kB)?"
    r"(?: oom_score_adj:(?P<oom_score_adj>-?\d{1,5}))?"
)
_KILLED = re.compile(
    rf"(?P<scope>(?:memory cgroup )?out of memory(?: \(oom_kill_allocating_task\))?: |^)killed {_VICTIM}"
    rf"(?=[,.]|\s|$){_SIZES}",
    re.IGNORECASE,
)
_CHOSEN = re.compile(
    rf"(?P<scope>(?:memory cgroup )?out of memory(?: \([^)]{{1,60}}\))?: )kill {_VICTIM} "
    r"(?:score (?P<score>-?\d{1,10}) )?(?:or sacrifice child|and children)",
    re.IGNORECASE,
)
_SUMMARY = re.compile(
    r"oom-kill:constraint=CONSTRAINT_(?P<constraint>NONE|CPUSET|MEMORY_POLICY|MEMCG),nodemask=(?P<rest>.+?)"
    r",task_memcg=(?P<task_group>.{0,1024}?),task=(?P<comm>.{0,64}),pid=(?P<pid>\d{1,10}),uid=(?P<uid>\d{1,10})"
)
_LIMIT_GROUP = re.compile(r",oom_memcg=(?P<group>.+)$")
_TASK_IN = re.compile(
    r"Task in (?P<task_group>.{1,1024}?) killed as a result of limit of (?P<limit_group>.{1,1024}?)\s*$"
)
_SIZE_FIELDS = ("total_vm", "anon_rss", "file_rss", "shmem_rss", "page_tables")
#: One of these is in every line that any of the patterns above reads.
WORDS = ("killed process", "kill process", "oom-kill:", "task in ")


@dataclass(frozen=True, slots=True)
class KernelLine:
    """One message of the kernel, without its prefix. `boot` and `wall` are seconds, None where not told."""

    text: str
    boot: float | None = None
    wall: float | None = None


@dataclass(slots=True)
class _Pending:
    """What has been said of a kill that is not yet known to be one."""

    kill: KernelKill
    at: int


def parse_kills(lines: Iterable[KernelLine]) -> list[KernelKill]:
    """Return the kills that these lines tell of, in order."""
    reader = KillReader()
    for line in lines:
        reader.feed(line)
    return reader.kills()


class KillReader:
    """Joins the lines of kills as they pass by; keeps only the kills."""

    def __init__(self) -> None:
        self._kills: list[KernelKill] = []
        self.overflow = 0
        self._chosen: dict[int, _Pending] = {}
        self._groups: tuple[str, str, KernelLine] | None = None

    def feed(self, line: KernelLine) -> bool:
        """Read one line and tell whether it was about a kill."""
        text = line.text[:LONGEST]
        found = _KILLED.search(text)
        if found is not None:
            self._killed(found, line)
            return True
        found = _SUMMARY.search(text)
        if found is not None:
            self._summary(found, line)
            return True
        found = _CHOSEN.search(text)
        if found is not None:
            self._choose(_kill_of(found, line, killed=False))
            return True
        found = _TASK_IN.search(text)
        if found is not None:
            self._groups = (found["task_group"], found["limit_group"], line)
            return True
        return False

    def kills(self) -> list[KernelKill]:
        """Return the kills so far; a choice that no line confirmed is one with `killed` False."""
        left = list(self._chosen.values())
        together = [(index, kill) for index, kill in enumerate(self._kills)]
        together += [(pending.at, pending.kill) for pending in left]
        return [kill for _, kill in sorted(together, key=lambda pair: pair[0])]

    def _choose(self, kill: KernelKill) -> None:
        if len(self._chosen) < MOST_KILLS:
            self._chosen[kill.pid] = _Pending(self._with_groups(kill), len(self._kills))

    def _summary(self, found: re.Match[str], line: KernelLine) -> None:
        limit = _LIMIT_GROUP.search(found["rest"])
        kill = KernelKill(
            pid=int(found["pid"]), comm=found["comm"], line=line.text[:LONGEST], boot=line.boot, wall=line.wall,
            scope="group" if limit else "machine", task_group=found["task_group"],
            limit_group=limit["group"] if limit else None, constraint=found["constraint"].lower(),
            uid=int(found["uid"]), killed=False,
        )  # fmt: skip
        self._choose(kill)

    def _killed(self, found: re.Match[str], line: KernelLine) -> None:
        kill = self._with_groups(_kill_of(found, line, killed=True))
        pending = self._chosen.pop(kill.pid, None)
        if pending is None and self._chosen and not found["scope"]:
            # up to 4.x a child may have been sacrificed for the one that was chosen
            pid, latest = list(self._chosen.items())[-1]
            if latest.kill.oom_score is not None and _near(latest.kill, line):
                del self._chosen[pid]
                kill = replace(kill, scope=latest.kill.scope)
                kill = replace(kill, **_known(latest.kill, ("task_group", "limit_group"), kill))
        if pending is not None and _near(pending.kill, line):
            names = ("scope", "task_group", "limit_group", "constraint", "uid", "oom_score")
            kill = replace(kill, **_known(pending.kill, names, kill))
        if len(self._kills) < MOST_KILLS:
            self._kills.append(kill)
        else:
            self.overflow += 1

    def _with_groups(self, kill: KernelKill) -> KernelKill:
        """Add the groups that a line without a PID named just before."""
        if self._groups is None or kill.task_group is not None:
            return kill
        task, limit, line = self._groups
        if not _near(kill, line) or kill.scope == "machine":
            return kill
        if kill.killed:
            self._groups = None
        return replace(kill, task_group=task, limit_group=limit, scope="group")


def _kill_of(found: re.Match[str], line: KernelLine, *, killed: bool) -> KernelKill:
    parts = found.groupdict()
    said = parts["scope"].lower()
    scope: Literal["machine", "group"] | None = None
    if said:
        scope = "group" if said.startswith("memory cgroup") else "machine"
    uid = parts.get("uid") or parts.get("uid0")
    adjustment = parts.get("oom_score_adj")
    score = parts.get("score")
    return KernelKill(
        pid=int(parts["pid"]), comm=parts["comm"], line=line.text[:LONGEST], boot=line.boot, wall=line.wall,
        scope=scope, uid=None if uid is None else int(uid), oom_score=None if score is None else int(score),
        oom_score_adj=None if adjustment is None else int(adjustment), killed=killed,
        **{name: _kib(parts.get(name)) for name in _SIZE_FIELDS},
    )  # fmt: skip


def _kib(text: str | None) -> Any:
    """Return bytes of a size in kB as kernels mean it, 1024 bytes; None when it was not told."""
    return None if text is None else int(text) * 1024


def _known(source: KernelKill, names: tuple[str, ...], over: KernelKill) -> dict[str, Any]:
    """Return the fields that `source` knows and `over` does not."""
    return {
        name: getattr(source, name)
        for name in names
        if getattr(over, name) is None and getattr(source, name) is not None
    }


def _near(kill: KernelKill, line: KernelLine) -> bool:
    for one, other in ((kill.boot, line.boot), (kill.wall, line.wall)):
        if one is not None and other is not None:
            return abs(one - other) <= TOGETHER
    return True
