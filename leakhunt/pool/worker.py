"""What runs in a worker process: units one after the other, each measured, none of their troubles passed on raw.

Only plain tuples, numbers and bytes cross the pipe. Pickling happens here, inside a `try`: an object
that cannot be pickled must not take the pipe, or the worker, with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import shutil
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass

from leakhunt.errors import EXIT_YIELDED
from leakhunt.pool.cards import CardWriter
from leakhunt.pool.parcels import Parcel, drop, pack, unpack
from leakhunt.pool.processes import forget_peak, process, resident, send, tree_of
from leakhunt.protect.brake import MemoryBrake
from leakhunt.syscalls import malloc_trim

_PARENT_EVERY = 0.5
#: Grown by so much in a batch, a worker gives back what it has freed: idle workers would keep it all.
_WORTH_TRIMMING = 8_000_000
#: A batch that takes longer than it was meant to gives its other units back, for idle workers.
_LONGEST_BATCH = 0.25
_PR_SET_CHILD_SUBREAPER = 36
#: (number of the unit, pickled (function, item)).
Task = tuple[int, Parcel]
#: (number of the unit, "result" | "error" | "deferred" | "exit", pickled value or None, words).
Outcome = tuple[int, str, "Parcel | None", str]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a worker is told when it starts. Sizes are bytes; `initializer` is pickled (function, arguments).

    A `max_resident` that is `derived`, not the user's, never counts below twice what a worker starts with.
    """

    directory: str
    parent: int
    tasks_per_worker: int | None
    max_resident: int | None
    derived: bool
    initializer: bytes | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch. `handed_back` are units that were not begun; `retire` says why the worker goes.

    `before`, `peak` and `after` are the worker's resident bytes around the batch, None where unknown;
    `seconds` is what it took; `broken` is why the initializer failed.
    """

    pid: int
    units: int
    retire: str | None
    before: int | None
    peak: int | None
    after: int | None
    seconds: float
    outcomes: tuple[Outcome, ...] = ()
    handed_back: tuple[int, ...] = ()
    broken: str | None = None


class Worker:
    """The state of one worker process."""

    def __init__(self, settings: Settings, *, alone: bool = False) -> None:
        """`alone` is the program's own process: nothing of it is changed or ended."""
        self.settings = settings
        self.units = 0
        self.base: int | None = None
        self.broken: str | None = None
        self.alone = alone
        own = process(os.getpid())
        self.card = CardWriter(settings.directory, own.started if own is not None else 0)
        limit = settings.tasks_per_worker
        # Drawn once per worker, so that all of them do not have to start anew at the same moment.
        self.tasks = None if limit is None else limit - os.getpid() % (limit // 10 + 1)
        if not alone:
            _be_a_worker(settings)
        if settings.initializer is not None:
            try:
                function, arguments = pickle.loads(settings.initializer)
                function(*arguments)
            except Exception:
                self.broken = traceback.format_exc()

    def run(self, tasks: tuple[Task, ...]) -> Receipt:
        """Run the units of a batch, until this worker is too old or too large or the batch has taken too long."""
        before, _ = resident()
        self.base = self.base or before
        if self.broken is not None:
            return Receipt(os.getpid(), 0, None, before, None, None, 0.0, broken=self.broken)
        forgot = not self.alone and forget_peak()
        began = time.perf_counter()
        outcomes: list[Outcome] = []
        retire = None
        for at, (number, parcel) in enumerate(tasks):
            self.card.write(number, self.units, before or 0)
            outcome, retire = self._one(number, parcel)
            self.units += 1
            self.card.write(None, self.units, before or 0)
            outcomes.append(outcome)
            retire = retire or self._worn_out()
            too_long = time.perf_counter() - began > _LONGEST_BATCH
            if retire is not None or too_long or self._exceeds(resident()[0]):
                left = tuple(number for number, _ in tasks[at + 1 :])
                break
        else:
            left = ()
        seconds = time.perf_counter() - began
        after, peak = resident()
        if not self.alone and after is not None and after - (before or 0) > _WORTH_TRIMMING:
            after = _give_back()
        if retire is None and self._is_too_large(after):
            retire = "resident"
        return Receipt(
            os.getpid(), self.units, retire, before, peak if forgot else after, after, seconds,
            tuple(outcomes), left,
        )  # fmt: skip

    def _worn_out(self) -> str | None:
        return "tasks" if self.tasks is not None and self.units >= self.tasks and not self.alone else None

    def _exceeds(self, size: int | None) -> bool:
        limit = self.settings.max_resident
        if limit is not None and self.settings.derived:
            limit = max(limit, 2 * (self.base or 0))
        return not self.alone and limit is not None and size is not None and size > limit

    def _is_too_large(self, after: int | None) -> bool:
        if not self._exceeds(after):
            return False
        # Garbage, and free memory that malloc keeps, are no reason to start a process anew.
        gc.collect()
        return self._exceeds(_give_back())

    def _one(self, number: int, parcel: Parcel) -> tuple[Outcome, str | None]:
        """Return what became of one unit, and why the worker has to go if it has to."""
        directory = self.settings.directory
        try:
            function, item = unpack(parcel)
        except Exception as error:
            return _error(number, error, "the unit cannot be unpickled in the worker", directory), None
        try:
            value = function(item)
        except MemoryBrake as brake:
            state = pack((brake.unit, brake.available, brake.needed, brake.times), directory)
            return (number, "deferred", state, str(brake)), None
        except SystemExit as end:
            if end.code == EXIT_YIELDED:
                return (number, "deferred", None, "it yielded for lack of memory (exit code 75)"), "yielded"
            return (number, "exit", None, f"it called sys.exit({end.code!r})"), "exit"
        except BaseException as error:
            del function, item
            return _error(number, error, "", directory), None
        del function, item
        try:
            return (number, "result", pack(value, directory), ""), None
        except Exception as error:
            return _error(number, error, "the result cannot be pickled", directory), None


def _give_back() -> int | None:
    """Have malloc return what is free; return the resident bytes then."""
    if malloc_trim is not None:
        malloc_trim(0)
    return resident()[0]


def _error(number: int, error: BaseException, what: str, directory: str) -> Outcome:
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if what:
        return number, "error", None, f"{what}: {type(error).__name__}: {error}"
    # the frames hold what the unit computed with
    error.__traceback__ = error.__cause__ = error.__context__ = None
    parcel = None
    with contextlib.suppress(BaseException):
        parcel = pack(error, directory)
        unpack(parcel)  # one that cannot be read back is of no use over there
        return number, "error", parcel, text
    drop(parcel)
    return number, "error", None, text


def _be_a_worker(settings: Settings) -> None:
    """Leave Ctrl-C to the parent, adopt what units leave behind, and go when the parent is gone."""
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        with contextlib.suppress(Exception):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    threading.Thread(
        target=_go_with, args=(settings.parent, settings.directory), name="leakhunt-pool-parent", daemon=True
    ).start()


def _go_with(parent: int, directory: str, every: float = _PARENT_EVERY) -> None:
    """End this process, its descendants and the pool's files when the parent is gone."""
    while os.getppid() == parent:
        time.sleep(every)
    send(tree_of(os.getpid())[1:])
    shutil.rmtree(directory, ignore_errors=True)
    os._exit(1)


#: The one of this process, by its number: a process that was forked from a worker is none.
_WORKERS: dict[int, Worker] = {}


def start_worker(settings: Settings) -> None:
    """Begin to be a worker: the initializer that backends call."""
    _WORKERS[os.getpid()] = Worker(settings)


def run_batch(tasks: tuple[Task, ...]) -> Receipt:
    """Run a batch in this worker."""
    return _WORKERS[os.getpid()].run(tasks)
