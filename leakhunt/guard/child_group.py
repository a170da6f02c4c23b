"""A memory control group of its own for one program: made, entered before exec, read, emptied, removed.

Works below the group that this process is in, with version 1 and 2. A group carries in its name whose it
is, so that what a killed supervisor left behind is found and removed by the next one.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from leakhunt.cgroups import ControlGroups, field_of

#: memory.high, above which the kernel slows a group down and takes memory back, as a share of its limit.
HIGH_SHARE = 0.9
#: Where this process waits while its own group hands the memory controller on (version 2).
_SUPERVISOR = "leakhunt-supervisor"
_NAME = re.compile(r"leakhunt-(\d+)-(\d+)-(\d+)-\d+")
_EMPTYING_SECONDS = 5.0
#: A process may have several groups at once.
_numbers = itertools.count(1)


class Unavailable(Exception):
    """No group can be made here; the message says why, as the end of a sentence."""


class Counters(NamedTuple):
    """What the kernel counted for a group so far; None when it does not count."""

    #: Processes of the group that were killed for memory, by whomever's limit.
    oom_kills: int | None
    #: Most bytes that it ever held, page cache included.
    peak: int | None
    #: How often it ran into its limit and memory had to be taken back.
    hits: int | None


class ChildGroup:
    """One group below this process's own, with a limit."""

    def __init__(self, path: Path, version: int) -> None:
        self.path = path
        self.version = version

    def limit(self, size: int) -> None:
        """Set the limit to `size` bytes, swap included. Raises OSError."""
        if self.version == 2:
            with contextlib.suppress(OSError):  # a kernel without swap accounting
                _write(self.path / "memory.swap.max", 0)
            _write(self.path / "memory.high", int(size * HIGH_SHARE))
            _write(self.path / "memory.max", size)
            return
        _write(self.path / "memory.limit_in_bytes", size)
        if (self.path / "memory.memsw.limit_in_bytes").exists():
            _write(self.path / "memory.memsw.limit_in_bytes", size)

    def entrance(self) -> Callable[[], None]:
        """Return what moves the process that calls it into the group; OSErrors are swallowed there."""
        procs = os.fsencode(self.path / "cgroup.procs")

        def enter() -> None:
            with contextlib.suppress(OSError):
                handle = os.open(procs, os.O_WRONLY)
                os.write(handle, b"0")
                os.close(handle)

        return enter

    def pids(self) -> list[int]:
        """Return the processes that are in the group."""
        try:
            return [int(pid) for pid in (self.path / "cgroup.procs").read_text().split()]
        except (OSError, ValueError):
            return []

    def counters(self) -> Counters:
        """Return what was counted so far."""
        if self.version == 2:
            events = self.path / "memory.events"
            return Counters(
                field_of(events, "oom_kill"), _number(self.path / "memory.peak"), field_of(events, "max")
            )
        return Counters(
            field_of(self.path / "memory.oom_control", "oom_kill"),
            _number(self.path / "memory.max_usage_in_bytes"),
            # where both limits are equal, the one with swap is met first
            (_number(self.path / "memory.failcnt") or 0) + (_number(self.path / "memory.memsw.failcnt") or 0),
        )

    def remove(self) -> bool:
        """End every process that is still in the group and remove it; return whether it is gone."""
        deadline = time.monotonic() + _EMPTYING_SECONDS
        while True:
            for pid in self.pids():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            try:
                os.rmdir(self.path)
            except FileNotFoundError:
                return True
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() >= deadline:
                    return False
                time.sleep(0.01)
                continue
            return True


class GroupMaker:
    """Makes the groups of one supervisor, one per attempt, and leaves everything as it was."""

    def __init__(self, groups: ControlGroups, *, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._groups = groups
        self._moved_from: Path | None = None

    def make(self, size: int) -> ChildGroup:
        """Return a new group with a limit of `size` bytes. Raises Unavailable."""
        try:
            version, parent = self._parent()
            child = ChildGroup(
                parent / f"leakhunt-{_identity(self._proc, os.getpid())}-{next(_numbers)}", version
            )
            child.path.mkdir()
        except (OSError, ValueError) as error:
            raise Unavailable(_in_words(error)) from error
        try:
            child.limit(size)
        except OSError as error:
            child.remove()
            raise Unavailable(_in_words(error)) from error
        return child

    def sweep(self) -> None:
        """Remove what supervisors left behind that are dead, with what still runs in it."""
        for version, groups in ((1, self._groups.v1), (2, self._groups.v2)):
            if groups:
                own = groups[0].parent if groups[0].name == _SUPERVISOR else groups[0]
                with contextlib.suppress(OSError):
                    _sweep(own, self._proc, version)

    def leave(self) -> None:
        """Take this process back to where it was before the first group was made."""
        own, self._moved_from = self._moved_from, None
        if own is None:
            return
        with contextlib.suppress(OSError):
            _write(own / "cgroup.subtree_control", "-memory")
            for pid in _words(own / _SUPERVISOR / "cgroup.procs"):
                _write(own / "cgroup.procs", pid)
            os.rmdir(own / _SUPERVISOR)

    def _parent(self) -> tuple[int, Path]:
        """Return (version, group) below which groups with a limit can be made."""
        if self._groups.v1:
            return 1, self._groups.v1[0]
        if not self._groups.v2:
            raise Unavailable("this system has no memory control groups")
        own = self._moved_from or self._groups.v2[0]
        if own.name == _SUPERVISOR:
            own = own.parent
        if "memory" not in _words(own / "cgroup.controllers"):
            raise Unavailable(f"the control group {own} is not given the memory controller")
        if "memory" not in _words(own / "cgroup.subtree_control"):
            self._hand_on(own)
        return 2, own

    def _hand_on(self, own: Path) -> None:
        """Enable the memory controller below `own`, which must have no processes of its own for that."""
        ours = [os.getpid(), *_children(self._proc, os.getpid())]
        if not set(map(int, _words(own / "cgroup.procs"))) <= set(ours):
            raise Unavailable(
                f"the control group {own} is shared with other programs "
                "(`systemd-run --user --scope -p Delegate=yes` gives one of its own)"
            )
        waiting = own / _SUPERVISOR
        waiting.mkdir(exist_ok=True)
        self._moved_from = own
        for pid in ours:
            _write(waiting / "cgroup.procs", pid)
        _write(own / "cgroup.subtree_control", "+memory")


def _sweep(parent: Path, proc: Path, version: int) -> None:
    """Remove the groups whose supervisor is dead, with what still runs in them."""
    space = _pid_space(proc)
    for entry in list(os.scandir(parent)):
        found = _NAME.fullmatch(entry.name)
        if found is None or found[1] != space:
            continue  # not ours, or of a container whose process numbers mean nothing here
        if _identity(proc, int(found[2])) != "-".join(found.groups()):
            ChildGroup(Path(entry.path), version).remove()


def _identity(proc: Path, pid: int) -> str | None:
    """Name a process for good: its space of process numbers, its number, when it began; None if there is none."""
    try:
        began = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
    return f"{_pid_space(proc)}-{pid}-{began}"


def _pid_space(proc: Path) -> str:
    """The number of this process's space of process numbers ("pid:[4026531836]")."""
    try:
        return re.sub(r"\D", "", os.readlink(proc / "self" / "ns" / "pid")) or "0"
    except OSError:
        return "0"


def _children(proc: Path, pid: int) -> list[int]:
    return [int(child) for child in _words(proc / str(pid) / "task" / str(pid) / "children")]


def _write(path: Path, value: object) -> None:
    with open(path, "w") as stream:
        stream.write(f"{value}\n")


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError):
        if error.errno == errno.EROFS:
            return f"{error.filename} is mounted read-only"
        return f"{error.filename} cannot be written ({error.strerror})"
    return str(error)
