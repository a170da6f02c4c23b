"""What is asked once something rises: does it go on, who holds it, which line adds it, where is it made.

Imports what analyses: it is loaded only when there is something to ask.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from leakhunt.capture.surroundings import read_surroundings
from leakhunt.model.layers import LayerRecords
from leakhunt.repeat.censuses import Censuses
from leakhunt.repeat.judging import judge
from leakhunt.repeat.levels import Allowance, Levels
from leakhunt.repeat.lines import LineWatch
from leakhunt.repeat.outcome import Outcome
from leakhunt.repeat.pace import CONFIRMING_BATCHES
from leakhunt.repeat.recorded import Recorded, loop_id
from leakhunt.repeat.subject import Bounds, Subject
from leakhunt.repeat.traces import TracedCalls
from leakhunt.repeat.trends import growing_rates

#: After which of the confirming batches a census is taken.
_CENSUSES_AFTER = (0, 2, 5, CONFIRMING_BATCHES)
#: Counters that lines can be metered for.
_METERED = ("in_use", "descriptors", "threads", "mapped")
#: Counters of which the names are read of what is open.
_NAMED = frozenset({"descriptors", "threads", "mapped", "resident"})


class Inquiry:
    """The closer look at one subject of which `rising` counters rose."""

    def __init__(
        self,
        subject: Subject,
        bounds: Bounds,
        levels: Levels,
        rising: list[str],
        allowed: dict[str, Allowance],
    ) -> None:
        self._subject = subject
        self._bounds = bounds
        self._levels = levels
        self._rising = rising
        self._allowed = allowed
        self._loop = loop_id(subject)
        self._directory = Path(tempfile.mkdtemp(prefix="leakhunt-"))
        self._censuses = Censuses(self._directory, subject.project_root, subject.held)
        self._trace = TracedCalls(self._directory)
        self._watch: LineWatch | None = None
        self._layers = LayerRecords()
        self._started = time.time()
        self._began = time.perf_counter()
        self._confirmed = False
        self._calls = 0
        self._seconds = 0.0
        self._rates: dict[str, float] = {}

    def steps(self, batch: int, call_seconds: float) -> Generator[int, None, None]:
        """Confirm over equal batches of so many calls; ask further only when something grows on."""
        if batch < 1:
            return
        yield from self._confirm(batch)
        self._rates = growing_rates(self._levels, self._allowed, self._bounds.tolerance)
        if not self._rates:
            return
        self._censuses.wait()
        yield from self._retake(batch)
        suspects = self._censuses.suspects()
        find = self._censuses.find
        if {"blocks", "objects", "in_use"} & set(self._rates):
            yield from self._trace.steps(suspects, find, self._levels.settle, call_seconds, batch)
        counters = {name: self._rates[name] for name in _METERED if name in self._rates}
        self._watch = LineWatch(self._loop, suspects, find, counters)
        yield from self._watch.steps(self._calls, call_seconds)

    def _confirm(self, batch: int) -> Generator[int, None, None]:
        self._levels.restart()
        self._levels.read(0)
        self._look_around(0)
        began = time.perf_counter()
        for number in range(1, CONFIRMING_BATCHES + 1):
            yield batch
            self._calls += batch
            self._levels.read(self._calls)
            self._look_around(number)
        self._seconds = time.perf_counter() - began
        self._confirmed = True

    def _retake(self, batch: int) -> Generator[int, None, None]:
        """Take as many censuses as were lost, one after the other; the last ones in this process itself.

        On a starved machine copies may not come back, and the answer must not depend on that.
        """
        for attempt in range(2 * len(_CENSUSES_AFTER)):
            if self._censuses.arrived >= len(_CENSUSES_AFTER):
                return
            yield batch
            self._calls += batch
            self._levels.read(self._calls)
            self._censuses.take(self._loop, self._calls, inline=attempt > 0)
            self._censuses.wait()

    def _look_around(self, number: int) -> None:
        if number in _CENSUSES_AFTER:
            self._censuses.take(self._loop, self._calls)
        if _NAMED & set(self._rising):
            names = ("maps", "segments", "descriptors", "threads", "collector")
            fields: dict[str, Any] = dict(zip(names, read_surroundings(), strict=False))
            self._layers.add("surroundings", {"loop": self._loop, "turns": self._calls, **fields})

    def outcome(self, calls: int) -> Outcome:
        """Return the answer after `calls` calls in all."""
        if self._watch is not None:
            self._layers.brackets.extend(self._watch.brackets)
        recorded = Recorded(
            subject=self._subject,
            bounds=self._bounds,
            levels=self._levels,
            allowed=self._allowed,
            rising=self._rising,
            rates=self._rates,
            confirmed=self._confirmed,
            calls=self._calls,
            all_calls=calls,
            started=self._started,
            seconds=self._seconds,
            lasted=time.perf_counter() - self._began,
            layers=self._layers,
            checkpoints=self._censuses.taken,
            growths=self._censuses.growths() if self._rates else [],
            insertions=self._watch.insertions if self._watch is not None else [],
            capture=self._trace.capture,
            losses=[
                *self._censuses.lost,
                *self._trace.losses,
                *(self._watch.losses if self._watch is not None else []),
            ],
        )
        return judge(recorded)

    def close(self) -> None:
        """Leave nothing behind, however the calls ended."""
        if self._watch is not None:
            self._watch.close()
        self._trace.close()
        shutil.rmtree(self._directory, ignore_errors=True)
