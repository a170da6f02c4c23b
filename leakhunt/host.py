"""Facts about this machine and interpreter, asked once. Standard library only: it runs in the target too.

Asks and answers; never changes anything but the number of a descriptor that it was handed.
"""

from __future__ import annotations

import os
import sys
import time

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Bound here, so that a target that replaces `time.time` (frozen clocks in tests) does not bend the journal.
_clock_gettime = getattr(time, "clock_gettime", None)
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
_WALL_CLOCK = getattr(time, "CLOCK_REALTIME", None)
_monotonic = time.monotonic
_time = time.time

#: Descriptors go above this number, where a target that closes "everything" up to 256 does not reach.
HIGH_DESCRIPTOR = 700


def usable_processors() -> int | None:
    """Return how many processors this process may run on; None when that is not known."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count()


def boot_clock() -> float:
    """Return seconds on a clock that never jumps and, where the system has one, counts suspended time."""
    if _clock_gettime is None or _BOOT_CLOCK is None:
        return _monotonic()
    return float(_clock_gettime(_BOOT_CLOCK))


def wall_clock() -> float:
    """Return Unix seconds."""
    if _clock_gettime is None or _WALL_CLOCK is None:
        return _time()
    return float(_clock_gettime(_WALL_CLOCK))


def boot_id() -> str | None:
    """Return what names this boot of the machine, so that two boot clocks are never compared."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip() or None
    except OSError:
        return None


def python_version() -> str:
    """Return the interpreter as "CPython 3.11.7"."""
    name = sys.implementation.name.replace("cpython", "CPython")
    return f"{name} {'.'.join(map(str, sys.version_info[:3]))}"


def platform_name() -> str:
    """Return the system as "linux-x86_64"."""
    try:
        return f"{sys.platform}-{os.uname().machine}"
    except AttributeError:
        return sys.platform


def out_of_the_way(descriptor: int) -> int:
    """Return a close-on-exec duplicate of `descriptor` with a high number (and close it), or itself.

    Programs rely on getting the lowest free numbers, and daemons close all low ones.
    """
    if fcntl is None:
        return descriptor
    for lowest in (HIGH_DESCRIPTOR, 200, 50):
        try:
            high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
        except OSError:  # above the limit on open files
            continue
        os.close(descriptor)
        return high
    return descriptor
