"""Asks malloc once to give its free memory back, and measures what came of it: the proof of retention.

Nothing that is in use moves or changes; pages that malloc kept free are returned to the system and
taken again when they are needed. The collector is not run: that would run the target's finalizers, and
the censuses count what nobody reaches without it.
"""

from __future__ import annotations

import time
from typing import Any

from leakhunt.capture.gauges import Gauges
from leakhunt.journal.writer import JournalWriter
from leakhunt.syscalls import malloc_trim

#: One while the loop goes on, for a program that will not live to its end, and one at the end.
_WHILE_IT_RUNS = 1
_PROBES = 2


class TrimProbe:
    """The probes of one process: at most two."""

    def __init__(self, journal: JournalWriter, gauges: Gauges) -> None:
        self.journal = journal
        self.gauges = gauges
        self.made = 0
        self._trim = malloc_trim

    def allowed(self, *, at_end: bool) -> bool:
        """Return whether another probe may be made here."""
        return self._trim is not None and self.made < (_PROBES if at_end else _WHILE_IT_RUNS)

    def make(self, loop: str, turns: int, *, at_end: bool) -> None:
        """Trim, and write down resident memory and malloc's own figures before and after."""
        assert self._trim is not None
        self.made += 1
        began = time.perf_counter()
        before = self._read()
        self._trim(0)
        after = self._read()
        pairs = [list(pair) for pair in zip(before, after, strict=True)]
        self.journal.write(
            "probe", loop, turns, "end" if at_end else "boundary", *pairs,
            round(time.perf_counter() - began, 6),
        )  # fmt: skip

    def _read(self) -> tuple[Any, Any, Any]:
        anon, _, shared, _, native, *_ = self.gauges.read_all(time.perf_counter())
        in_use, free = native if native is not None else (None, None)
        return None if anon is None else anon + (shared or 0), in_use, free
