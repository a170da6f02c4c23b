"""The signals that a supervisor takes one by one, so that no handler ever interrupts anything."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator

FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
WATCHED = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGCHLD", "SIGQUIT", *FORWARDED) if hasattr(signal, name)
)
#: What a relay has to know: a new size of the terminal, and that the panel must go before a stop.
RELAYED = tuple(getattr(signal, name) for name in ("SIGWINCH", "SIGTSTP") if hasattr(signal, name))


@contextlib.contextmanager
def signals_blocked(also: tuple[int, ...] = ()) -> Iterator[set[int]]:
    """Block the signals that the supervisor takes one by one; give the mask that the target gets."""
    if not hasattr(signal, "pthread_sigmask"):
        yield set()
        return
    before = {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, (*WATCHED, *also))}
    try:
        yield before
    finally:
        # what came in while nobody waited any more has had its effect already
        while next_signal(0, also)[0] is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def next_signal(timeout: float, also: tuple[int, ...] = ()) -> tuple[int | None, bool]:
    """Wait for a signal; return it, and whether the terminal sent it (then the target got it too)."""
    watched = (*WATCHED, *also)
    if not hasattr(signal, "sigtimedwait"):  # macOS
        time.sleep(min(timeout, 0.05))
        pending = signal.sigpending() & set(watched) if hasattr(signal, "sigpending") else set()
        if not pending:
            return None, False
        number = min(pending)
        signal.sigwait({number})
        return int(number), number in (signal.SIGINT, signal.SIGQUIT)
    received = signal.sigtimedwait(watched, timeout)
    if received is None:
        return None, False
    return received.si_signo, received.si_code > 0 and received.si_signo != signal.SIGCHLD
