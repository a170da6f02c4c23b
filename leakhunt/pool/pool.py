"""A pool of worker processes for a long run: it keeps to a share of the memory and outlives its workers' deaths.

`results.py` decides what runs when, `crew.py` holds the workers; this file checks what was asked for.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import pickle
import shutil
import weakref
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Literal, TypeVar

from leakhunt.host import usable_processors
from leakhunt.pool.choice import choose_backend
from leakhunt.pool.crew import Crew
from leakhunt.pool.errors import PoolError, Quarantined, UnitError
from leakhunt.pool.parcels import spill_directory
from leakhunt.pool.results import Results
from leakhunt.pool.watch import Limits
from leakhunt.pool.window import Window
from leakhunt.pool.worker import Settings
from leakhunt.protect.headroom import Headroom, HeadroomReader
from leakhunt.protect.notes import note
from leakhunt.units import format_bytes, parse_bytes, parse_seconds

T = TypeVar("T")
R = TypeVar("R")


class Pool:
    """Runs a function over items in worker processes, within a share of the memory.

    `workers` processes (by default one per processor), started by spawn. At most `max_in_flight` units are
    begun and not taken yet; "auto" lets the memory decide: as many as fit while the machine, or the control
    group around the program, stays within `target_memory` (a share of it). A worker is replaced after
    `tasks_per_worker` units, and when it has kept more than `max_worker_rss` ("2GB"; by default its part of
    the target). A unit that runs longer than `unit_timeout` seconds ("10m") is ended.

        with leakhunt.Pool(workers=4, target_memory=0.70) as pool:
            for result in pool.imap_unordered(work, items):
                save(result)

    `backend` is "auto", "deadpool", "loky" or "inline" (no processes). `initializer(*initargs)` runs in each
    worker as it starts. Raises PoolError when the settings make no sense or no backend is installed.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        max_in_flight: int | Literal["auto"] = "auto",
        target_memory: float = 0.70,
        tasks_per_worker: int | None = None,
        max_worker_rss: str | int | None = None,
        unit_timeout: str | float | None = None,
        backend: str = "auto",
        initializer: Callable[..., Any] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        self.workers = _count("workers", workers if workers is not None else usable_processors() or 1)
        fixed = None if max_in_flight == "auto" else _count("max_in_flight", max_in_flight)
        if not isinstance(target_memory, (int, float)) or not 0 < target_memory < 1:
            raise PoolError(
                f"target_memory is a share between 0 and 1, not {target_memory!r}: 0.70", slug="pool-settings"
            )
        if tasks_per_worker is not None:
            _count("tasks_per_worker", tasks_per_worker)
        _refuse_in_worker()
        headroom = HeadroomReader()
        room = headroom.read()
        limit = _size("max_worker_rss", max_worker_rss)
        _refuse_impossible(limit, room)
        limits = Limits(_seconds("unit_timeout", unit_timeout), limit)
        name = choose_backend(backend)
        started = _pickled_initializer(initializer, initargs)
        derived = None if room.total is None else int(target_memory * room.total / self.workers)
        directory = spill_directory()
        settings = Settings(
            directory, os.getpid(), tasks_per_worker, limit or derived, limit is None, started
        )
        try:
            self._crew = Crew(
                name, self.workers, settings, Window(self.workers, target_memory, fixed), headroom, limits
            )
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        self._active: Results | None = None
        self._owner = os.getpid()
        self._at_exit = _closer(weakref.ref(self))
        atexit.register(self._at_exit)
        note("pool", name, self.workers, fixed, target_memory, tasks_per_worker, limit or derived)

    # ---- what a program asks -----------------------------------------------------------

    def imap_unordered(self, function: Callable[[T], R], items: Iterable[T]) -> Results:
        """Yield `function(item)` for each item as it is ready; the next one is read only when there is room.

        An exception of a unit is raised from `next()`, and the iteration can go on after it. A unit whose
        worker died three times is left out, said in a warning, and listed in `quarantined`.
        """
        return self._begin(function, items, ordered=False)

    def imap(self, function: Callable[[T], R], items: Iterable[T]) -> Results:
        """Like `imap_unordered`, in the order of the items."""
        return self._begin(function, items, ordered=True)

    @property
    def window(self) -> int:
        """How many units may be in flight now: begun, and not handed out yet."""
        return self._crew.window

    @property
    def quarantined(self) -> list[Quarantined]:
        """The units that were given up so far."""
        return list(self._crew.quarantined)

    @property
    def recycled(self) -> int:
        """How many workers were replaced because they were old or large."""
        return self._crew.recycled

    @property
    def retried(self) -> int:
        """How often a unit was begun again because its worker had died."""
        return self._crew.retried

    def close(self) -> None:
        """Let the workers go; what is in flight is given up. A second time does nothing."""
        if self._crew.is_closed or os.getpid() != self._owner:
            return
        atexit.unregister(self._at_exit)
        busy = self._active is not None and self._active.is_flying
        self._crew.close(busy=busy)
        if self._active is not None:
            self._active.abandon()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Pool(workers={self.workers}, backend={self._crew.backend.name!r}, window={self.window})"

    def _begin(self, function: Callable[[T], R], items: Iterable[T], *, ordered: bool) -> Results:
        if self._crew.is_closed:
            raise PoolError("the pool is closed: make a new one", slug="pool-closed")
        if self._active is not None:
            self._active.abandon()
        try:
            pickle.dumps(function)
        except Exception as error:
            raise UnitError(
                f"{getattr(function, '__qualname__', function)} cannot be handed to a worker ({error}): "
                "define it at the top of a module",
                slug="pool-unpicklable",
            ) from None
        if self._crew.has_processes:
            self._crew.watch.start()
        self._active = Results(self._crew, function, iter(items), ordered=ordered)
        return self._active


def _closer(pool: weakref.ref[Pool]) -> Callable[[], None]:
    """Return what closes a pool that was left open; it must not keep it alive."""

    def close() -> None:
        left = pool()
        if left is not None:
            with contextlib.suppress(Exception):
                left.close()

    return close


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise PoolError(f"{name} is a whole number from 1 on, not {value!r}", slug="pool-settings")
    return value


def _size(name: str, value: str | int | None) -> int | None:
    if value is None:
        return None
    try:
        size = parse_bytes(value) if isinstance(value, str) else int(value)
    except ValueError as error:
        raise PoolError(f"{name} is {error}", slug="not-a-size") from None
    if size <= 0:
        raise PoolError(f"{name} is a size above nothing, not {value!r}", slug="pool-settings")
    return size


def _seconds(name: str, value: str | float | None) -> float | None:
    if value is None:
        return None
    try:
        seconds = parse_seconds(value) if isinstance(value, str) else float(value)
    except ValueError as error:
        raise PoolError(f"{name} is {error}", slug="pool-settings") from None
    if not seconds > 0:
        raise PoolError(f"{name} is a duration above nothing, not {value!r}", slug="pool-settings")
    return seconds


def _refuse_impossible(limit: int | None, room: Headroom) -> None:
    if limit is not None and room.total is not None and limit > room.total:
        raise PoolError(
            f"max_worker_rss {format_bytes(limit)} is more than there is here ({format_bytes(room.total)}): "
            "lower it",
            slug="bounds-impossible",
        )


def _refuse_in_worker() -> None:
    """A script without a guard would make a pool in each worker of its pool."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise PoolError(
            "a worker process runs the script itself: put what makes the pool under "
            '`if __name__ == "__main__":`',
            slug="pool-main",
        )


def _pickled_initializer(initializer: Callable[..., Any] | None, arguments: tuple[Any, ...]) -> bytes | None:
    if initializer is None:
        return None
    try:
        return pickle.dumps((initializer, tuple(arguments)))
    except Exception as error:
        raise PoolError(
            f"the initializer cannot be handed to a worker ({error}): define it at the top of a module",
            slug="pool-unpicklable",
        ) from None
