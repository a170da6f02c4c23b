"""Finds the processes that belong to a guarded run, also those that left the program's process tree.

A daemon or a child whose parent died is handed to the supervisor, which is the reaper of its descendants;
and whatever the program starts inherits the two variables that mark it. Both are Linux's: elsewhere only
the process tree is known.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path

from leakhunt.protect.notes import COPY_VARIABLE, RUN_VARIABLE

_PR_SET_CHILD_SUBREAPER = 36
_PROC = Path("/proc")
_PATIENCE = 10.0


def become_reaper() -> None:
    """Have every descendant whose parent dies handed to this process."""
    if sys.platform == "linux":
        with contextlib.suppress(Exception):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid: int) -> list[int]:
    """Return the living children (and zombies) of a process."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as stream:
                found.extend(map(int, stream.read().split()))
        return found
    except OSError:
        if os.path.exists("/proc/thread-self/children"):
            return found  # it is gone
    import psutil  # a kernel without such files, or not Linux

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def descendants(pids: Collection[int]) -> list[int]:
    """Return these processes and all below them."""
    found: dict[int, None] = {}
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found[pid] = None
            waiting.extend(children(pid))
    return list(found)


class Adopted:
    """The children of this process that it did not start: what the copies of the program left behind."""

    def __init__(self) -> None:
        self._copy_of: dict[int, int | None] = {}

    def look(self, own: Collection[int]) -> dict[int | None, list[int]]:
        """Return them by the copy that they are marked for, None where the mark is gone; reap the dead.

        `own` are the children that this process started itself.
        """
        found: dict[int | None, list[int]] = {}
        present = [pid for pid in children(os.getpid()) if pid not in own]
        for pid in present:
            if _reaped(pid):
                continue
            if pid not in self._copy_of:
                self._copy_of[pid] = copy_of(pid)
            found.setdefault(self._copy_of[pid], []).append(pid)
        for pid in set(self._copy_of).difference(present):
            del self._copy_of[pid]
        return found

    def end(self, own: Collection[int], copy: int | None, *, only: bool) -> list[int]:
        """Kill what `copy` left behind, and all below it, until there is nothing more; return the pids.

        With `only`, it is the only copy: what has no mark is its too.
        """
        killed: dict[int, None] = {}
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            adopted = self.look(own)
            left = [
                pid for marked, pids in adopted.items() if only or marked == copy for pid in descendants(pids)
            ]
            if not left:
                break
            for pid in left:
                killed[pid] = None
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)
        return list(killed)


def copy_of(pid: int) -> int | None:
    """Return which copy of a guarded program started this process, from its environment."""
    value = _environment(pid).get(os.fsencode(COPY_VARIABLE))
    return int(value) if value is not None and value.isdigit() else None


def marked() -> dict[int, Path]:
    """Return every process that a guarded run started, with the directory of that run."""
    found = {}
    name = os.fsencode(RUN_VARIABLE)
    with contextlib.suppress(OSError):
        for entry in os.listdir(_PROC):
            if entry.isdigit() and int(entry) != os.getpid():
                value = _environment(int(entry)).get(name)
                if value:
                    found[int(entry)] = Path(os.fsdecode(value))
    return found


def kill_marked(run: Path, seconds: float = _PATIENCE) -> list[int]:
    """Kill every process that the guarded run in `run` started, until none is left; return the pids."""
    killed: dict[int, None] = {}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        left = [pid for pid, directory in marked().items() if directory == run]
        if not left:
            break
        for pid in left:
            killed[pid] = None
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    return list(killed)


def _environment(pid: int) -> dict[bytes, bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            pairs = stream.read().split(b"\0")
    except OSError:
        return {}
    return {name: value for name, found, value in (pair.partition(b"=") for pair in pairs) if found}


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
