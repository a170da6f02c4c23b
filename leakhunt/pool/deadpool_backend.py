"""Workers of deadpool-executor: each has pipes of its own, so that the death of one is nobody else's.

Only its public methods are used, and two attributes of its futures and workers (`pid`, `tasks_ran_counter`).
"""

from __future__ import annotations

import logging
import sys
import threading
from concurrent.futures import CancelledError, Future
from typing import Any

import deadpool

from leakhunt.pool.backends import WhenDone, outcome_of
from leakhunt.pool.errors import WorkerDied
from leakhunt.pool.worker import Settings, Task, run_batch, start_worker

#: A pool that is closed waits so long for its workers to run their exit handlers.
CLOSE_SECONDS = 10.0


class DeadpoolBackend:
    """Processes started by `spawn`, which may have children of their own."""

    name = "deadpool"
    isolates = True

    def __init__(self, workers: int, settings: Settings) -> None:
        # It warns of each worker that was found dead: the pool says that itself, once.
        logging.getLogger("deadpool").setLevel(logging.CRITICAL)
        self._executor = _Executor(
            max_workers=workers,
            max_tasks_per_child=sys.maxsize,
            mp_context="spawn",
            initializer=start_worker,
            initargs=(settings,),
            max_backlog=0,
            daemon=False,
        )

    def start(self, tasks: tuple[Task, ...], done: WhenDone) -> None:
        def told(future: Future[Any]) -> None:
            try:
                outcome = outcome_of(future)
            except CancelledError as cancelled:
                outcome = cancelled
            if isinstance(outcome, deadpool.ProcessError):
                outcome = WorkerDied(str(outcome), getattr(future, "pid", None))
            done(outcome)

        self._executor.submit(run_batch, tasks).add_done_callback(told)

    def retire(self, pid: int) -> None:
        self._executor.retiring.add(pid)

    def close(self) -> None:
        self._in_time(lambda: self._executor.shutdown(wait=True))

    def abort(self) -> None:
        self._in_time(lambda: self._executor.shutdown(wait=False, cancel_futures=True))

    def _in_time(self, shut_down: Any) -> None:
        """Shut down in a thread: a worker that was stopped (SIGSTOP) would be waited for without end."""
        thread = threading.Thread(target=shut_down, name="leakhunt-pool-close", daemon=True)
        thread.start()
        thread.join(CLOSE_SECONDS)


class _Executor(deadpool.Deadpool):  # type: ignore[misc]  # it has no types
    """Replaces a worker when the pool says so: `tasks_ran_counter` is what it looks at itself."""

    def __init__(self, **options: Any) -> None:
        self.retiring: set[int] = set()
        super().__init__(**options)

    def done_with_process(self, worker: Any) -> None:
        if worker.pid in self.retiring:
            self.retiring.discard(worker.pid)
            worker.tasks_ran_counter = sys.maxsize
        super().done_with_process(worker)
