"""Charges what a turn adds to a counter of the process to the lines that added it.

For memory that no allocation profiler sees (malloc through ctypes, an own mmap) and for descriptors,
threads and shared memory: the counter is read before and after each line of the user's code during one
turn, and the net change is the line's. Whether a line leaks is decided afterwards, from several turns.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any

#: Lines that are written down per turn, those of the largest net change.
_MOST_PLACES = 8
_DEEPEST = 12
#: A line that left the counter as it was so many times in a row is not read behind any more: what it
#: may still do is charged to the next line that is, and no line is named for what one turn shows.
_QUIET = 200

Place = tuple[str, int, str]


class LineMeter:
    """One counter, polled at line events: `insertion.InsertionWindow` calls `poll` before each line."""

    __slots__ = ("at", "first", "key", "least", "level", "quiet", "read", "stacks")

    def __init__(self, key: str, read: Callable[[], int], least: float) -> None:
        self.key = key
        self.read = read
        self.least = least
        self.at: dict[Place, int] = {}
        self.stacks: dict[Place, list[list[Any]]] = {}
        self.quiet: dict[Place | None, int] = {}
        self.first = self.level = read()

    def poll(self, place: Place | None, frame: FrameType | None) -> bool:
        """Charge the change since the last poll to `place`; return whether it was worth watching."""
        quiet = self.quiet.get(place, 0)
        if quiet >= _QUIET:
            return False
        level = self.read()
        change = level - self.level
        self.level = level
        if change and place is not None:
            self.at[place] = self.at.get(place, 0) + change
            if place not in self.stacks and change >= self.least:
                self.stacks[place] = _stack(place, frame)
        self.quiet[place] = 0 if abs(change) >= self.least else quiet + 1
        return change >= self.least

    def places(self) -> list[list[Any]]:
        """Return [file, line, function, net change, stack] of the lines that changed most."""
        largest = sorted(self.at.items(), key=lambda item: -abs(item[1]))[:_MOST_PLACES]
        return [[*place, net, self.stacks.get(place, [])] for place, net in largest if net]


def _stack(place: Place, frame: FrameType | None) -> list[list[Any]]:
    """The frames from `place` outwards: [file, line, function]."""
    stack: list[list[Any]] = [list(place)]
    while frame is not None and frame.f_code.co_filename != place[0]:
        frame = frame.f_back
    if frame is not None and _name(frame) == place[2]:
        frame = frame.f_back
    while frame is not None and len(stack) < _DEEPEST:
        stack.append([frame.f_code.co_filename, frame.f_lineno, _name(frame)])
        frame = frame.f_back
    return stack


def _name(frame: FrameType) -> str:
    return getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
