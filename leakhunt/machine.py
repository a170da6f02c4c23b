"""Facts about this machine that decide how a memory-hungry run ends, as values.

Everything is read below a root directory (`/` for the real machine), so that any machine can be
described as a tree of text files. Reads only; judges nothing. What a machine does not tell is None.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from leakhunt.cgroups import UNLIMITED, control_groups, field_of

#: Programs that kill for memory before the kernel does, by the name of their process.
OOM_DAEMONS = ("earlyoom", "nohang", "oomd", "systemd-oomd")
_COMM_BYTES = 15  # the kernel cuts names of processes


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """One memory control group above (or of) this process. Sizes in bytes; None is no limit or not said."""

    path: Path
    version: int
    limit: int | None
    high: int | None
    swap_limit: int | None
    used: int | None
    #: Whether the kernel kills everything in the group when it has to kill anything in it.
    kills_all: bool | None


@dataclass(frozen=True, slots=True)
class Pressure:
    """How much of the last 10 s programs stood still for memory, in percent: some of them, all of them."""

    some: float
    full: float


@dataclass(frozen=True, slots=True)
class Storage:
    """The file system under a directory."""

    path: Path
    kind: str | None
    free: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine as it is now. Sizes in bytes."""

    memory_total: int | None
    memory_available: int | None
    swap_total: int | None
    swap_free: int | None
    #: vm.overcommit_memory: 0 guess, 1 always, 2 never.
    overcommit: int | None
    commit_left: int | None
    #: Innermost first.
    groups: tuple[MemoryGroup, ...]
    #: Processors that this process may use at once: affinity and the quota of its control groups.
    processors: int | None
    processors_installed: int | None
    pressure: Pressure | None
    #: Whether this process may read the kernel's log, and so learn whom the kernel killed.
    kernel_log: bool
    shared_memory: Storage
    run_storage: Storage
    #: Name as in /proc/self/limits -> soft limit; None is unlimited.
    limits: dict[str, int | None]
    oom_score_adj: int | None
    oom_daemons: tuple[str, ...]
    libc: tuple[str, str] | None
    kernel: str | None

    @property
    def room(self) -> int | None:
        """The bytes that may be taken now: the least of the machine's and each group's."""
        rooms = [self.memory_available] + [
            group.limit - group.used
            for group in self.groups
            if group.limit is not None and group.used is not None
        ]
        return min((max(0, room) for room in rooms if room is not None), default=None)

    @property
    def capacity(self) -> int | None:
        """The most bytes that programs here may have at all."""
        limits = [self.memory_total, *(group.limit for group in self.groups)]
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def limiting_group(self) -> MemoryGroup | None:
        """The group whose limit is lower than the machine's memory, the lowest of them."""
        lower = [
            group
            for group in self.groups
            if group.limit is not None and (self.memory_total is None or group.limit < self.memory_total)
        ]
        return min(lower, key=lambda group: group.limit or 0, default=None)


Filling = Callable[[Path], tuple[int, int]]


def filling_of(path: Path) -> tuple[int, int]:
    """Return (free bytes for this user, all bytes) of the file system under `path`. Raises OSError."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize


def read_machine(runs: Path = Path("."), *, root: Path = Path("/"), filling: Filling = filling_of) -> Machine:
    """Return the facts about the machine below `root`; runs are to be kept in the directory `runs`."""
    proc = root / "proc"
    memory = _meminfo(proc)
    limit, committed = memory.get("CommitLimit"), memory.get("Committed_AS")
    affinity = _affinity(proc)
    quota = _processor_quota(proc, root)
    usable = [count for count in (affinity, quota) if count is not None]
    return Machine(
        memory_total=memory.get("MemTotal"),
        memory_available=memory.get("MemAvailable"),
        swap_total=memory.get("SwapTotal"),
        swap_free=memory.get("SwapFree"),
        overcommit=_number(proc / "sys/vm/overcommit_memory"),
        commit_left=None if limit is None or committed is None else limit - committed,
        groups=_memory_groups(proc, root),
        processors=min(usable, default=None),
        processors_installed=affinity,
        pressure=_pressure(proc),
        kernel_log=_reads_kernel_log(root),
        shared_memory=_storage(root / "dev/shm", root, filling),
        run_storage=_storage(_existing(runs), root, filling),
        limits=_limits(proc),
        oom_score_adj=_number(proc / "self/oom_score_adj"),
        oom_daemons=_daemons(proc),
        libc=_libc(proc),
        kernel=_text(proc / "sys/kernel/osrelease"),
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None


def _number(path: Path) -> int | None:
    try:
        return int(_text(path) or "")
    except ValueError:
        return None


def _meminfo(proc: Path) -> dict[str, int]:
    found = {}
    for line in (_text(proc / "meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            found[name] = int(words[0]) * (1024 if words[1:] == ["kB"] else 1)
    return found


def _memory_groups(proc: Path, root: Path) -> tuple[MemoryGroup, ...]:
    groups = control_groups(proc=proc, root=root)
    found = [
        MemoryGroup(
            path,
            2,
            limit=_number(path / "memory.max"),
            high=_number(path / "memory.high"),
            swap_limit=_number(path / "memory.swap.max"),
            used=_used(path, "memory.current", ("inactive_file", "slab_reclaimable")),
            kills_all=_flag(path / "memory.oom.group"),
        )
        for path in groups.v2
    ]
    found += [
        MemoryGroup(
            path,
            1,
            limit=_finite(_number(path / "memory.limit_in_bytes")),
            high=None,
            swap_limit=_finite(_number(path / "memory.memsw.limit_in_bytes")),
            used=_used(path, "memory.usage_in_bytes", ("total_inactive_file",)),
            kills_all=None,
        )
        for path in groups.v1
    ]
    return tuple(found)


def _used(group: Path, file: str, given_back: tuple[str, ...]) -> int | None:
    """What a group holds, without what the kernel takes back by itself."""
    used = _number(group / file)
    if used is None:
        return None
    return max(0, used - sum(field_of(group / "memory.stat", name) or 0 for name in given_back))


def _finite(limit: int | None) -> int | None:
    return limit if limit is not None and limit < UNLIMITED else None


def _flag(path: Path) -> bool | None:
    number = _number(path)
    return None if number is None else number != 0


def _affinity(proc: Path) -> int | None:
    """How many processors this process may run on, from the list in its status ("0-3,8")."""
    found = re.search(r"^Cpus_allowed_list:\s*(\S+)", _text(proc / "self/status") or "", re.MULTILINE)
    if found is None:
        return None
    count = 0
    for part in found[1].split(","):
        first, _, last = part.partition("-")
        count += int(last or first) - int(first) + 1
    return count


def _processor_quota(proc: Path, root: Path) -> int | None:
    """The processors that the control groups grant, rounded up; None without a quota."""
    quotas = []
    for group in _processor_groups(proc, root):
        words = (_text(group / "cpu.max") or "").split()
        if len(words) == 2 and words[0].isdigit():
            quotas.append(int(words[0]) / int(words[1]))
        quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
        if quota is not None and quota > 0 and period:
            quotas.append(quota / period)
    return max(1, math.ceil(min(quotas))) if quotas else None


def _processor_groups(proc: Path, root: Path) -> tuple[Path, ...]:
    groups = control_groups(proc=proc, root=root, controller="cpu")
    return groups.v1 + groups.v2


def _pressure(proc: Path) -> Pressure | None:
    text = _text(proc / "pressure/memory")
    found = dict(re.findall(r"^(some|full) avg10=([\d.]+)", text or "", re.MULTILINE))
    if "some" not in found:
        return None
    return Pressure(float(found["some"]), float(found.get("full", 0.0)))


def _reads_kernel_log(root: Path) -> bool:
    try:
        handle = os.open(root / "dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    os.close(handle)
    return True


def _existing(path: Path) -> Path:
    """The directory itself, or the nearest one above it that is there already."""
    path = path.absolute()
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path


def _storage(path: Path, root: Path, filling: Filling) -> Storage:
    try:
        free, total = filling(path)
    except OSError:
        return Storage(path, None, None, None)
    return Storage(path, _file_system(path, root), free, total)


def _file_system(path: Path, root: Path) -> str | None:
    """The kind of file system that `path` lies on: that of the longest mount point above it."""
    inside = Path("/") / path.relative_to(root) if path.is_relative_to(root) else path
    best: tuple[int, str] | None = None
    for line in (_text(root / "proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        columns = before.split()
        if len(columns) < 5 or not after:
            continue
        mount = Path(columns[4].replace("\\040", " "))
        if inside.is_relative_to(mount) and (best is None or len(mount.parts) >= best[0]):
            best = len(mount.parts), after.split()[0]
    return best[1] if best is not None else None


def _limits(proc: Path) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for line in (_text(proc / "self/limits") or "").splitlines()[1:]:
        columns = re.split(r"\s{2,}", line.strip())
        if len(columns) >= 3:
            found[columns[0]] = int(columns[1]) if columns[1].isdigit() else None
    return found


def _daemons(proc: Path) -> tuple[str, ...]:
    names = {name[:_COMM_BYTES]: name for name in OOM_DAEMONS}
    found = set()
    try:
        processes = [entry.name for entry in os.scandir(proc) if entry.name.isdigit()]
    except OSError:
        return ()
    for pid in processes:
        if (name := _text(proc / pid / "comm")) in names:
            found.add(names[name])
    return tuple(sorted(found))


def _libc(proc: Path) -> tuple[str, str] | None:
    """Which C library the interpreter runs with, from what is mapped into it: (name, version)."""
    maps = _text(proc / "self/maps") or ""
    if "ld-musl" in maps or "libc.musl" in maps:
        return "musl", ""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (AttributeError, OSError, ValueError):
        return None
    return (name, version) if name else None
