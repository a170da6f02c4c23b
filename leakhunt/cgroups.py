"""The memory control groups of a process: what room they leave, and whom they killed.

Walks every ancestor group of both versions itself: psutil and others look at the host only, so that in
a container they report memory that is not there. Standard library only; reads only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from leakhunt.syscalls import read_whole

#: Version 1 writes "no limit" as the largest page-aligned integer.
UNLIMITED = 2**60


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """The directories of a process's memory control groups, innermost first, of version 1 and 2."""

    v1: tuple[Path, ...] = ()
    v2: tuple[Path, ...] = ()

    def room(self) -> int | None:
        """Return the bytes that may still be taken before an ancestor group is full; None without a limit."""
        rooms = [room for group in self.v2 if (room := _room_v2(group)) is not None]
        rooms += [room for group in self.v1 if (room := _room_v1(group)) is not None]
        return min(rooms, default=None)

    def limit(self) -> int | None:
        """Return the lowest limit of these groups in bytes; None without a limit."""
        limits = [limit for group in self.v2 if (limit := _number(group / "memory.max")) is not None]
        limits += [
            limit
            for group in self.v1
            if (limit := _number(group / "memory.limit_in_bytes")) is not None and limit < UNLIMITED
        ]
        return min(limits, default=None)

    def kills(self) -> int | None:
        """Return how many processes these groups have killed for memory so far; None when nobody counts."""
        # an ancestor counts the kills below it, so the largest count says it all
        counts = [field_of(group / "memory.events", "oom_kill") for group in self.v2]
        counts += [field_of(group / "memory.oom_control", "oom_kill") for group in self.v1]
        return max((count for count in counts if count is not None), default=None)


def control_groups(
    pid: int | str = "self",
    *,
    proc: Path = Path("/proc"),
    root: Path = Path("/"),
    controller: str = "memory",
) -> ControlGroups:
    """Return the control groups of a controller that `pid` is in; mount points are looked up below `root`."""
    try:
        membership = (proc / str(pid) / "cgroup").read_text().splitlines()
        mounts = (proc / "self" / "mountinfo").read_text().splitlines()
    except OSError:
        return ControlGroups()
    v1: tuple[Path, ...] = ()
    v2: tuple[Path, ...] = ()
    for line in membership:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            v2 = _ancestors(path, _mount_of(mounts, "cgroup2", None, root))
        elif controller in controllers.split(","):
            v1 = _ancestors(path, _mount_of(mounts, "cgroup", controller, root))
    return ControlGroups(v1, v2)


def _mount_of(mounts: list[str], kind: str, controller: str | None, root: Path) -> tuple[str, Path] | None:
    """Return (path inside the hierarchy, mount point) of a control group file system."""
    for line in mounts:
        before, _, after = line.partition(" - ")
        columns, system = before.split(), after.split()
        if len(columns) < 5 or not system or system[0] != kind:
            continue
        if controller is None or controller in system[-1].split(","):
            return columns[3], root / columns[4].replace("\\040", " ").lstrip("/")
    return None


def _ancestors(path: str, mount: tuple[str, Path] | None) -> tuple[Path, ...]:
    if mount is None:
        return ()
    root, point = mount
    inside = os.path.relpath(path, root)
    # outside of what is mounted here (a container's own view): the mount point is the group itself
    group = point if inside.startswith("..") else point / inside
    if not group.is_dir():
        group = point
    found = [group]
    while group != point:
        group = group.parent
        found.append(group)
    return tuple(found)


def _room_v2(group: Path) -> int | None:
    # text, not paths: this is read before every unit, and joining paths took a third of the time
    limit = _number(f"{group}/memory.max")
    used = None if limit is None else _number(f"{group}/memory.current")
    if limit is None or used is None:
        return None
    statistics = f"{group}/memory.stat"
    given_back = (field_of(statistics, "inactive_file") or 0) + (
        field_of(statistics, "slab_reclaimable") or 0
    )
    return max(0, limit - max(0, used - given_back))


def _room_v1(group: Path) -> int | None:
    limit = _number(f"{group}/memory.limit_in_bytes")
    used = None if limit is None or limit >= UNLIMITED else _number(f"{group}/memory.usage_in_bytes")
    if limit is None or used is None:
        return None
    return max(0, limit - max(0, used - (field_of(f"{group}/memory.stat", "total_inactive_file") or 0)))


def _number(path: Path | str) -> int | None:
    try:
        return int(read_whole(str(path)))  # "max" is no number: no limit
    except (OSError, ValueError):
        return None


def field_of(path: Path | str, name: str) -> int | None:
    try:
        for line in read_whole(str(path)).splitlines():
            key, _, value = line.partition(b" ")
            if key == name.encode():
                return int(value)
    except (OSError, ValueError):
        pass
    return None
