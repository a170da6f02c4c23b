"""Feeds the live display while the target runs: what the supervisor measured, and where the loops stand.

Reads the target's journal as it grows, only for the names of its loops. Never raises into the supervisor.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from leakhunt import api
from leakhunt.findings.diagnosis import Position
from leakhunt.guard.limits import Limits
from leakhunt.guard.tree import TreeReading
from leakhunt.host import boot_clock
from leakhunt.journal.codec import BadLine, decode_line
from leakhunt.journal.position import read_position
from leakhunt.journal.rundir import RunDirectory
from leakhunt.report.live import LiveDisplay

#: The slope is taken over this long, and not before this much of it has been seen.
_SLOPE_OVER, _SLOPE_AFTER = 60.0, 20.0
_LOOK_EVERY = 0.25


class LiveWatcher:
    """The supervisor's watcher that shows a live display."""

    def __init__(self, display: LiveDisplay, target: str) -> None:
        self._display = display
        self._target = target
        self._loops: _LoopNames | None = None
        self._page: Path | None = None
        self._peak = 0
        self._course: deque[tuple[float, int]] = deque(maxlen=1_000)
        self._looked = 0.0

    def started(self, pid: int, run: RunDirectory) -> None:
        """Begin the display."""
        self._loops = _LoopNames(run.agent_journal(pid))
        self._page = run.position(pid)
        self._display.on_start(self._target)
        api.load_ahead(running=True)

    def sampled(self, reading: TreeReading, limits: Limits | None) -> None:
        """Show memory and the position of the loops."""
        now = boot_clock()
        if now - self._looked < _LOOK_EVERY or not reading.processes:
            return
        self._looked = now
        self._peak = max(self._peak, reading.tree_rss)
        self._course.append((now, reading.tree_rss))
        slope = self._slope(now)
        left = None
        if slope is not None and limits is not None and slope * 60 > 0.01 * reading.tree_rss:
            left = max(0.0, (limits.limit - reading.tree_rss) / slope)
        self._display.on_position(self._positions())
        self._display.on_memory(reading.tree_rss, self._peak, slope, left)

    def notice(self, text: str) -> None:
        """Say something at once."""
        self._display.on_note(text)

    def ended(self) -> None:
        """Take the display away, unless there is still something to wait for."""
        api.load_ahead()
        self._display.close()

    def _slope(self, now: float) -> float | None:
        while len(self._course) > 2 and now - self._course[0][0] > _SLOPE_OVER:
            self._course.popleft()
        since, before = self._course[0]
        if now - since < _SLOPE_AFTER:
            return None
        return (self._course[-1][1] - before) / (now - since)

    def _positions(self) -> list[Position]:
        if self._page is None or self._loops is None:
            return []
        self._loops.read_on()
        found = []
        for serial, index, total, text in read_position(self._page):
            variables = self._loops.variables_of(serial)
            if variables is None:
                continue  # entered a moment ago, or too short to be told of
            found.append(Position("", variables, [text] if text else None, index + 1, total))
        return found


class _LoopNames:
    """The loop variables of each loop instance, from a journal that is still being written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._rest = b""
        self._variables: dict[Any, list[str]] = {}
        self._loop_of: dict[Any, Any] = {}

    def read_on(self) -> None:
        try:
            with open(self._path, "rb") as stream:
                stream.seek(self._read)
                data = stream.read(4_000_000)
        except OSError:
            return
        self._read += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line[9:16] not in (b'["loop"', b'["enter'):
                continue
            try:
                items = decode_line(line)
            except BadLine:
                continue
            if items[0] == "loop" and len(items) > 8 and isinstance(items[8], list):
                self._variables[items[4]] = [str(name) for name in items[8]]
            elif items[0] == "enter" and len(items) > 5:
                self._loop_of[items[4]] = items[5]

    def variables_of(self, serial: int) -> list[str] | None:
        return self._variables.get(self._loop_of.get(serial))
