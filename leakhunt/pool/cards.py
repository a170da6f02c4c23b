"""Which unit each worker is at, in one small file per worker that outlives it.

A worker writes its card before and after each unit. When it dies, the card says whether a unit was
running and which: a worker that dies while it starts, or between units, is no unit's fault.
"""

from __future__ import annotations

import contextlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from leakhunt.host import boot_clock

_FORM = struct.Struct("<qqqdqq")
_NOTHING = -1


@dataclass(frozen=True, slots=True)
class Card:
    """Worker `pid`, started at `started` (ticks), runs `unit` (None: none) since `since` (boot clock).

    `units` is how many it has done, `resident` its bytes when the unit began.
    """

    pid: int
    started: int
    unit: int | None
    since: float
    units: int
    resident: int


class CardWriter:
    """The worker's end: one `pwrite` per change."""

    def __init__(self, directory: str, started: int) -> None:
        self._pid, self._started = os.getpid(), started
        path = _path(directory, self._pid)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.write(None, 0, 0)

    def write(self, unit: int | None, units: int, resident: int) -> None:
        """Say which unit runs from now on."""
        number = _NOTHING if unit is None else unit
        line = _FORM.pack(self._pid, self._started, number, boot_clock(), units, resident)
        with contextlib.suppress(OSError):  # a full disk costs the knowledge, not the unit
            os.pwrite(self._descriptor, line, 0)


def read_card(directory: str, pid: int) -> Card | None:
    """Return the card of a worker; None when it died before it had one."""
    try:
        content = _path(directory, pid).read_bytes()
        found, started, unit, since, units, resident = _FORM.unpack(content)
    except (OSError, struct.error):
        return None
    return Card(found, started, None if unit == _NOTHING else unit, since, units, resident)


def read_cards(directory: str) -> list[Card]:
    """Return the cards of all workers that ever had one and were not dropped."""
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    pids = [int(name[5:]) for name in names if name.startswith("card-") and name[5:].isdigit()]
    return [card for pid in pids if (card := read_card(directory, pid)) is not None]


def drop_card(directory: str, pid: int) -> None:
    """Forget a worker that is gone."""
    with contextlib.suppress(OSError):
        _path(directory, pid).unlink()


def _path(directory: str, pid: int) -> Path:
    return Path(directory) / f"card-{pid}"
