"""Writes what a guarded program does into the run directory it runs under, if it runs under one.

One file per process, opened at the first note. Never raises.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic
from typing import Any

from leakhunt.journal.writer import JournalWriter

#: The run directory of the supervisor that started this process or one of its parents.
RUN_VARIABLE = "LEAKHUNT_RUN"
#: Which of several copies of a guarded program this process belongs to, from 1.
COPY_VARIABLE = "LEAKHUNT_COPY"
#: The run directory that an agent in this process told, which keeps its own variables from the program.
_told: str | None = None
_WRITERS: dict[int, JournalWriter] = {}
_BEAT_SECONDS = 1.0
_beat_due = 0.0


def write_to(run_directory: str) -> None:
    """Have this process write its notes into a run directory where no variable names one."""
    global _told
    _told = run_directory


def note(kind: str, *fields: Any, durable: bool = False) -> bool:
    """Append one record; with `durable`, it is on the disk when this returns. Tell whether it was written."""
    run = os.environ.get(RUN_VARIABLE) or _told
    if not run:
        return False
    try:
        pid = os.getpid()
        writer = _WRITERS.get(pid)
        if writer is None:
            _WRITERS.clear()
            writer = _WRITERS[pid] = JournalWriter(Path(run) / f"work-{pid}.jsonl", _header())
        written = writer.write(kind, *fields)
        if durable:
            writer.sync()
        return written
    except Exception:
        return False


def _header() -> dict[str, Any]:
    return {"writer": "work", "options": {"copy": int(os.environ.get(COPY_VARIABLE) or 1)}}


def heartbeat(unit: str = "") -> None:
    """Tell the supervisor (`leakhunt run --hung-after`) that this process gets on; `unit` is where it is.

    Written once a second at most; does nothing where nobody supervises. Never raises.
    """
    global _beat_due
    now = monotonic()
    if now >= _beat_due and os.environ.get(RUN_VARIABLE):
        _beat_due = now + _BEAT_SECONDS
        note("beat", unit)
