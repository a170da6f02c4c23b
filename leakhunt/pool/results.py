"""One run of a function over items: reads ahead as far as the window allows, hands out results, retries, gives up.

Everything is decided in the thread that asks for the next result; backends only put what they hear into
a queue. Nothing that was handed out is kept.
"""

from __future__ import annotations

import contextlib
import queue
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from leakhunt.pool.cards import read_card, read_cards
from leakhunt.pool.crew import Crew
from leakhunt.pool.errors import PoolError, Quarantined, RemoteTraceback, UnitError, WorkerDied
from leakhunt.pool.parcels import Parcel, drop, pack, size_of, unpack
from leakhunt.pool.processes import Process
from leakhunt.pool.worker import Receipt
from leakhunt.protect.brake import MemoryBrake
from leakhunt.protect.notes import note

#: A unit is given up after so many deaths of its worker; the last time it runs alone.
MOST_DEATHS = 3
#: Once `_EXPERIENCE` units were all quicker than `_QUICK` seconds, units travel together, for about
#: `_BATCH_SECONDS`, if they are small.
_EXPERIENCE = 16
_QUICK, _BATCH_SECONDS, _MOST_IN_BATCH, _SMALL_PARCEL = 0.02, 0.06, 128, 16_384
#: Items that come slowly are not waited for to fill a batch.
_PATIENCE = 0.005
_LOOK_EVERY = 0.1


@dataclass(slots=True)
class _Unit:
    """One item on its way."""

    number: int
    parcel: Parcel
    causes: list[str] = field(default_factory=list)
    deferred: int = 0


class Results:
    """The results of `Pool.imap` and `Pool.imap_unordered`, as an iterator."""

    def __init__(
        self, crew: Crew, function: Callable[..., Any], items: Iterator[Any], *, ordered: bool
    ) -> None:
        self._crew, self._function, self._ordered = crew, function, ordered
        self._items: Iterator[Any] | None = items
        self._input_error: Exception | None = None
        self._numbers = 0
        self._batches = 0
        self._flying: dict[int, list[_Unit]] = {}
        self._again: deque[_Unit] = deque()
        self._apart: deque[_Unit] = deque()
        self._alone = False
        self._heard: queue.SimpleQueue[tuple[int, Receipt | BaseException]] = queue.SimpleQueue()
        #: number -> (kind, parcel, words); ready to be handed out
        self._ready: dict[int, tuple[str, Any, str]] = {}
        self._turn = 0
        self._suspects: set[int] = set()
        self._seconds: float | None = None
        self._abandoned = False
        self._news: list[str] = []

    @property
    def is_flying(self) -> bool:
        """Whether workers are at units of this iteration."""
        return bool(self._flying)

    def __iter__(self) -> Results:
        return self

    def __next__(self) -> Any:
        if self._abandoned:
            raise PoolError(
                "this iteration has ended: the pool was closed or began another", slug="pool-closed"
            )
        while True:
            self._listen(wait=False)
            self._fill()
            while self._news:
                warnings.warn(self._news.pop(0), RuntimeWarning, stacklevel=2)
            number = self._next_ready()
            if number is not None:
                return self._hand_out(number)
            if not self._flying and not self._again and not self._apart and self._items is None:
                if self._input_error is not None:
                    error, self._input_error = self._input_error, None
                    raise error
                raise StopIteration
            self._listen(wait=True)

    def abandon(self) -> None:
        """Give up what is not handed out yet; batches that run are waited for unless the pool is closed."""
        while self._flying and not self._crew.is_closed:
            self._listen(wait=True)
        self._abandoned = True
        self._items = None
        for unit in (*self._again, *self._apart):
            drop(unit.parcel)
        for _, parcel, _ in self._ready.values():
            drop(parcel)
        self._ready.clear()

    # ---- handing out --------------------------------------------------------------------

    def _next_ready(self) -> int | None:
        if not self._ordered:
            return next(iter(self._ready), None)
        while self._turn in self._ready or self._turn < self._numbers:
            found = self._ready.get(self._turn)
            if found is None:
                return None
            if found[0] != "given-up":
                return self._turn
            del self._ready[self._turn]
            self._turn += 1
        return None

    def _hand_out(self, number: int) -> Any:
        kind, parcel, words = self._ready.pop(number)
        if self._ordered:
            self._turn += 1
        try:
            value = None if parcel is None else unpack(parcel)
        except Exception as error:
            what = "result" if kind == "result" else "exception"
            raise UnitError(
                f"the {what} of unit {number} cannot be unpickled ({type(error).__name__}: {error})",
                slug="pool-unpicklable",
            ) from error
        finally:
            drop(parcel)
        if kind == "result":
            return value
        if kind == "deferred":
            raise MemoryBrake(*(value or (f"unit {number}", 0, 0, 0)))
        if isinstance(value, BaseException):
            raise value from RemoteTraceback(words)
        raise UnitError(f"unit {number}: {words.strip()}", slug="pool-unit")

    # ---- reading ahead ------------------------------------------------------------------

    def _fill(self) -> None:
        while not self._alone:
            if self._apart:
                if not self._flying:
                    self._alone = True
                    self._dispatch([self._apart.popleft()])
                return
            if getattr(self._crew.backend, "must_drain", False) and self._flying:
                return
            if not self._again and self._items is None:
                return
            if not self._has_room():
                return
            units = self._take()
            if not units:
                return
            self._dispatch(units)

    def _has_room(self) -> bool:
        crew, window = self._crew, self._crew.admission
        if self._again and not self._flying:
            return True  # results that wait for their turn behind it do not leave before it has run
        units = sum(map(len, self._flying.values())) + len(self._ready)
        if window.fixed is not None:
            return units < window.fixed
        batches = -(-units // crew.batch)
        if batches > 0 and batches >= window.size:
            return False
        room, starting = crew.headroom.read(), crew.starting()
        if batches and window.has_plenty(room.available, room.total, starting):
            window.is_short = False
            return True
        batch_of = {unit.number: batch for batch, units in self._flying.items() for unit in units}
        ended, running = crew.watch.at_work(batch_of)
        was_short = window.is_short
        admitted = window.admits(batches - ended, running, room.available, room.total, starting)
        if window.is_short and not was_short:
            crew.tell_window("no-room", room)
        return admitted

    def _take(self) -> list[_Unit]:
        """Return the units of the next batch: one that is tried again, or as many new ones as go together."""
        if self._again:
            return [self._again.popleft()]
        units: list[_Unit] = []
        most, until = self._batch_size(), time.monotonic() + _PATIENCE
        while len(units) < most and self._items is not None:
            unit = self._read()
            if unit is None:
                continue
            units.append(unit)
            if size_of(unit.parcel) > _SMALL_PARCEL or time.monotonic() > until:
                break
        return units

    def _batch_size(self) -> int:
        seconds, crew = self._seconds, self._crew
        wanted = 1
        if seconds is not None and seconds < _QUICK and self._numbers > _EXPERIENCE:
            wanted = max(1, min(_MOST_IN_BATCH, int(_BATCH_SECONDS / max(seconds, 1e-6))))
        fixed = crew.admission.fixed
        if fixed is not None:
            wanted = max(1, min(wanted, fixed // crew.admission.workers))
        crew.batch = wanted
        return wanted

    def _read(self) -> _Unit | None:
        """Return the next item as a unit; None when there is none, or it cannot be pickled."""
        assert self._items is not None
        try:
            item = next(self._items)
        except StopIteration:
            self._items = None
            return None
        except Exception as error:  # what is in flight is handed out first
            self._items, self._input_error = None, error
            return None
        number = self._numbers
        self._numbers += 1
        try:
            return _Unit(number, pack((self._function, item), self._crew.directory))
        except Exception as error:
            words = f"the item cannot be pickled ({type(error).__name__}: {error})"
            self._ready[number] = "error", None, words
            return None

    def _dispatch(self, units: list[_Unit]) -> None:
        self._batches += 1
        batch = self._batches
        self._flying[batch] = units
        crew, heard = self._crew, self._heard

        def done(outcome: Receipt | BaseException) -> None:
            if isinstance(outcome, Receipt):
                crew.heard_of(outcome)
            heard.put((batch, outcome))

        crew.backend.start(tuple((unit.number, unit.parcel) for unit in units), done)

    # ---- listening ----------------------------------------------------------------------

    def _listen(self, *, wait: bool) -> None:
        """Take in what the backend has heard, waiting for something to happen if asked to."""
        crew, window = self._crew, self._crew.admission
        with contextlib.suppress(queue.Empty):
            if wait and self._flying:
                self._settle(*self._heard.get(timeout=_LOOK_EVERY))
            while True:
                self._settle(*self._heard.get_nowait())
        if wait and window.fixed is None:
            room = crew.headroom.read()
            if window.measured(room.available, room.total, time.monotonic()):
                crew.tell_window("over-target", room)

    def _settle(self, batch: int, outcome: Receipt | BaseException) -> None:
        units = self._flying.pop(batch)
        self._alone = False if not self._flying else self._alone
        if isinstance(outcome, WorkerDied):
            self._on_death(batch, units, outcome)
            return
        self._suspects.discard(batch)
        if not isinstance(outcome, Receipt):
            for unit in units:
                self._finish(unit, "error", None, f"{type(outcome).__name__}: {outcome}")
            return
        self._crew.check(outcome)
        self._learn(outcome)
        by_number = {unit.number: unit for unit in units}
        for number in reversed(outcome.handed_back):
            self._again.appendleft(by_number[number])
        for number, kind, parcel, words in outcome.outcomes:
            unit = by_number[number]
            if kind == "deferred":
                self._defer(unit, parcel, words)
            elif kind == "exit":
                self._blame(unit, words)
            else:
                self._finish(unit, kind, parcel, words)

    def _learn(self, receipt: Receipt) -> None:
        ran = len(receipt.outcomes)
        if ran:
            # the slowest counts, and is forgotten slowly: behind a slow unit its batch would wait
            self._seconds = max(receipt.seconds / ran, 0.8 * (self._seconds or 0.0))
        crew = self._crew
        growth = None if receipt.peak is None or receipt.before is None else receipt.peak - receipt.before
        if receipt.units == ran:
            crew.admission.started(receipt.before)
        if crew.admission.ended(growth, time.monotonic()):
            crew.tell_window("room", crew.headroom.read())

    def _finish(self, unit: _Unit, kind: str, parcel: Parcel | None, words: str) -> None:
        drop(unit.parcel)
        self._ready[unit.number] = kind, parcel, words

    def _defer(self, unit: _Unit, state: Parcel | None, words: str) -> None:
        """A unit met the brake: it was not tried. Fewer run beside it the next time, at last none."""
        unit.deferred += 1
        note("retry", unit.number, unit.deferred, words)
        self._halve("brake")
        if unit.deferred >= MOST_DEATHS and not self._flying:
            self._finish(unit, "deferred", state, words)
            return
        drop(state)
        (self._apart if unit.deferred > 1 else self._again).append(unit)

    # ---- deaths -------------------------------------------------------------------------

    def _on_death(self, batch: int, units: list[_Unit], died: WorkerDied) -> None:
        crew = self._crew
        crew.retried += len(units)
        if not crew.backend.isolates:
            unsure = bool(self._flying) or batch in self._suspects
            self._suspects.discard(batch)
            self._suspects.update(self._flying)
            if unsure:
                for unit in units:
                    note("retry", unit.number, len(unit.causes), f"a worker died: {died.cause}")
                self._apart.extend(units)
                return
        guilty, cause = self._who_ran(units, died)
        for unit in reversed(units):
            if unit is not guilty:
                self._again.appendleft(unit)
        if guilty is not None:
            self._blame(guilty, cause)
        elif cause:
            crew.died_early(cause)

    def _who_ran(self, units: list[_Unit], died: WorkerDied) -> tuple[_Unit | None, str]:
        """Return (the unit that its worker died of, the cause in words); None when it ran none of them.

        No cause means that the unit is not to blame and neither is the start of the worker.
        """
        crew, cause = self._crew, died.in_words()
        by_number = {unit.number: unit for unit in units}
        pids = [died.pid] if died.pid is not None else sorted(_dead_workers(crew.directory))
        guilty, why = None, cause
        for pid in pids:
            card = read_card(crew.directory, pid)
            ended = crew.watch.forget(pid)
            if card is None or card.unit not in by_number:
                continue
            if ended is not None and ended[0] != card.unit:
                return None, ""  # another unit was meant, which ended just then
            guilty = by_number[card.unit]
            if ended is not None:
                why = f"it was ended: {ended[1]}"
        return guilty, why

    def _blame(self, unit: _Unit, cause: str) -> None:
        unit.causes.append(cause)
        if len(unit.causes) < MOST_DEATHS:
            note("retry", unit.number, len(unit.causes), cause)
            # Memory may have been the reason, and the neighbours may have had it.
            self._halve("worker-died")
            (self._apart if len(unit.causes) == MOST_DEATHS - 1 else self._again).append(unit)
            return
        item = None
        with contextlib.suppress(Exception):
            _, item = unpack(unit.parcel)
        drop(unit.parcel)
        self._crew.quarantined.append(Quarantined(unit.number, item, tuple(unit.causes)))
        note("quarantine", unit.number, unit.causes, durable=True)
        if self._ordered:
            self._ready[unit.number] = "given-up", None, cause
        self._news.append(
            f"unit {unit.number} was given up: {MOST_DEATHS} workers died of it, the last time it ran alone ({cause})"
        )

    def _halve(self, why: str) -> None:
        if self._crew.admission.halve(time.monotonic()):
            self._crew.tell_window(why, self._crew.headroom.read())


def _dead_workers(directory: str) -> list[int]:
    return [card.pid for card in read_cards(directory) if not Process(card.pid, card.started).lives()]
