"""Ends a program that has to go: asked with SIGTERM, killed when its grace is over or memory runs out.

What it is about to do is in the journal, on the disk, before it is done: a death without an intent was
not the guard's doing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence

from leakhunt.guard.policy import Bounds, Order
from leakhunt.journal.writer import JournalWriter
from leakhunt.units import format_seconds


class Enforcement:
    """The end of one attempt, once there is an order for it."""

    def __init__(
        self, bounds: Bounds, journal: JournalWriter, tell: Callable[[str], None], copy: int | None = None
    ) -> None:
        self.order: Order | None = None
        self._bounds = bounds
        self._journal = journal
        self._tell = tell
        self._copy = copy
        self._deadline = 0.0
        self._killed = False

    def ask(self, process: subprocess.Popen[bytes], order: Order, now: float) -> None:
        """Ask the program to go."""
        self.order, self._deadline = order, now + self._bounds.grace
        self._journal.write("intent", order.why, order.what, process.pid, self._copy)
        self._journal.sync()
        self._tell(f"{order.what}: asking it to end, {format_seconds(self._bounds.grace)} of grace")
        with contextlib.suppress(OSError):
            process.send_signal(signal.SIGTERM)

    def press(self, now: float, available: int | None, pids: Sequence[int]) -> None:
        """Kill the program and what it started when there is no more time, or no more memory, to wait."""
        if now >= self._deadline:
            self._kill("grace", pids)
        elif self._bounds.under_floor(available):
            self._kill("floor", pids)

    def _kill(self, why: str, pids: Sequence[int]) -> None:
        if not self._killed:
            self._killed = True
            self._journal.write("kill", why, list(pids), self._copy)
            self._journal.sync()
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
