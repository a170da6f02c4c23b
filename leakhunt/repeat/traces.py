"""Traces a few stretches of calls with tracemalloc: where what stays behind is allocated, to the byte."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Generator
from pathlib import Path

from leakhunt.capture.windows_memray import Refused
from leakhunt.capture.windows_tracemalloc import TracemallocRecorder
from leakhunt.census.format import Suspect
from leakhunt.model.captures import load_capture
from leakhunt.model.run import AllocationSite, Capture, LossSeen

STRETCHES = 6
#: Tracing makes calls several times slower: so many seconds of plain calls are traced at most.
_SECONDS = 0.3
_MOST_CALLS = 40
#: Python's own allocator serves up to this size, malloc what is larger.
_SMALL = 512
_OWN = str(Path(__file__).parent.parent) + os.sep


class TracedCalls:
    """One traced window; `capture` is what stayed behind, by site and stretch (None when nothing was seen)."""

    def __init__(self, directory: Path) -> None:
        self.capture: Capture | None = None
        self.losses: list[LossSeen] = []
        self._recorder = TracemallocRecorder(directory / "window.json")

    def steps(
        self,
        suspects: list[Suspect],
        find: Callable[[Suspect], object | None],
        settle: Callable[[], None],
        call_seconds: float,
        most: int,
    ) -> Generator[int, None, None]:
        """Trace stretches of calls; `settle` frees what waits to be freed, before each is counted."""
        size = max(1, min(_MOST_CALLS, most, int(_SECONDS / STRETCHES / max(call_seconds, 1e-7))))
        try:
            self._recorder.start(0.0)
        except Refused as refused:
            self.losses.append(LossSeen(refused.slug, str(refused)))
            return
        marks = [0]
        try:
            for number in range(1, STRETCHES + 1):
                yield size
                settle()
                self._recorder.boundary()
                marks.append(number * size)
            for suspect in suspects:
                container = find(suspect)
                if container is not None:
                    self._recorder.held_by(suspect.key, container)
        finally:
            self._recorder.stop()
        self._recorder.save(marks)
        seen = load_capture(self._recorder.path)
        if isinstance(seen, Capture):
            self.capture = _without_own(seen)

    def close(self) -> None:
        """Stop tracing, however the calls ended."""
        self._recorder.stop()


def _without_own(capture: Capture) -> Capture:
    """Leave out what this package allocated, and its frames in the stacks of others."""
    kept = []
    for site in capture.sites:
        if site.stack and site.stack[0][0].startswith(_OWN):
            continue
        stack = [frame for frame in site.stack if not frame[0].startswith(_OWN)]
        kept.append(dataclasses.replace(site, stack=stack))
    return dataclasses.replace(capture, sites=kept)


@dataclasses.dataclass(frozen=True, slots=True)
class TracedRates:
    """Bytes per call that stay behind in nearly every stretch: all, and those that malloc serves."""

    total: float
    in_malloc: float
    objects: float


def traced_rates(capture: Capture) -> TracedRates:
    """Return what stays behind per call at sites that leave something in nearly every stretch.

    The first stretch is left out: a table that is moved there counts with all that it had before.
    """
    stretches = len(capture.turns) - 1
    calls = capture.turns[-1] - capture.turns[1]
    total = in_malloc = objects = 0.0
    for site in capture.sites:
        later = {turn: entry for turn, entry in site.survivors.items() if turn > 0}
        if len(later) < 0.75 * (stretches - 1):
            continue
        count, size = (sum(entry[at] for entry in later.values()) for at in (0, 1))
        total += size / calls
        objects += count / calls
        if size > _SMALL * count:
            in_malloc += size / calls
    return TracedRates(total, in_malloc, objects)


def is_steady(site: AllocationSite, capture: Capture) -> bool:
    """Return whether a site leaves something behind in nearly every stretch after the first."""
    stretches = len(capture.turns) - 2
    return sum(1 for turn in site.survivors if turn > 0) >= 0.75 * stretches
