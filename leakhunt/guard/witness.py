"""Writes down what is needed to tell later why a program died: who it was, who counted kills, what the kernel said.

Counters are read every second, so that what they counted shortly before a death can be told from what they
counted at it. Reads only; never raises.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from leakhunt.cgroups import ControlGroups, field_of
from leakhunt.host import boot_clock
from leakhunt.journal.writer import JournalWriter

#: Counters are read this often; a reading takes about 0.1 ms.
LOOK_EVERY = 1.0
#: The kernel says whom it killed a moment after it did.
_KERNEL_WAIT = 1.0
#: The number of the first PID namespace, the same in every kernel.
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
_MOST_LINES = 60
_LONGEST_LINE = 400

Reading = dict[tuple[str, str | None], int]


class Witness:
    """The witness of one attempt: `begin` it, `look` now and then, `end` it when the program is dead."""

    def __init__(self, groups: ControlGroups, *, own: str | None = None, proc: Path = Path("/proc")) -> None:
        """`own` is the directory of a group in which there is nobody but the program and its children."""
        self._groups = groups
        self._own = own
        self._copy: int | None = None
        self._proc = proc
        self._began = boot_clock()
        self._before = self._read()
        self._before_at = self._began
        self._pids: list[int] = []
        self._global: bool | None = None

    def begin(self, pid: int, journal: JournalWriter, copy: int | None = None) -> None:
        """Write down who the program is; `copy`: which of several copies of a guarded one."""
        self._copy = copy
        with contextlib.suppress(Exception):
            self._pids = _pids_of(self._proc, pid)
            self._global = _counts_globally(self._proc)
            journal.write(
                "witness",
                moment="start",
                pids=self._pids,
                pids_are_global=self._global,
                comm=_comm_of(self._proc, pid),
                groups=_groups_of(self._proc, pid),
                copy=copy,
                group_is_own=self._own is not None,  # else the supervisor is in it, too
                counters=[
                    [source, group, self._is_own(group), count, None, None]
                    for (source, group), count in self._before.items()
                ],
            )

    def look(self) -> None:
        """Read the counters, if it is time to."""
        if boot_clock() - self._before_at >= LOOK_EVERY:
            self._before, self._before_at = self._read(), boot_clock()

    def end(self, journal: JournalWriter, *, killed: bool) -> int | None:
        """Write down what the counters and the kernel say of a death; `killed`: it was by SIGKILL.

        Return how many kills for memory hit the program; None when nobody counts.
        """
        try:
            return self._end(journal, killed)
        except Exception:
            return None

    def _end(self, journal: JournalWriter, killed: bool) -> int | None:
        before, lines = self._before, None
        after, now = self._read(), boot_clock()
        rose = any(after.get(name, 0) > count for name, count in before.items())
        if killed:
            lines = self._kernel(wait=rose)
            after, now = self._read(), boot_clock()
        since = round(now - self._before_at, 3)
        counters = [
            [source, group, self._is_own(group), count, after.get((source, group)), since]
            for (source, group), count in before.items()
        ]
        journal.write(
            "witness",
            moment="end",
            counters=counters,
            kernel_read=None if not killed else lines is not None,
            kernel_lines=lines,
            boot=now,
            copy=self._copy,
        )
        if lines is not None and self._global:
            return sum(1 for _, text in lines if "illed process" in text and self._is_named(text))
        rose_by = {name: after[name] - count for name, count in before.items() if name in after}
        of_groups = [more for (source, _), more in rose_by.items() if source != "vmstat"]
        return max(of_groups or rose_by.values(), default=None)

    def _is_own(self, group: str | None) -> bool:
        return group is not None and group == self._own

    def _is_named(self, text: str) -> bool:
        return any(f"process {pid} " in text for pid in self._pids)

    def _kernel(self, *, wait: bool) -> list[list[Any]] | None:
        """Return the kernel's lines about kills since the start; where one is due, wait a moment for it."""
        from leakhunt.evidence.kmsg import read_kmsg

        deadline = time.monotonic() + (_KERNEL_WAIT if wait else 0.0)
        while True:
            read = read_kmsg(since=self._began - 1.0)
            if read is None:
                return None
            if any(self._is_named(line.text) for line in read) or time.monotonic() >= deadline:
                return [[line.boot, line.text[:_LONGEST_LINE]] for line in read[-_MOST_LINES:]]
            time.sleep(0.05)

    def _read(self) -> Reading:
        found: Reading = {}
        for group in self._groups.v2:
            _keep(found, "cgroup-v2-local", group, field_of(group / "memory.events.local", "oom_kill"))
            _keep(found, "cgroup-v2", group, field_of(group / "memory.events", "oom_kill"))
        for group in self._groups.v1:
            _keep(found, "cgroup-v1", group, field_of(group / "memory.oom_control", "oom_kill"))
        _keep(found, "vmstat", None, field_of(self._proc / "vmstat", "oom_kill"))
        return found


def _keep(found: Reading, source: str, group: Path | None, count: int | None) -> None:
    if count is not None:
        found[source, str(group) if group is not None else None] = count


def _pids_of(proc: Path, pid: int) -> list[int]:
    """Return the ids of a process in this PID namespace and those inside it."""
    for line in (proc / str(pid) / "status").read_bytes().splitlines():
        if line.startswith(b"NSpid:"):
            return [int(part) for part in line.split()[1:]]
    return [pid]


def _counts_globally(proc: Path) -> bool | None:
    """Tell whether ids count here as in the kernel's log."""
    try:
        return os.readlink(proc / "self" / "ns" / "pid") == _FIRST_PID_NAMESPACE
    except OSError:
        return None


def _comm_of(proc: Path, pid: int) -> str | None:
    with contextlib.suppress(OSError):
        return (proc / str(pid) / "comm").read_text(errors="replace").rstrip("\n")
    return None


def _groups_of(proc: Path, pid: int) -> list[str]:
    """Return the paths of a process's memory control groups, as the kernel names them."""
    found = []
    with contextlib.suppress(OSError):
        for line in (proc / str(pid) / "cgroup").read_text().splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if (controllers == "" or "memory" in controllers.split(",")) and path not in ("", "/"):
                found.append(path)
    return found
