"""How much memory the target may take before something kills it.

Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from leakhunt.cgroups import UNLIMITED, ControlGroups

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits record: `limit` is the resident set at which the process tree meets `source`."""

    memory_total: int
    memory_available: int
    limit: int
    source: str


def limits_now(resident: int, groups: ControlGroups) -> Limits:
    """Return the limits in force for a process tree that has `resident` bytes now."""
    memory = psutil.virtual_memory()
    choices = [(memory.available + resident, "host")]
    room = groups.room()
    if room is not None:
        choices.append((room + resident, "cgroup"))
    if resource is not None:
        for name in ("RLIMIT_AS", "RLIMIT_DATA"):
            soft = resource.getrlimit(getattr(resource, name))[0] if hasattr(resource, name) else -1
            if 0 < soft < UNLIMITED:
                choices.append((soft, "rlimit"))
    limit, source = min(choices)
    return Limits(memory.total, memory.available, limit, source)
