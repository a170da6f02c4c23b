"""Workers of loky, for systems where deadpool-executor does not run.

When one of its workers dies, loky ends them all: every batch in flight fails, and nobody can say whose
worker it was that died first. The pool then runs the suspects one at a time.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import loky
from loky.backend import get_context

from leakhunt.pool.backends import WhenDone, outcome_of
from leakhunt.pool.errors import WorkerDied
from leakhunt.pool.worker import Settings, Task, run_batch, start_worker

CLOSE_SECONDS = 10.0
#: loky itself replaces workers that grow, and warns of it: the pool does that by its own rule.
_NO_RECYCLING = {"LOKY_MAX_MEMORY_LEAK_SIZE": str(2**62)}


class LokyBackend:
    """Processes started afresh, all of which are renewed when one has to be."""

    name = "loky"
    isolates = False

    def __init__(self, workers: int, settings: Settings) -> None:
        self._workers, self._settings = workers, settings
        self._lock = threading.Lock()
        self._flying = 0
        self._renew = False
        self._executor = self._new()

    def _new(self) -> Any:
        return loky.ProcessPoolExecutor(
            self._workers,
            timeout=None,
            # as spawn does it: what the script defines is found there by name
            context=get_context("loky_init_main"),
            initializer=start_worker,
            initargs=(self._settings,),
            env=_NO_RECYCLING,
        )

    def start(self, tasks: tuple[Task, ...], done: WhenDone) -> None:
        with self._lock:
            renew = self._renew and self._flying == 0
            if renew:
                self._renew = False
            self._flying += 1
        if renew:
            self._executor.shutdown(wait=True)
            self._executor = self._new()

        def told(future: Future[Any]) -> None:
            try:
                outcome = outcome_of(future)
            except CancelledError as cancelled:
                outcome = cancelled
            if isinstance(outcome, BrokenProcessPool):
                outcome = WorkerDied(" ".join(str(outcome).split()), None)
            with self._lock:
                self._flying -= 1
                self._renew = self._renew or isinstance(outcome, WorkerDied)
            done(outcome)

        try:
            future = self._executor.submit(run_batch, tasks)
        except BrokenProcessPool:
            self._executor = self._new()
            future = self._executor.submit(run_batch, tasks)
        future.add_done_callback(told)

    def retire(self, pid: int) -> None:
        self._renew = True

    @property
    def must_drain(self) -> bool:
        """Whether workers are to be renewed, which waits until nothing is in flight."""
        return self._renew

    def close(self) -> None:
        self._in_time(kill=False)

    def abort(self) -> None:
        self._in_time(kill=True)

    def _in_time(self, *, kill: bool) -> None:
        def shut_down() -> None:
            with contextlib.suppress(Exception):
                self._executor.shutdown(wait=True, kill_workers=kill)

        thread = threading.Thread(target=shut_down, name="leakhunt-pool-close", daemon=True)
        thread.start()
        thread.join(CLOSE_SECONDS)
