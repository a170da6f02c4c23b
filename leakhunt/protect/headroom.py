"""How much memory may still be taken: what the machine has available, and what each control group leaves.

Costs microseconds; reads only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from leakhunt.cgroups import ControlGroups, control_groups
from leakhunt.syscalls import read_whole


@dataclass(frozen=True, slots=True)
class Headroom:
    """`available` bytes may be taken before `source` ("host" or "cgroup") is full; of `total` bytes.

    None where this system does not say.
    """

    available: int | None
    total: int | None
    source: str | None


class HeadroomReader:
    """Reads the headroom of this process; its control groups are looked up once."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.proc = proc
        self._groups: ControlGroups | None = None
        self._pid = -1

    def read(self) -> Headroom:
        """Return the least of what the machine and each ancestor control group have left."""
        if self._groups is None or self._pid != os.getpid():
            self._groups, self._pid = control_groups(proc=self.proc), os.getpid()
        total, available = self.host()
        room = self._groups.room()
        if room is not None and (available is None or room < available):
            return Headroom(room, self._groups.limit() or total, "cgroup")
        return Headroom(available, total, "host" if available is not None else None)

    def host(self) -> tuple[int | None, int | None]:
        """Return (total, available) bytes of the machine itself."""
        try:
            text = read_whole(str(self.proc / "meminfo"))
        except OSError:
            return _without_proc()
        return _field(text, b"MemTotal:"), _field(text, b"MemAvailable:")


def _field(text: bytes, name: bytes) -> int | None:
    at = text.find(name)
    if at < 0:
        return None
    return int(text[at + len(name) : text.index(b"\n", at)].split()[0]) * 1024


def _without_proc() -> tuple[int | None, int | None]:
    try:
        import psutil

        memory = psutil.virtual_memory()
        return memory.total, memory.available
    except Exception:
        return None, None
