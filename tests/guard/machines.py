"""Machines made by hand, as trees of text: a /proc, a /sys and a /dev below one directory."""

from __future__ import annotations

from pathlib import Path

from leakhunt.machine import Machine, read_machine

GB = 10**9
#: A machine that is as most are: 32 GB, four processors, control groups of version 2, pressure, a kernel log.
ORDINARY = {
    "proc/meminfo": "MemTotal: 32000000 kB\nMemAvailable: 24000000 kB\nSwapTotal: 8000000 kB\nSwapFree: 8000000 kB\n"
    "CommitLimit: 24000000 kB\nCommitted_AS: 4000000 kB\n",
    "proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-3\n",
    "proc/self/limits": "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max data size             unlimited            unlimited            bytes     \n"
    "Max address space         unlimited            unlimited            bytes     \n"
    "Max open files            1024                 1048576              files     \n",
    "proc/self/oom_score_adj": "0\n",
    "proc/self/maps": "7f00 r-xp 00000000 08:01 1 /usr/lib/x86_64-linux-gnu/libc.so.6\n",
    "proc/self/cgroup": "0::/user.slice/session.scope\n",
    "proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/vda rw\n"
    "30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
    "31 22 0:27 / /dev/shm rw - tmpfs tmpfs rw\n",
    "proc/sys/vm/overcommit_memory": "0\n",
    "proc/sys/kernel/osrelease": "6.1.0\n",
    "proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    "proc/1/comm": "systemd\n",
    "dev/kmsg": "",
    "dev/shm/": "",
    "runs/": "",
    "sys/fs/cgroup/user.slice/session.scope/memory.max": "max\n",
    "sys/fs/cgroup/user.slice/session.scope/memory.current": "1000000\n",
    "sys/fs/cgroup/user.slice/session.scope/memory.oom.group": "0\n",
}


def build(directory: Path, **changes: str | None) -> Path:
    """Make an ordinary machine with some files changed (or, for None, left out); return its root.

    Names are given with `__` for `/`: `proc__pressure__memory=None`.
    """
    files = {**ORDINARY, **{name.replace("__", "/"): text for name, text in changes.items()}}
    for name, text in files.items():
        path = directory / name
        if text is None:
            continue
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def read(directory: Path, *, free: int = 100 * GB, total: int = 500 * GB) -> Machine:
    """Read the machine, whose disks are `total` bytes large and have `free` left; so is its /dev/shm."""
    return read_machine(directory / "runs", root=directory, filling=lambda _: (free, total))
