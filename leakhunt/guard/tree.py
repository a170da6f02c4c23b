"""The target and its descendants, as the operating system sees them from outside.

On Linux straight from /proc: finding children through a list of all processes would cost several
milliseconds ten times a second. Reads only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from leakhunt.guard.lineage import children
from leakhunt.protect.headroom import HeadroomReader

_MAX_COMMAND = 200
#: After so many readings a copy of the target is taken to stay one.
_LOOK_AGAIN = 5
#: How the copies that take heap censuses call themselves: their memory is the target's, shared.
_CENSUS = b"Name:\tleakhunt-"


@dataclass(slots=True)
class ProcessSeen:
    """One process of the tree, alive when last looked at."""

    pid: int
    ppid: int
    role: str
    command: str
    peak_rss: int | None = None
    readings: int = 0


@dataclass(frozen=True, slots=True)
class TreeReading:
    """The tree at one instant. `began` and `gone` are the processes that came and went since the last.

    A process that turned out to be something else is in `began` once more."""

    tree_rss: int
    main_rss: int | None
    processes: int
    available: int | None
    began: list[ProcessSeen] = field(default_factory=list)
    gone: list[ProcessSeen] = field(default_factory=list)


class ProcessTree:
    """Follows the processes below `pid`, itself included.

    What looks like a copy of the target counts from the second reading on: a census copy of ours, which shares
    all the target's memory, looks like one until it has named itself, and so does every child before its exec.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.peak_tree: int | None = None
        self._alive: dict[int, ProcessSeen] = {}
        self._young: set[int] = set()
        self._main_command: str | None = None

    @property
    def peak_main(self) -> int | None:
        """The largest resident set that the target itself was seen to have."""
        main = self._alive.get(self.pid)
        return main.peak_rss if main is not None else None

    def read(self, adopted: Sequence[int] = ()) -> TreeReading:
        """Return the tree now, with what hangs below the `adopted`: processes whose parent is gone."""
        total, main_rss, count = 0, None, 0
        began: list[ProcessSeen] = []
        seen: set[int] = set()
        young: set[int] = set()
        waiting = [(pid, os.getpid()) for pid in (*adopted, self.pid)]
        while waiting:
            pid, parent = waiting.pop()
            if pid in seen:
                continue
            memory = _resident(pid)
            if memory is None:
                continue
            seen.add(pid)
            resident, peak = memory
            process = self._alive.get(pid)
            if process is None:
                command = _command(pid)
                role = self._role(pid, command)
                if role == "fork-child" and pid not in self._young:
                    young.add(pid)
                    continue
                process = ProcessSeen(pid, parent, role, command)
                self._alive[pid] = process
                began.append(process)
            elif self._has_become_another(process):
                began.append(process)
            process.readings += 1
            process.peak_rss = max(process.peak_rss or 0, peak)
            total += resident
            count += 1
            if pid == self.pid:
                main_rss = resident
            waiting.extend((child, pid) for child in children(pid))
        self._young = young
        gone = [process for pid, process in self._alive.items() if pid not in seen and pid != self.pid]
        for process in gone:
            del self._alive[process.pid]
        if count:
            self.peak_tree = max(self.peak_tree or 0, total)
        return TreeReading(total, main_rss, count, available_memory(), began, gone)

    def _has_become_another(self, process: ProcessSeen) -> bool:
        """Look again at what seemed a copy of the target: between fork and exec every child is one."""
        if process.role != "fork-child" or process.readings > _LOOK_AGAIN:
            return False
        command = _command(process.pid)
        if not command or command == process.command:
            return False
        process.command = command
        process.role = self._role(process.pid, command)
        return True

    def proportional(self) -> int | None:
        """Return the bytes that the tree has, each shared page counted once; None where nobody says.

        Costs a walk through the page tables of each process: for when the resident sets add up to too much.
        """
        shares = [_share(pid) for pid in self._alive]
        known = [share for share in shares if share is not None]
        return sum(known) if known and len(known) == len(shares) else None

    def remaining(self) -> list[ProcessSeen]:
        """Return the processes that were alive at the last reading."""
        return list(self._alive.values())

    def _role(self, pid: int, command: str) -> str:
        if pid == self.pid:
            self._main_command = command
            return "main"
        return role_of(command, self._main_command)


def role_of(command: str, main_command: str | None) -> str:
    """Return what a descendant is to the target, from its command line."""
    if "multiprocessing.spawn" in command or "--multiprocessing-fork" in command or "popen_loky" in command:
        return "spawn-pool-worker"
    if main_command and command == main_command:
        return "fork-child"
    return "subprocess"


def available_memory() -> int | None:
    """Return the bytes that programs can still take on this machine."""
    try:
        return HeadroomReader().host()[1]
    except Exception:  # a file whose format we do not own
        return None


def lives(pid: int) -> bool:
    """Tell whether `pid` still runs; a zombie that nobody reaps does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        if os.path.isdir("/proc/self"):
            return False
    import psutil

    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _resident(pid: int) -> tuple[int, int] | None:
    """Return (resident set, its peak); None for a process that is gone, a zombie, or a census of our own."""
    try:
        with open(f"/proc/{pid}/status", "rb") as stream:
            text = stream.read()
    except (ProcessLookupError, FileNotFoundError):
        if os.path.isdir("/proc/self"):
            return None
        return _resident_elsewhere(pid)
    except OSError:
        return None
    if text.startswith(_CENSUS):
        return None
    resident, peak = _field(text, b"\nVmRSS:"), _field(text, b"\nVmHWM:")
    if resident is None:
        return None
    return resident, max(peak or 0, resident)


def _resident_elsewhere(pid: int) -> tuple[int, int] | None:
    import psutil

    try:
        resident = int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
    return resident, resident


def _share(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as stream:
            text = stream.read()
    except OSError:
        return None
    return _field(text, b"\nPss:")


def _field(text: bytes, label: bytes) -> int | None:
    at = text.find(label)
    if at < 0:
        return None
    return int(text[at + len(label) : text.index(b"\n", at + 1)].split()[0]) * 1024


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            parts = os.fsdecode(stream.read()).rstrip("\0").split("\0")
    except OSError:
        if os.path.isdir("/proc/self"):
            return ""
        import psutil

        try:
            parts = psutil.Process(pid).cmdline()
        except psutil.Error:
            return ""
    return " ".join(parts)[:_MAX_COMMAND]
