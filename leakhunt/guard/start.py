"""Starts a process that cannot outlive this one, with the signal mask that a program expects."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable

from leakhunt.errors import LeakhuntError

_PR_SET_PDEATHSIG = 1


def start(
    command: list[str],
    environment: dict[str, str],
    mask: set[int],
    output: int | None,
    enter: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start the target in this process group, so that it cannot outlive this process.

    It writes to `output`, or, where that is None, to the streams of this process; it calls `enter`
    before it becomes the target.
    """
    before_exec = _before_exec(mask, enter) if hasattr(signal, "pthread_sigmask") else None
    try:
        return subprocess.Popen(
            command, env=environment, preexec_fn=before_exec, close_fds=False, stdout=output, stderr=output
        )
    except OSError as error:
        raise LeakhuntError(f"cannot start {command[0]}: {error.strerror}", slug="target-start") from error


def _before_exec(mask: set[int], enter: Callable[[], None] | None) -> Callable[[], None]:
    parent = os.getpid()
    die_with_parent = None
    if sys.platform.startswith("linux"):
        import ctypes

        with contextlib.suppress(Exception):
            die_with_parent = ctypes.CDLL(None).prctl

    def before_exec() -> None:
        if die_with_parent is not None:
            die_with_parent(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
            if os.getppid() != parent:  # it died in between
                os._exit(137)
        if enter is not None:
            enter()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    return before_exec
