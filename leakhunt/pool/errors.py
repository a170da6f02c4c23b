"""What goes wrong in a pool, as the program that uses it sees it."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Any

from leakhunt.errors import LeakhuntError

#: As deadpool-executor and loky write it.
_EXIT_CODE = re.compile(r"exitcode (-?\d+)|\{(?:EXIT|SIG\w+)\((-?\d+)\)\}")


class PoolError(LeakhuntError):
    """The pool cannot work as asked: wrong settings, no backend, workers that die as they start."""


class UnitError(LeakhuntError):
    """One unit cannot be handed over: its function, argument, result or exception cannot be pickled."""


class WorkerDied(Exception):
    """The worker process of a batch is gone.

    `pid` is None where the backend cannot tell which of its workers it was.
    """

    def __init__(self, cause: str, pid: int | None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.pid = pid

    def in_words(self) -> str:
        """Return the cause, in words where it is an exit code as the backends write it."""
        found = _EXIT_CODE.search(self.cause)
        if found is None:
            return self.cause
        code = int(found[1] or found[2])
        if code >= 0:
            return f"its worker ended with exit code {code}"
        try:
            return f"its worker was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"its worker was ended by signal {-code}"


class RemoteTraceback(Exception):
    """The traceback of a unit's exception, as text: the `__cause__` of the exception that is raised here."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A unit that was given up: the worker died each time that it ran.

    `index` counts the items from 0; `item` is None where it cannot be read back; `causes` has one line
    per death.
    """

    index: int
    item: Any
    causes: tuple[str, ...]
