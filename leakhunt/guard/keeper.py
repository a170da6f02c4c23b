"""A small process that outlives a killed supervisor for a moment, to end what the supervisor guarded.

The program itself dies with its supervisor, by order of the kernel. What it started does not: workers of
a pool, daemons, sessions of their own. The keeper waits at a pipe that only the supervisor holds open;
when that end closes without a word, it kills everything that bears the run's mark.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from leakhunt.guard.lineage import kill_marked

_DONE = b"."
_NOT_MASKABLE = {signal.SIGKILL, signal.SIGSTOP} if os.name == "posix" else set()


class Keeper:
    """Keeps watch from when it is made until `dismiss`. `pid` is None where there can be none."""

    def __init__(self, run: Path) -> None:
        self.pid: int | None = None
        self._pipe = -1
        if not hasattr(os, "fork") or not os.path.isdir("/proc/self"):
            return
        reading, self._pipe = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(self._pipe)
                _keep(reading, run)
            finally:
                os._exit(0)
        os.close(reading)
        self.pid = pid

    def dismiss(self) -> None:
        """The run is over, nothing is left: the keeper goes."""
        if self.pid is None:
            return
        with contextlib.suppress(OSError):
            os.write(self._pipe, _DONE)
        os.close(self._pipe)
        with contextlib.suppress(OSError):
            os.waitpid(self.pid, 0)
        self.pid = None


def _keep(reading: int, run: Path) -> None:
    # Nobody's terminal and nobody's pipe: whoever waits for the run's output must not wait for us.
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _NOT_MASKABLE)
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text("leakhunt-keeper")
    if os.read(reading, 1) != _DONE:
        kill_marked(run)
