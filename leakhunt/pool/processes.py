"""What the system says about the pool's processes: resident memory, descendants; and how to end a whole tree.

Resident memory is read from /proc: `getrusage` reports, for a spawned child, the peak of its parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass

from leakhunt.syscalls import read_whole


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told from a later one of the same number by when it started (ticks since boot)."""

    pid: int
    started: int

    def lives(self) -> bool:
        """Tell whether it still runs; a zombie does not."""
        found = _stat(self.pid)
        return found is not None and found[0] not in "ZX" and found[2] == self.started


def resident(pid: int | str = "self") -> tuple[int | None, int | None]:
    """Return (resident set, its high-water mark) of a process in bytes; None where the system does not say."""
    try:
        text = read_whole(f"/proc/{pid}/status")
    except OSError:
        return _resident_elsewhere(pid)
    return _kilobytes(text, b"\nVmRSS:"), _kilobytes(text, b"\nVmHWM:")


def forget_peak() -> bool:
    """Reset the high-water mark of this process to what is resident now; tell whether that worked."""
    try:
        descriptor = os.open("/proc/self/clear_refs", os.O_WRONLY)
    except OSError:
        return False
    try:
        return os.write(descriptor, b"5") == 1
    except OSError:
        return False
    finally:
        os.close(descriptor)


def process(pid: int) -> Process | None:
    """Return the living process of this number, None when there is none."""
    found = _stat(pid)
    return None if found is None or found[0] in "ZX" else Process(pid, found[2])


def tree_of(pid: int) -> list[Process]:
    """Return a process and its living descendants, itself first."""
    found: list[Process] = []
    waiting = [pid]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        alive = process(one)
        if alive is not None:
            found.append(alive)
        waiting.extend(_children(one))
    return found


def tree_resident(tree: Iterable[Process]) -> int:
    """Return the summed resident set of these processes in bytes."""
    return sum(resident(one.pid)[0] or 0 for one in tree)


def send(processes: Iterable[Process], number: int = signal.SIGKILL) -> None:
    """Send a signal to those of the processes that still are the ones they were."""
    for one in processes:
        if one.lives():
            with contextlib.suppress(OSError):
                os.kill(one.pid, number)


def _stat(pid: int) -> tuple[str, int, int] | None:
    """Return (state, parent, start in ticks)."""
    try:
        columns = read_whole(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        return columns[0].decode(), int(columns[1]), int(columns[19])
    except (OSError, ValueError, IndexError):
        return None if os.path.isdir("/proc/self") else _stat_elsewhere(pid)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found.extend(map(int, read_whole(f"/proc/{pid}/task/{thread}/children").split()))
    except OSError:
        if not os.path.isdir("/proc/self"):
            return _children_elsewhere(pid)
    return found


def _kilobytes(text: bytes, name: bytes) -> int | None:
    at = text.find(name)
    return None if at < 0 else int(text[at + len(name) : text.index(b"\n", at + 1)].split()[0]) * 1024


def _resident_elsewhere(pid: int | str) -> tuple[int | None, int | None]:
    with contextlib.suppress(Exception):
        import psutil

        size = int(psutil.Process(None if pid == "self" else int(pid)).memory_info().rss)
        return size, None
    return None, None


def _stat_elsewhere(pid: int) -> tuple[str, int, int] | None:
    with contextlib.suppress(Exception):
        import psutil

        one = psutil.Process(pid)
        return "Z" if one.status() == psutil.STATUS_ZOMBIE else "S", one.ppid(), int(one.create_time() * 100)
    return None


def _children_elsewhere(pid: int) -> list[int]:
    with contextlib.suppress(Exception):
        import psutil

        return [child.pid for child in psutil.Process(pid).children()]
    return []
