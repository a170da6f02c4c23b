"""Finds out whether some program waits for keys on the terminal that a relayed target only writes to.

Pagers do: `less` opens the terminal that its standard error is and reads there. Looks at what the
kernel tells of waiting processes; where it tells nothing (macOS) the answer is no.
"""

from __future__ import annotations

import os
import platform

#: The number of read(2), which /proc gives first.
_READ = {"x86_64": 0, "aarch64": 63, "riscv64": 63}.get(platform.machine(), 3)


def waits_for_keys(terminal: str) -> bool:
    """Return whether a process stands in a read from the terminal with this name."""
    try:
        processes = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return False
    return any(_reads(f"/proc/{process}", terminal) for process in processes)


def _reads(process: str, terminal: str) -> bool:
    try:
        with open(f"{process}/syscall", "rb") as stream:
            call = stream.read(100).split()
        if len(call) < 2 or call[0] != str(_READ).encode():  # "running" has no number
            return False
        return os.readlink(f"{process}/fd/{int(call[1], 16)}") == terminal
    except (OSError, ValueError):  # gone meanwhile, or somebody else's
        return False
