"""Finds and ends the census copies of one run that are still about when the run is over.

A copy names itself `leakhunt-census` and has the environment that the target was started with. One
that hangs would hold the target's pipes open for ever. Linux only; elsewhere there are no copies.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from leakhunt.journal.rundir import RunDirectory

_NAME = b"leakhunt-census"
#: What a copy still works out after its census is written (shared holders, sizes) may take this long.
GRACE_SECONDS = 3.0
#: So many times as long, while it has something to compute: on a busy machine it may not have come to that.
_BUSY_FACTOR = 8.0
#: Most have ended by then: until then they are looked for at short intervals.
_SOON_SECONDS = 0.3


def copies_of(run: RunDirectory, proc: Path = Path("/proc")) -> list[int]:
    """Return the pids of the living census copies of `run`."""
    mine = os.fsencode(f"LEAKHUNT_AGENT={run.path / 'agent.json'}")
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(proc):
            if name.isdigit() and _is_copy(f"{proc}/{name}", mine):
                found.append(int(name))
    return found


def end_copies(run: RunDirectory, grace_seconds: float = GRACE_SECONDS) -> int:
    """Wait a little for the census copies of `run` to end, kill the rest, and return how many those were.

    They stand back for everybody else: on a busy machine, those that only wait for a processor get more time.
    """
    began = time.monotonic()
    while left := copies_of(run):
        waited = time.monotonic() - began
        if waited >= grace_seconds and not (
            waited < _BUSY_FACTOR * grace_seconds and any(map(_computes, left))
        ):
            break
        time.sleep(0.005 if waited < _SOON_SECONDS else 0.02 if waited < grace_seconds else 0.1)
    for pid in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(left)


def _computes(pid: int) -> bool:
    """Tell whether a process runs, or would if it had a processor; one that hangs sleeps."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except (OSError, IndexError):
        return False


def _is_copy(process: str, mine: bytes) -> bool:
    try:
        # no pathlib, no buffers: this is asked of every process of the machine, again and again
        handle = os.open(f"{process}/comm", os.O_RDONLY)
        try:
            name = os.read(handle, len(_NAME))
        finally:
            os.close(handle)
        return name == _NAME and mine in Path(process, "environ").read_bytes().split(b"\0")
    except OSError:
        return False
