"""Finds the line that makes a suspect grow: its size is polled on the line events of a single turn.

One turn is watched, then everything is put back. On 3.12+ through `sys.monitoring`, before that
through `sys.settrace` (skipped when the program traces itself). A location that ran often without
any growth is dropped, so a hot inner loop costs a bounded number of polls.

Reads sizes of exact built-in containers only, through the type's own C slots: no code of the
target runs. Decides nothing: it counts which line the growth came from.
"""

from __future__ import annotations

import sys
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import _lru_cache_wrapper
from types import CodeType, FrameType
from typing import Any

#: Polls of one location without growth after which it is no longer watched.
_POLLS_PER_LOCATION = 400
#: A window is given up after this many seconds of watching (a turn may take hours).
_MAX_POLLING_SECONDS = 1.0
#: Flags of code whose frames are resumed: generators, coroutines, asynchronous generators.
_RESUMED = 0x20 | 0x80 | 0x200

#: What never grows in place (tuples, text) is left out: there the name is bound anew, to another object.
_SIZED: tuple[type, ...] = (list, dict, set, deque, bytearray, OrderedDict, defaultdict)


def size_reader(container: object) -> Callable[[], int] | None:
    """Return a function that reads the container's size without running the target's code, if there is one."""
    kind = type(container)
    if kind is _lru_cache_wrapper:
        return lambda: _lru_cache_wrapper.cache_info(container).currsize  # type: ignore[arg-type]
    for base in _SIZED:
        if issubclass(kind, base):
            length: Callable[[Any], int] = base.__len__  # type: ignore[attr-defined]
            return lambda: length(container)
    return None


class Watched:
    """One suspect under watch: where it grew and by how many items in this window.

    Only growth beyond the largest size so far counts: to put back what was taken out is no growth.
    """

    __slots__ = ("at", "key", "read", "size", "stacks")

    def __init__(self, key: str, read: Callable[[], int]) -> None:
        self.key = key
        self.read = read
        self.size = read()
        self.at: dict[tuple[str, int, str], int] = {}
        self.stacks: dict[tuple[str, int, str], list[list[Any]]] = {}

    def poll(self, place: tuple[str, int, str] | None, frame: FrameType | None) -> bool:
        """Charge what was added since the last poll to `place`; return whether anything was."""
        size = self.read()
        added = size - self.size
        if added <= 0:
            return False
        self.size = size
        if place is not None:
            self.at[place] = self.at.get(place, 0) + added
            if place not in self.stacks:
                self.stacks[place] = _stack_from(place, frame)
        return True


class InsertionWindow:
    """Watches suspects for one turn: `open()` at a boundary, `close()` at the next one."""

    def __init__(
        self, watched: list[Watched], is_user_file: Callable[[str], bool], own_directory: str
    ) -> None:
        self.watched = watched
        self.via: str | None = None
        self.exhausted = False
        self._is_user_file = is_user_file
        self._own = own_directory
        self._user_code: dict[CodeType, bool] = {}
        self._polls: dict[tuple[CodeType, int | None], int] = {}
        # the line each live frame executes now, innermost last: (frame id, code, line)
        self._lines: list[tuple[int, CodeType, int]] = []
        self._live: set[int] = set()
        self._let_go: set[CodeType] = set()
        #: Lines that grew a suspect: once let go, their growth would be charged to the line before. `settrace` sees
        #: all lines of a function or none: then it is the functions.
        self._grown: set[CodeType | tuple[CodeType, int]] = set()
        self._spent = 0.0
        self._tool: int | None = None
        self._frames: list[FrameType] = []

    def open(self) -> bool:
        """Start watching the thread that calls; return False when nothing can be watched here."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if self._is_user(code):
                self._lines.insert(0, (id(frame), code, frame.f_lineno))
                self._live.add(id(frame))
                self._frames.append(frame)
            frame = frame.f_back
        if hasattr(sys, "monitoring"):
            return self._open_monitoring()
        return self._open_trace()

    def close(self) -> None:
        """Stop watching and leave no trace of it in the target."""
        try:
            if self._tool is not None:
                self._close_monitoring()
            elif self.via == "settrace":
                self._close_trace()
        finally:
            self._frames.clear()
            self._lines.clear()
            self._live.clear()
            self._user_code.clear()
            self._let_go.clear()
            self._grown.clear()

    # ---- what both ways share ---------------------------------------------------------

    def _is_user(self, code: CodeType) -> bool:
        known = self._user_code.get(code)
        if known is None:
            name = code.co_filename
            known = not name.startswith(self._own) and self._is_user_file(name)
            self._user_code[code] = known
        return known

    def _moved(self, frame: FrameType, code: CodeType, line: int | None) -> bool:
        """A line is about to run (or, with None, a function to return): charge growth to the line before.

        Returns False when this location ran often enough without growth to stop watching it: a line, or the
        places at which a generator hands over.
        """
        began = time.perf_counter()
        lines = self._lines
        place = None
        grew = False
        if lines:
            _, last_code, last_line = lines[-1]
            place = (last_code.co_filename, last_line, _qualified_name(last_code))
        for watched in self.watched:
            grew = watched.poll(place, frame) or grew
        mine = id(frame)
        if line is None:
            if lines and lines[-1][0] == mine:
                lines.pop()
                self._live.discard(mine)
        elif lines and lines[-1][0] == mine:
            lines[-1] = (mine, code, line)
        else:
            # Looked up first: a deep recursion would search all of its frames at each call.
            if mine in self._live:
                while lines.pop()[0] != mine:
                    pass
                self._live = {one[0] for one in lines}
            lines.append((mine, code, line))
            self._live.add(mine)
        spent = self._spent = self._spent + (time.perf_counter() - began)
        if spent > _MAX_POLLING_SECONDS:
            self.exhausted = True
        if grew and place is not None:
            self._grown.add(last_code if self._tool is None else (last_code, last_line))
        if (
            grew
            or code in self._grown
            or (code, line) in self._grown
            or (line is None and not code.co_flags & _RESUMED)
        ):
            return True
        polls = self._polls.get((code, line), 0) + 1
        self._polls[code, line] = polls
        return polls < _POLLS_PER_LOCATION

    # ---- sys.monitoring (3.12+) -------------------------------------------------------

    def _open_monitoring(self) -> bool:
        monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        for tool in (4, 3):
            if monitoring.get_tool(tool) is None:
                break
        else:
            return False
        monitoring.use_tool_id(tool, "leakhunt")
        self._tool = tool
        self.via = "monitoring"
        disable = monitoring.DISABLE

        def line_reached(code: CodeType, line: int) -> object:
            try:
                if not self._is_user(code) or self.exhausted:
                    return disable
                return None if self._moved(sys._getframe(1), code, line) else disable
            except Exception:
                return disable

        def returned(code: CodeType, _offset: int, _value: object) -> object:
            try:
                if not self._is_user(code) or self.exhausted:
                    return disable
                self._moved(sys._getframe(1), code, None)
            except Exception:
                return disable
            return None

        events = monitoring.events
        monitoring.register_callback(tool, events.LINE, line_reached)
        monitoring.register_callback(tool, events.PY_RETURN, returned)
        monitoring.set_events(tool, events.LINE | events.PY_RETURN)
        monitoring.restart_events()
        return True

    def _close_monitoring(self) -> None:
        monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        tool, self._tool = self._tool, None
        events = monitoring.events
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, events.LINE, None)
        monitoring.register_callback(tool, events.PY_RETURN, None)
        monitoring.free_tool_id(tool)

    # ---- sys.settrace (3.10, 3.11) ----------------------------------------------------

    def _open_trace(self) -> bool:
        if sys.gettrace() is not None:
            return False
        self.via = "settrace"

        def local(frame: FrameType, event: str, _arg: object) -> Any:
            try:
                if self.exhausted:
                    return None
                if event == "line":
                    if not self._moved(frame, frame.f_code, frame.f_lineno):
                        # this function's lines are hot: follow it by its return only
                        frame.f_trace_lines = False
                        if frame.f_code.co_flags & _RESUMED:
                            self._frames.append(frame)
                elif event == "return" and not self._moved(frame, frame.f_code, None):
                    self._let_go.add(frame.f_code)
            except Exception:
                return None
            return local

        def called(frame: FrameType, _event: str, _arg: object) -> Any:
            if self.exhausted or not self._is_user(frame.f_code):
                return None
            if frame.f_code not in self._let_go:
                return local
            # A hot generator is resumed: what it may still add is charged to who resumes it.
            frame.f_trace = None
            return None

        self._called = called
        for frame in self._frames:
            if frame.f_trace is None:
                frame.f_trace = local
        sys.settrace(called)
        return True

    def _close_trace(self) -> None:
        if sys.gettrace() is self._called:
            sys.settrace(None)
        for frame in self._frames:
            frame.f_trace = None
            frame.f_trace_lines = True
            # Tracing filled the frame's f_locals dict, which keeps this turn's objects alive until
            # the next read; a module's f_locals is its globals and must stay.
            if frame.f_code.co_flags & 0x2:  # CO_NEWLOCALS: a function
                frame.f_locals.clear()


def _qualified_name(code: CodeType) -> str:
    return getattr(code, "co_qualname", code.co_name)


def _stack_from(place: tuple[str, int, str], frame: FrameType | None) -> list[list[Any]]:
    """The frames above `place`, innermost first, at most 12: [file, line, function]."""
    while frame is not None and (frame.f_code.co_filename, _qualified_name(frame.f_code)) != (
        place[0],
        place[2],
    ):
        frame = frame.f_back
    stack: list[list[Any]] = [list(place)]
    frame = frame.f_back if frame is not None else None
    while frame is not None and len(stack) < 12:
        stack.append([frame.f_code.co_filename, frame.f_lineno, _qualified_name(frame.f_code)])
        frame = frame.f_back
    return stack
