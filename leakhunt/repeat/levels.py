"""The levels of everything that a call may leave behind, read between batches of calls.

Everything is collected first: what the collector would free is nobody's leak. What is kept of a reading
lies in one array made beforehand, so that reading leaves nothing behind that could be taken for growth.
"""

from __future__ import annotations

import gc
import sys
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from leakhunt.capture.gauges import Gauges

#: Exact counters come first; resident and mapped memory come in pages and arenas.
COUNTERS = ("blocks", "objects", "in_use", "descriptors", "threads", "resident", "mapped")
#: Beside them, for reports.
_ALSO = ("seconds", "file", "shared")
_FIELDS = ("calls", *COUNTERS, *_ALSO)
_WIDTH = len(_FIELDS)
MOST_READINGS = 160
_UNKNOWN = -1.0
_MOST_COLLECTIONS = 3


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a counter may rise by over a batch without meaning anything: at once, and per call."""

    once: float
    per_call: float

    def over(self, calls: int) -> float:
        """Return what a batch of so many calls may add."""
        return max(self.once, self.per_call * calls)


#: Before noise was measured. Blocks and objects are counted one by one, malloc to the byte (a table or
#: buffer of the interpreter may still grow once); arenas of Python's allocator are 1 MB.
LEAST: dict[str, Allowance] = {
    "blocks": Allowance(4, 0.1),
    "objects": Allowance(4, 0.1),
    "in_use": Allowance(1_024, 4),
    "descriptors": Allowance(1, 0.1),
    "threads": Allowance(1, 0.1),
    "resident": Allowance(1_200_000, 2_048),
    "mapped": Allowance(1_200_000, 2_048),
}


class Levels:
    """Reads the counters of this process and keeps the readings."""

    def __init__(self) -> None:
        self._gauges = Gauges()
        self._rows = array("d", bytes(8 * _WIDTH * MOST_READINGS))
        self._count = 0
        self._began = time.perf_counter()
        #: The cache of attribute lookups keeps names alive, thousands of them before it is full.
        self._clear_caches: Callable[[], object] | None = getattr(
            sys, "_clear_internal_caches" if sys.version_info >= (3, 13) else "_clear_type_cache", None
        )
        self._read_now()  # what is loaded or cached at a first reading is not growth

    def __len__(self) -> int:
        return self._count

    def settle(self) -> None:
        """Free what waits to be freed."""
        for _ in range(_MOST_COLLECTIONS):
            if not gc.collect():
                break
        if self._clear_caches is not None:
            self._clear_caches()

    def read(self, calls: int) -> None:
        """Settle, and keep the levels after so many calls."""
        self.settle()
        self._keep(calls, self._read_now())

    def _keep(self, calls: int, values: tuple[Any, ...]) -> None:
        if self._count == MOST_READINGS:
            return
        at = self._count * _WIDTH
        rows = self._rows
        rows[at] = calls
        for offset, value in enumerate(values, 1):
            rows[at + offset] = _UNKNOWN if value is None else value
        self._count += 1

    def _read_now(self) -> tuple[Any, ...]:
        now = time.perf_counter()
        objects = len(gc.get_objects())
        anon, file, shared, blocks, native, _, descriptors, threads, _, mapped = self._gauges.read_all(now)
        in_use = native[0] if native else None
        resident = None if anon is None else anon + (shared or 0)
        return (
            blocks, objects, in_use, descriptors, threads, resident, mapped,
            now - self._began, file, shared,
        )  # fmt: skip

    def restart(self) -> None:
        """Forget all readings."""
        self._count = 0

    def column(self, name: str) -> list[float | None]:
        """Return one field of all readings ("calls", a counter, "seconds", "file", "shared")."""
        offset = _FIELDS.index(name)
        found = self._rows[offset : self._count * _WIDTH : _WIDTH]
        return [None if value == _UNKNOWN else value for value in found]

    def rises(self, name: str, last: int) -> list[tuple[int, float]]:
        """Return (calls, rise) of the last so many batches, oldest first; none where it could not be read."""
        values, calls = self.column(name), self.column("calls")
        first = max(0, self._count - 1 - last)
        found = []
        for at in range(first, self._count - 1):
            before, after = values[at], values[at + 1]
            if before is None or after is None:
                return []
            found.append((int((calls[at + 1] or 0) - (calls[at] or 0)), after - before))
        return found

    def close(self) -> None:
        """Give the descriptor back."""
        self._gauges.close()


def measured_noise(levels: Levels, readings: int = 4) -> dict[str, Allowance]:
    """Return the allowances after so many batches of nothing: what reading itself and other threads add."""
    levels.restart()
    for number in range(readings + 1):
        levels.read(number)
    allowed = {}
    for name, least in LEAST.items():
        seen = max((abs(rise) for _, rise in levels.rises(name, readings - 1)), default=0.0)
        allowed[name] = Allowance(max(least.once, 2 * seen), least.per_call)
    levels.restart()
    return allowed
