"""Keeps an open allocation window out of the target's way: when it does the same, the window closes first.

While a window is open a few functions stand in for those with which a program would trace itself,
replace itself or end without further ado; each closes the window and then is the real one. With
tracemalloc tracing for us, what asks tracemalloc is told that nobody traces, as without us.
"""

from __future__ import annotations

import os
import sys
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

_ABSENT = object()


class Mask:
    """What stands in for the target's functions while a window is open. `give_way` closes the window."""

    def __init__(self, give_way: Callable[[str], None]) -> None:
        self._give_way = give_way
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def put_on(self, *, tracing: bool) -> None:
        """Put the stand-ins in place; `tracing` says that tracemalloc traces for us."""
        for module, name, why in (
            (sys, "setprofile", "profile"),
            (threading, "setprofile", "profile"),
            (tracemalloc, "start", "tracemalloc"),
            (os, "execv", "exec"),
            (os, "execve", "exec"),
            (os, "_exit", "exit"),
        ):
            self._replace(module, name, self._giving_way(getattr(module, name, None), why))
        memray = sys.modules.get("memray")
        if memray is not None:
            self._replace(memray, "Tracker", self._giving_way(memray.Tracker, "memray"))
        if tracing:
            for name, answer in (
                ("is_tracing", False),
                ("get_traced_memory", (0, 0)),
                ("get_tracemalloc_memory", 0),
                ("get_traceback_limit", 1),
                ("_get_object_traceback", None),
                ("stop", None),
                ("clear_traces", None),
                ("reset_peak", None),
            ):
                self._replace(tracemalloc, name, _answering(answer))

    def take_off(self) -> None:
        """Put everything back that is still ours."""
        while self._replaced:
            module, name, original, ours = self._replaced.pop()
            if module.__dict__.get(name) is ours:
                setattr(module, name, original)

    def _giving_way(self, original: Any, why: str) -> Any:
        if original is None:
            return None

        def in_its_place(*arguments: Any, **named: Any) -> Any:
            # A new thread puts memray's own hook in place with the function that we stand in for.
            hook = getattr(threading, "_profile_hook", None)
            if why != "profile" or hook is None or arguments[:1] != (hook,):
                self._give_way(why)
            # Whoever kept this function after the window is served all the same.
            return original(*arguments, **named)

        return in_its_place

    def _replace(self, module: Any, name: str, ours: Any) -> None:
        original = module.__dict__.get(name, _ABSENT)
        if original is _ABSENT or ours is None:
            return
        self._replaced.append((module, name, original, ours))
        setattr(module, name, ours)


def _answering(answer: Any) -> Callable[..., Any]:
    def answered(*_arguments: Any) -> Any:
        return answer

    return answered


def starts_tracing_by_name() -> bool:
    """Return whether some module of the target holds tracemalloc's `start` itself: no mask would be seen there."""
    start = tracemalloc.start
    for name, module in list(sys.modules.items()):
        if name in ("tracemalloc", "_tracemalloc") or name.startswith("leakhunt."):
            continue
        namespace = getattr(module, "__dict__", None)
        if type(namespace) is dict and any(value is start for value in list(namespace.values())):
            return True
    return False
