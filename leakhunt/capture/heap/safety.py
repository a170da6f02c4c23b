"""Whether a forked copy of the target may be made, or why the census must run in the target itself.

Reads /proc and the state of the interpreter; changes nothing.
"""

from __future__ import annotations

import os
import signal
import sys


def fork_is_safe() -> str | None:
    """Return None when a fork goes unnoticed, else the reason to stay in the process."""
    if sys.platform != "linux":
        return f"forking is not safe on {sys.platform}"
    if not _has_glibc():
        return "the C library is not glibc"
    if signal.getsignal(signal.SIGCHLD) not in (signal.SIG_DFL, signal.SIG_IGN):
        return "the program handles SIGCHLD"
    if _cuda_initialised():
        return "CUDA is initialised"
    own, room = _private_bytes(), memory_room()
    if own is not None and room is not None and room < own:
        return "there is less free memory than the process uses"
    return None


def _has_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (ValueError, OSError):
        return False


def _cuda_initialised() -> bool:
    torch = sys.modules.get("torch")
    cuda = sys.modules.get("torch.cuda") if torch is not None else None
    started = getattr(cuda, "_initialized", False)
    if started is True:
        return True
    cupy = sys.modules.get("cupy")
    return cupy is not None


def _private_bytes() -> int | None:
    """Resident bytes of this process that no file backs."""
    fields = _read("/proc/self/statm").split()
    if len(fields) < 3:
        return None
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def memory_room() -> int | None:
    """Return how many bytes can still be allocated: on the host and in every cgroup around this process."""
    rooms = []
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            rooms.append(int(line.split()[1]) * 1024)
    for line in _read("/proc/self/cgroup").splitlines():
        if line.startswith("0::"):
            group = line[3:].strip("/")
            while True:
                limit = _read(f"/sys/fs/cgroup/{group}/memory.max").strip()
                used = _read(f"/sys/fs/cgroup/{group}/memory.current").strip()
                if limit.isdigit() and used.isdigit():
                    rooms.append(int(limit) - int(used))
                if not group:
                    break
                group = group.rpartition("/")[0]
    return min(rooms) if rooms else None


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
