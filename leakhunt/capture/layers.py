"""Looks closer at what grows outside the Python heap: names what is open, meters lines, probes malloc.

At boundaries of the measured loop it keeps a few readings of the exact counters (malloc in use, address
space, descriptors, threads, shared memory). Only a counter that rises in every part of the loop so far has
the next turns metered line by line; only resident memory that rises unexplained has malloc probed.
"""

from __future__ import annotations

import gc
import time
from array import array
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from leakhunt.capture.brackets import LineMeter
from leakhunt.capture.gauges import Gauges, count_children
from leakhunt.capture.insertion import InsertionWindow
from leakhunt.capture.probes import TrimProbe
from leakhunt.capture.surroundings import SEGMENTS, mapped_bytes, read_surroundings
from leakhunt.journal.writer import JournalWriter
from leakhunt.syscalls import count_entries

#: Readings kept per loop: when there are more, every second is dropped.
_MOST_READINGS = 64
_FEWEST_READINGS = 8
#: Rises below these are no growth worth a look: bytes for memory, else a count.
_LEAST_RISE = {"malloc": 64_000, "mapped": 1_000_000, "resident": 1_000_000, "file": 1_000_000,
               "descriptors": 4, "threads": 4, "segments": 4, "processes": 4}  # fmt: skip
_COUNTERS = tuple(_LEAST_RISE)
_WIDTH = 1 + len(_COUNTERS)
_UNKNOWN = -1.0
_BYTES = frozenset({"malloc", "mapped", "resident", "file"})
#: A step of so many times the next largest is something made once (an import, a pool of threads).
_ONE_STEP = 3.0
_LEAST_COUNT_PER_TURN = 0.3
#: A counter that was seen to rise has to go on for so many turns, at this part of its rate, before turns are metered.
_TURNS_TO_GO_ON = 3
_GOES_ON = 0.5
#: Names are read again when one of these has changed, or so many more bytes of files are resident.
_NAMED_EXACTLY = ("mapped", "descriptors", "threads", "segments")
_LEAST_FILE_BYTES = 64_000
_METERED = ("malloc", "mapped", "descriptors", "threads", "segments", "processes")
#: Turns metered per counter and in a run: two that agree name the line, else a third decides.
_TURNS_PER_METER = 3
_ENOUGH_AGREE = 2
_TURNS_PER_RUN = 6
#: A line that changes a counter by less than this share of a turn's growth is not the one.
_LEAST_SHARE = 0.1
#: What malloc has in use must explain this share of resident growth, or else malloc is probed.
_EXPLAINED = 0.5
#: A probe in the middle of the loop comes when this many turns were measured without it.
_TURNS_BEFORE_PROBE = 24
_SURROUNDINGS_PER_LOOP = 10
_STEP = 1.5
#: What reading names may cost: a constant that is enough for the five readings that a pile takes in a small process,
#: and a share of the processor time so far.
_NAMING_SECONDS = 0.075
_NAMING_SHARE = 0.02


class Readings:
    """The counters of one loop over its turns, in one array: objects kept per turn would be seen as growth."""

    __slots__ = ("first_seen", "lows", "named_at", "named_next", "named_with", "now", "rows", "step")

    def __init__(self) -> None:
        self.rows = array("d")
        #: of each counter the lowest reading so far
        self.lows = array("d", [float("inf")] * len(_COUNTERS))
        self.step = 1
        self.named_at: list[int] = []
        self.named_next = 3
        #: the counters at the last boundary, and those that names were read with
        self.now: list[int | None] = [None] * len(_COUNTERS)
        self.named_with: tuple[int | None, ...] = ()
        #: counter -> turns and level when it was first seen to rise
        self.first_seen: dict[str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self.rows) // _WIDTH

    def add(self, turns: int, values: dict[str, int | None]) -> None:
        """Keep a reading; of many, evenly spread ones."""
        # Some gauges are not read at every boundary. A list: a tuple made of a generator is cut to its size,
        # and goes to a free list that it was not taken from, 2,000 times.
        known = [values.get(counter) for counter in _COUNTERS]
        self.now = [then if now is None else now for now, then in zip(known, self.now, strict=True)]
        if self.rows and turns < self.rows[-_WIDTH] + self.step:
            return
        self.rows.append(turns)
        for at, counter in enumerate(_COUNTERS):
            value = values.get(counter)
            self.rows.append(_UNKNOWN if value is None else value)
            if value is not None and value < self.lows[at]:
                self.lows[at] = value
        if len(self) > _MOST_READINGS:
            kept = array("d")
            for at in range(0, len(self.rows), 2 * _WIDTH):
                kept += self.rows[at : at + _WIDTH]
            self.rows = kept
            self.step *= 2

    def rate(self, counter: str) -> float | None:
        """Return what the counter rises by per turn, if it rises in every part of the loop; else None.

        The first fifth is warm-up; the minima of four parts of the rest must each be above the last.
        """
        column = 1 + _COUNTERS.index(counter)
        last = self.rows[column - _WIDTH] if self.rows else _UNKNOWN
        if last >= 0 and last - self.lows[column - 1] < _LEAST_RISE[counter]:
            return None  # asked at every boundary: most counters have not risen that much at all
        known = [
            (self.rows[at], self.rows[at + column])
            for at in range(0, len(self.rows), _WIDTH)
            if self.rows[at + column] >= 0
        ]
        known = _without_jump(known[len(known) // 5 :])
        if len(known) < _FEWEST_READINGS:
            return None
        bounds = [len(known) * part // 4 for part in range(5)]
        lows = [min(level for _, level in known[bounds[at] : bounds[at + 1]]) for at in range(4)]
        rise, turns = lows[3] - lows[0], (known[-1][0] - known[0][0]) * 3 / 4
        if not all(after > before for before, after in pairwise(lows)):
            return None
        if rise < _LEAST_RISE[counter] or turns <= 0:
            return None
        rate = rise / turns
        return rate if counter in _BYTES or rate >= _LEAST_COUNT_PER_TURN else None

    def goes_on(self, counter: str, turns: int, rate: float) -> bool:
        """Return whether the counter still rises some turns after it was first seen to: warm-up ends by itself."""
        level = self.now[_COUNTERS.index(counter)] or 0
        first, before = self.first_seen.setdefault(counter, (turns, level))
        if turns - first < _TURNS_TO_GO_ON:
            return False
        if level - before >= _GOES_ON * rate * (turns - first):
            return True
        del self.first_seen[counter]
        return False

    def named_enough(self) -> bool:
        """Return whether the names that were read last still tell what there is: nothing was added since."""
        frozen = gc.get_freeze_count()
        if self.named_with and self.named_with[0] == frozen:
            before = dict(zip(_COUNTERS, self.named_with[1:], strict=True))
            now = dict(zip(_COUNTERS, self.now, strict=True))
            if all(now[one] is not None and now[one] == before[one] for one in _NAMED_EXACTLY):
                grown = (now["file"] or 0) - (before["file"] or 0)
                return grown < _LEAST_FILE_BYTES
        self.named_with = (frozen, *self.now)
        return False


def _without_jump(known: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The readings without the one large step among them: what rises beside it counts."""
    steps = [after[1] - before[1] for before, after in pairwise(known)]
    if len(steps) < _FEWEST_READINGS:
        return known
    at = max(range(len(steps)), key=steps.__getitem__)
    others = max(steps[:at] + steps[at + 1 :])
    if steps[at] <= _ONE_STEP * max(others, 0.0):
        return known
    return known[: at + 1] + [(turn, level - steps[at]) for turn, level in known[at + 1 :]]


class LayerWatch:
    """What is looked at besides the Python heap, in one process."""

    def __init__(
        self, journal: JournalWriter, gauges: Gauges, is_user_file: Callable[[str], bool], own_directory: str
    ) -> None:
        self.journal = journal
        self.gauges = gauges
        self.probe = TrimProbe(journal, gauges)
        self._is_user_file = is_user_file
        self._own = own_directory
        self._readings: dict[str, Readings] = {}
        self._metered: dict[str, list[object]] = {}
        self._turns_metered = 0
        self._window: InsertionWindow | None = None
        self._meters: list[LineMeter] = []
        self._instance: Any = None
        self._native = self.gauges.native
        self._lost = False
        self._began = time.process_time()
        self._naming_seconds = self._last_naming = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a turn is being metered now."""
        return self._window is not None

    def sampled(self, loop: str, turns: int, gauges: tuple[Any, ...], processes: int | None = None) -> None:
        """Keep what the gauges of a boundary of a measured loop say, and how many children there are."""
        anon, file, shared, _, native, _, fds, threads, _, mapped = gauges
        resident = None if anon is None else anon + (shared or 0)
        values = {"malloc": native[0] if native else None, "mapped": mapped, "resident": resident, "file": file,
                  "descriptors": fds, "threads": threads, "segments": _segments(),
                  "processes": processes}  # fmt: skip
        self._readings.setdefault(loop, Readings()).add(turns, values)

    def boundary(
        self, instance: Any, turns: int, *, affords: Callable[[float], bool], heap_rate: float
    ) -> None:
        """Look closer where something grows. `heap_rate`: bytes per turn that censuses have explained."""
        loop = instance.site.id
        readings = self._readings.get(loop)
        if readings is None:
            return
        if turns >= readings.named_next and affords(0.005) and self._affords_names():
            self._name(loop, turns, readings)
        if self._unexplained(readings) and turns >= _TURNS_BEFORE_PROBE and self.probe.allowed(at_end=False):
            self.probe.make(loop, turns, at_end=False)
        self._open(instance, turns, readings, heap_rate)

    def left(self, instance: Any, turns: int) -> None:
        """The measured loop is over: its surroundings once more, and malloc's retention if it is open."""
        loop = instance.site.id
        readings = self._readings.get(loop)
        if readings is None or not len(readings):
            return
        if readings.named_at and turns > readings.named_at[-1]:
            self._name(loop, turns, readings)
        if self._unexplained(readings) and self.probe.allowed(at_end=True):
            self.probe.make(loop, turns, at_end=True)

    def close(self, instance: Any | None, turns: int) -> None:
        """End the metered turn when it is over (or, with None, at once) and write what the lines did."""
        if self._window is None or not (instance is None or _ends(instance, self._instance)):
            return
        window, self._window = self._window, None
        window.close()
        meters, self._meters = self._meters, []
        for meter in meters:
            places = meter.places()
            self._metered.setdefault(meter.key, []).append(places[0][:3] if places else None)
            self.journal.write(
                "bracket", self._instance.site.id, turns, meter.key, places,
                meter.level - meter.first, window.via, not window.exhausted,
            )  # fmt: skip
        self._instance = None

    def _name(self, loop: str, turns: int, readings: Readings) -> None:
        enough = readings.named_enough()
        if not enough:
            readings.named_at.append(turns)
        step = max(2, round(turns * (_STEP - 1)))
        readings.named_next = turns + step if len(readings.named_at) < _SURROUNDINGS_PER_LOOP else 2**62
        if enough:
            return
        began = time.thread_time()
        self.journal.write("surroundings", loop, turns, *read_surroundings())
        self._last_naming = time.thread_time() - began
        self._naming_seconds += self._last_naming

    def _affords_names(self) -> bool:
        """Return whether names may be read again: the kernel walks all pages for them, in a large process for long."""
        allowed = _NAMING_SECONDS + _NAMING_SHARE * (time.process_time() - self._began)
        return self._naming_seconds + self._last_naming <= allowed

    def _unexplained(self, readings: Readings) -> bool:
        """Resident memory grows, and neither malloc's use nor Python's blocks say why."""
        rate = readings.rate("resident")
        return rate is not None and (readings.rate("malloc") or 0.0) < _EXPLAINED * rate

    def _open(self, instance: Any, turns: int, readings: Readings, heap_rate: float) -> None:
        if self._window is not None or self._turns_metered >= _TURNS_PER_RUN:
            return
        meters = []
        for counter in _METERED:
            if self._is_settled(counter):
                continue
            rate = readings.rate(counter)
            if rate is None or (counter in _BYTES and heap_rate >= _EXPLAINED * rate):
                continue
            if not readings.goes_on(counter, turns, rate):
                continue
            if counter == "mapped" and not self._is_used(readings, rate):
                continue
            read = self._reader(counter)
            if read is not None:
                meters.append(LineMeter(counter, read, _LEAST_SHARE * rate))
        if not meters:
            return
        window = InsertionWindow(meters, self._is_user_file, self._own)  # type: ignore[arg-type]
        if not window.open():
            self._turns_metered = _TURNS_PER_RUN
            self.journal.write(
                "loss", "lines-not-metered", "the program traces itself: which line adds native memory, "
                "descriptors or threads was not watched", None,
            )  # fmt: skip
            return
        self._window, self._meters, self._instance = window, meters, instance
        self._turns_metered += 1

    def _is_used(self, readings: Readings, mapped: float) -> bool:
        """Tell whether what is mapped becomes resident too, and past malloc: only then it matters."""
        resident, malloc = readings.rate("resident") or 0.0, readings.rate("malloc") or 0.0
        return resident - malloc + (readings.rate("file") or 0.0) >= _EXPLAINED * mapped

    def _is_settled(self, counter: str) -> bool:
        """Tell whether the turns metered so far name one line, or were all that may be spent."""
        seen = self._metered.get(counter, [])
        return len(seen) >= _TURNS_PER_METER or (
            len(seen) >= _ENOUGH_AGREE and seen[0] is not None and all(place == seen[0] for place in seen)
        )

    def _reader(self, counter: str) -> Callable[[], int] | None:
        native = self._native
        if counter == "malloc":
            return None if native is None else lambda: native()[0]
        if counter == "mapped":
            return mapped_bytes
        if counter == "threads":
            return lambda: count_entries("/proc/self/task")
        if counter == "segments":
            return lambda: count_entries(SEGMENTS)
        if counter == "processes":
            return lambda: count_children() or 0
        return lambda: count_entries("/proc/self/fd")


def _ends(instance: Any, opened_at: Any) -> bool:
    """Tell whether a boundary of `instance` ends the turn of `opened_at`: its own, or of a loop around it."""
    level = opened_at
    while level is not None:
        if level is instance:
            return True
        level = level.parent
    return False


def _segments() -> int | None:
    try:
        return count_entries(SEGMENTS)
    except OSError:
        return None
