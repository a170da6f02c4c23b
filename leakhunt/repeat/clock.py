"""A clock that stands still while this thread waits for a processor that others use.

With it a test is given the same time, and comes to the same answer, beside a busy neighbour as alone. What it
waits for otherwise (a disk, a socket, a pause) counts.
"""

from __future__ import annotations

import time


def seconds() -> float:
    """Return seconds since some moment; only differences mean anything."""
    return time.perf_counter() - _waited()


def _waited() -> float:
    """Seconds that this thread was ready to run and did not; 0 where the kernel does not tell."""
    try:
        with open("/proc/thread-self/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
