"""Records an allocation window with tracemalloc, where memray cannot: survivors per traceback and turn.

It can also say where the newest items of a suspect were allocated. What it writes has the form of what is
kept of a memray capture.
"""

from __future__ import annotations

import contextlib
import gc
import json
import tracemalloc
import types

#: The functions themselves: while a window is open the module's are masked.
from _tracemalloc import (
    _get_object_traceback,
    _get_traces,
    get_tracemalloc_memory,
)
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from leakhunt.capture.heap.elements import newest_items
from leakhunt.capture.untraced import remember_allocators, untraced
from leakhunt.capture.windows_memray import Refused

FORMAT = 1
#: Frames kept per traceback: libraries are that deep between the user's line and malloc. Each costs some 50 ns
#: at every allocation.
_FRAMES = 10
#: More memory than this is not spent on traces, and so many sites are kept.
_MOST_TRACE_BYTES = 60_000_000
_SITES = 300
#: Objects below a suspect's newest items that are asked for their traceback.
_OBJECTS = 400
_LEVELS = 4
#: What leads away from the items.
_ELSEWHERE = (type, types.ModuleType, types.FunctionType, types.FrameType, types.CodeType)
_start, _stop = tracemalloc.start, tracemalloc.stop
is_tracing = tracemalloc.is_tracing

Stack = Sequence[tuple[str, int]]


class TracemallocRecorder:
    """One window: survivors by traceback at every boundary, added up when it ends."""

    source = "tracemalloc"
    python_allocators = True
    native = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self._alive: list[dict[Stack, tuple[int, int]]] = []
        self._held: dict[str, list[list[Any]]] = {}
        self._tracing = False
        self._is_dear: Callable[[], bool] = lambda: False
        #: Whether it stopped in the middle of a turn, because that cost too much.
        self.gave_up = False
        self._size_then = 0

    def prepare(self) -> None:
        """Nothing: tracemalloc is there."""

    def start(self, _turn_seconds: float) -> None:
        """Begin to trace."""
        if is_tracing():
            raise Refused("window-tracemalloc", "the program runs tracemalloc itself")
        remember_allocators()
        _start(_FRAMES)
        self._tracing = True

    def give_up_when(self, is_dear: Callable[[], bool]) -> None:
        """Stop in the middle of a turn when it `is_dear`: a turn with nothing inside that is followed has no other
        place than the collections that its own allocations set off."""
        self._is_dear = is_dear
        gc.callbacks.append(self._at_collection)

    def no_more_turns(self) -> None:
        """Trace to the end of the window: its last turn is over."""
        with contextlib.suppress(ValueError):
            gc.callbacks.remove(self._at_collection)

    def _at_collection(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start" and self._tracing and self._is_dear():
            self.gave_up, self._size_then = True, self.size()
            self._end_tracing()

    def boundary(self) -> None:
        """Note what is alive of what was allocated since the window opened."""
        if not is_tracing():
            return
        collecting = gc.isenabled()
        gc.disable()
        try:
            with untraced():
                alive = _added_up(_get_traces())
            # outside: a list that grows lets go of what it had before
            self._alive.append(alive)
        finally:
            if collecting:
                gc.enable()

    def held_by(self, key: str, container: object) -> None:
        """Ask for the tracebacks of the container's newest items, and of what is in them.

        An object out of a free list has none, so that its contents are asked too.
        """
        found: dict[Stack, int] = {}
        seen: set[int] = set()
        level = newest_items(container)
        for _ in range(_LEVELS):
            below: list[Any] = []
            for each in level:
                if id(each) in seen or type(each) in _ELSEWHERE or len(seen) >= _OBJECTS:
                    continue
                seen.add(id(each))
                stack: Stack | None = _get_object_traceback(each)
                if stack is not None:
                    found[stack] = found.get(stack, 0) + 1
                below += gc.get_referents(each)
            level = below
        if found:
            self._held[key] = [[_frames(stack), count] for stack, count in found.items()]

    def stop(self) -> None:
        """End tracing: as if it had never begun."""
        self.no_more_turns()
        self._end_tracing()

    def _end_tracing(self) -> None:
        if self._tracing:
            self._tracing = False
            if is_tracing():
                _stop()

    def forget(self) -> None:
        """Let go of what was seen, once it is saved."""
        self._alive, self._held = [], {}

    def save(self, turns: list[int]) -> None:
        """Write what was seen. Raises OSError."""
        sites = []
        for stack in self._alive[-1] if self._alive else ():
            survivors = survivors_by_turn(alive.get(stack, (0, 0)) for alive in self._alive)
            if survivors:
                sites.append((sum(size for _, size in survivors.values()), stack, survivors))
        sites.sort(key=lambda site: -site[0])
        content = {
            "format": FORMAT,
            "source": self.source,
            "turns": turns,
            "sites": [[_frames(stack), survivors, "tracemalloc"] for _, stack, survivors in sites[:_SITES]],
            "other_bytes": sum(size for size, _, _ in sites[_SITES:]),
            "python_allocators": True,
            "native": False,
            "held": self._held,
        }
        with open(self.path, "w", encoding="utf-8", errors="backslashreplace") as stream:
            json.dump(content, stream)

    def size(self) -> int:
        """Return how much memory the traces take."""
        return int(get_tracemalloc_memory()) if self._tracing else self._size_then

    def is_too_large(self) -> bool:
        """Return whether the traces have had their share of memory."""
        return self.size() > _MOST_TRACE_BYTES


def _added_up(traces: Sequence[Any]) -> dict[Stack, tuple[int, int]]:
    """Return (objects, bytes) by traceback. One traceback is one object among the traces: no stack is hashed twice."""
    stacks: dict[int, Stack] = {}
    counts: dict[int, int] = {}
    totals: dict[int, int] = {}
    for _domain, size, stack, *_ in traces:
        key = id(stack)
        if key in counts:
            counts[key] += 1
            totals[key] += size
        else:
            stacks[key], counts[key], totals[key] = stack, 1, size
    alive: dict[Stack, tuple[int, int]] = {}
    for key, stack in stacks.items():
        count, total = alive.get(stack, (0, 0))
        alive[stack] = (count + counts[key], total + totals[key])
    return alive


def swing_bytes() -> int | None:
    """Return by how much resident memory has been above what it is now; None where it is not said."""
    try:
        with open("/proc/self/status", "rb") as stream:
            said = dict(line.split(b":", 1) for line in stream.read().splitlines() if b":" in line)
        return max(0, int(said[b"VmHWM"].split()[0]) - int(said[b"VmRSS"].split()[0])) * 1024
    except (OSError, KeyError, ValueError):
        return None


def survivors_by_turn(levels: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """Return turn -> [objects, bytes] by which what is alive of a site rose in that turn, and stayed.

    What a later boundary has not any more was not kept.
    """
    counted = list(levels)
    for at in range(len(counted) - 2, -1, -1):
        counted[at] = (min(counted[at][0], counted[at + 1][0]), min(counted[at][1], counted[at + 1][1]))
    found: dict[int, list[int]] = {}
    before = (0, 0)
    for turn, now in enumerate(counted):
        if now[1] > before[1]:
            found[turn] = [max(1, now[0] - before[0]), now[1] - before[1]]
        before = now
    return found


def _frames(stack: Stack) -> list[list[Any]]:
    """Return [file, line, function] per frame, innermost first; tracemalloc knows no functions."""
    return [[file, line, ""] for file, line in stack]
