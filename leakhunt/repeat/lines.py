"""Watches a few calls for the line: which one adds to a suspect, to malloc, to open files, to threads."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from leakhunt.capture.brackets import LineMeter
from leakhunt.capture.gauges import Gauges
from leakhunt.capture.insertion import InsertionWindow, Watched, size_reader
from leakhunt.capture.surroundings import mapped_bytes
from leakhunt.census.format import Suspect
from leakhunt.model.layers import Bracket, Line
from leakhunt.model.run import Insertion, LossSeen
from leakhunt.syscalls import count_entries

#: Stretches that are watched: two that agree name a line.
WATCHED_STRETCHES = 3
#: Calls in a stretch: one, but many where so few bytes are taken from malloc that what it keeps at hand for
#: the next who asks (tcache, seven blocks of a size) hides them.
_SMALL_BYTES, _SMALL_CALLS = 1_024, 64
#: ... as long as that takes no longer than this.
_SMALL_SECONDS = 0.3
#: A line that changes a counter by less than this share of a call's growth is not the one.
_LEAST_SHARE = 0.1
#: Packages whose lines run a test and are not what is tested.
_RUNNERS = ("_pytest", "pluggy", "pytest_asyncio", "anyio", "xdist", "execnet", "_hypothesis_pytestplugin.py")
Find = Callable[[Suspect], object | None]
_STANDARD = tuple(
    place + os.sep for name in ("stdlib", "platstdlib") if (place := sysconfig.get_paths().get(name))
)
_OWN = str(Path(__file__).parent.parent) + os.sep


def is_tested_file(name: str) -> bool:
    """Return whether a line of this file may be named: no standard library, no runner of tests, not ours."""
    if name.startswith((_OWN, "<frozen ")) or (name.startswith(_STANDARD) and "-packages" not in name):
        return False
    parts = name.replace("\\", "/").split("/")
    return not any(runner in parts for runner in _RUNNERS)


class LineWatch:
    """What the watched calls showed: `insertions` for suspects, `brackets` for counters."""

    def __init__(self, loop: str, suspects: Sequence[Suspect], find: Find, rates: dict[str, float]) -> None:
        """`find` gives a suspect's container; `rates` has what each counter of interest rises by per call."""
        self.insertions: list[Insertion] = []
        self.brackets: list[Bracket] = []
        self.losses: list[LossSeen] = []
        self._loop = loop
        self._suspects = suspects
        self._find = find
        self._rates = rates
        self._gauges = Gauges()
        self._window: InsertionWindow | None = None

    def steps(self, turns: int, call_seconds: float) -> Generator[int, None, None]:
        """Watch a few calls, the first of which is number `turns`."""
        calls = 1
        # Counting open files or threads takes longer: with them one call at a time must do.
        if set(self._rates) == {"in_use"} and self._rates["in_use"] < _SMALL_BYTES:
            calls = max(1, min(_SMALL_CALLS, int(_SMALL_SECONDS / max(call_seconds, 1e-7))))
        for number in range(WATCHED_STRETCHES):
            watched: list[Any] = [*self._watched(), *self._meters()]
            if not watched:
                return
            window = InsertionWindow(watched, is_tested_file, _OWN)
            if not window.open():
                what = "the process traces itself: the line that grows a suspect was not watched"
                self.losses.append(LossSeen("insertion-unseen", what))
                return
            self._window = window
            try:
                yield calls
            finally:
                self.close()
            self._note(watched, window, turns + number * calls, calls)

    def close(self) -> None:
        """End a watched call, however it ended."""
        if self._window is not None:
            window, self._window = self._window, None
            window.close()

    def _watched(self) -> list[Watched]:
        found = []
        for suspect in self._suspects:
            if any(seen.path == suspect.key for seen in self.insertions):
                continue
            container = self._find(suspect)
            read = size_reader(container) if container is not None else None
            if read is not None:
                found.append(Watched(suspect.key, read))
        return found

    def _meters(self) -> list[LineMeter]:
        found = []
        for counter, rate in self._rates.items():
            meter, read = self._reader(counter)
            if read is not None:
                found.append(LineMeter(meter, read, _LEAST_SHARE * rate))
        return found

    def _reader(self, counter: str) -> tuple[str, Callable[[], int] | None]:
        native = self._gauges.native
        if counter == "in_use":
            return "malloc", None if native is None else lambda: native()[0]
        if counter == "descriptors":
            return "descriptors", lambda: count_entries("/proc/self/fd")
        if counter == "threads":
            return "threads", lambda: count_entries("/proc/self/task")
        return "mapped", mapped_bytes

    def _note(self, watched: list[Any], window: InsertionWindow, turns: int, calls: int) -> None:
        for one in watched:
            if isinstance(one, LineMeter):
                lines = [
                    Line(
                        file,
                        line,
                        function,
                        round(net / calls),
                        [(f, n, name) for f, n, name in stack if _is_shown(f)],
                    )
                    for file, line, function, net, stack in one.places()
                ]
                net = round((one.level - one.first) / calls)
                self.brackets.append(Bracket(self._loop, turns, one.key, lines, net, not window.exhausted))
            elif one.at:
                file, line, function = place = max(one.at, key=lambda at: one.at[at])
                stack = [(f, n, name) for f, n, name in one.stacks.get(place, []) if _is_shown(f)]
                self.insertions.append(
                    Insertion(one.key, file, line, function, stack, one.at[place], calls, window.via)
                )


def _is_shown(file: str) -> bool:
    return not file.startswith(_OWN)
