"""The processes behind a pool, as four methods: start a batch, retire a worker, close, abort.

A backend runs what it is given and says when a worker died; when to run what is the pool's business.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from leakhunt.pool.worker import Receipt, Settings, Task, Worker

#: Called in any thread with the receipt of a batch, or with what went wrong instead.
WhenDone = Callable[["Receipt | BaseException"], None]


class Backend(Protocol):
    """Worker processes that run batches."""

    name: str
    #: Whether a worker's death leaves the batches of the others alone.
    isolates: bool

    def start(self, tasks: tuple[Task, ...], done: WhenDone) -> None:
        """Have a worker run these units and call `done` once, with WorkerDied when it died of it."""

    def retire(self, pid: int) -> None:
        """Replace this worker now that its batch is done; called from within `done`."""

    def close(self) -> None:
        """Let the workers go; nothing is in flight."""

    def abort(self) -> None:
        """The worker processes were killed: let go of whatever is left."""


class InlineBackend:
    """Runs every batch at once in this process: to debug a unit, or where no process may be started."""

    name = "inline"
    isolates = True

    def __init__(self, settings: Settings) -> None:
        self._worker = Worker(settings, alone=True)

    def start(self, tasks: tuple[Task, ...], done: WhenDone) -> None:
        done(self._worker.run(tasks))

    def retire(self, pid: int) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def outcome_of(future: Future[Any]) -> Receipt | BaseException:
    """Return what a future holds, without its traceback's frames."""
    problem = future.exception()
    if problem is not None:
        return problem.with_traceback(None)
    receipt: Receipt = future.result()
    return receipt
