"""How a run ended, decided from what was seen and never from an exit code alone where that proves nothing."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a supervisor stays small
    from leakhunt.findings.diagnosis import Outcome

#: What a shell reports for a program that Ctrl-C ended.
_EXIT_OF_INTERRUPT = 128 + signal.SIGINT


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a target as its supervisor saw it.

    `exit_code` is the target's own, None when a signal ended it; `shell_code` is what a shell would say.
    """

    outcome: Outcome
    exit_code: int | None
    signal: str | None
    oom_kills: int | None
    peak_rss: int | None
    seconds: float
    shell_code: int


def ended(returncode: int, *, oom_kills: int | None, peak_rss: int | None, seconds: float) -> Ended:
    """Return how a target ended whose return code is that of `subprocess` (negative for a signal)."""
    if returncode >= 0:
        outcome: Outcome = "completed" if returncode == 0 else "failed"
        if returncode == _EXIT_OF_INTERRUPT:
            outcome = "interrupted"
        return Ended(outcome, returncode, None, oom_kills, peak_rss, seconds, returncode)
    number = -returncode
    if number == signal.SIGINT:
        outcome = "interrupted"
    elif number == signal.SIGKILL and oom_kills:  # 137 alone proves nothing
        outcome = "oom-killed"
    else:
        outcome = "killed"
    return Ended(outcome, None, signal_name(number), oom_kills, peak_rss, seconds, 128 + number)


def signal_name(number: int) -> str:
    """Return a signal's name ("SIGKILL")."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
