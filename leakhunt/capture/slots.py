"""Sees which named containers around the loop get longer from turn to turn, without waiting for a census.

Looks at lengths only, of what the running functions and their modules have by name and of what their
objects hold: built-in containers, read through their own C slots. A guess, good enough for watching a turn;
what grows, and who holds it, is for the censuses.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from leakhunt.capture.heap import inspection as look
from leakhunt.capture.heap.frames import locals_of
from leakhunt.capture.heap.resolve import variable_of
from leakhunt.capture.heap.roots import main_name
from leakhunt.capture.insertion import size_reader
from leakhunt.census.format import Row, Suspect
from leakhunt.census.naming import name_of

#: A container that was longer this often in a row, and never shorter, is worth watching.
_RISES = 3
#: Names looked at per boundary, and boundaries per loop: a guess that takes longer is for a census.
_MOST_NAMES = 400
_MOST_LOOKS = 60
_ADDED = sys.version_info >= (3, 12)


class Slots:
    """The lengths of the named containers around one loop, boundary by boundary."""

    def __init__(self, is_user_file: Callable[[str], bool]) -> None:
        self._is_user_file = is_user_file
        #: name -> [identity, length, rises in a row]
        self._seen: dict[tuple[str, ...], list[int]] = {}
        self._looks = 0

    def look(self) -> list[Suspect]:
        """Look at the lengths now; return what has risen for the last few times."""
        self._looks += 1
        if self._looks > _MOST_LOOKS or (sys.gettrace() is not None and not _ADDED):
            return []
        found = []
        now: dict[tuple[str, ...], list[int]] = {}
        for root, steps, container, read in _named_containers(self._is_user_file):
            name = (root.label, *steps)
            length = read()
            before = self._seen.get(name)
            rises = 0
            if before is not None and before[0] == id(container) and length >= before[1]:
                rises = before[2] + (length > before[1])
            now[name] = [id(container), length, rises]
            if rises >= _RISES:
                found.append(_suspect(root, steps, container, length))
            if len(now) >= _MOST_NAMES:
                break
        self._seen = now
        return found


def _named_containers(
    is_user_file: Callable[[str], bool],
) -> Iterator[tuple[Row, list[str], Any, Callable[[], int]]]:
    """Yield (root, steps from it, container, its length) for the names that running user code has."""
    modules: dict[int, dict[str, Any]] = {}
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if is_user_file(code.co_filename):
            modules[id(frame.f_globals)] = frame.f_globals
            if code.co_flags & 0x2:  # CO_NEWLOCALS: a function, not a module's or a class's body
                yield from _containers(_frame_root(frame), "=", _locals(frame))
        frame = frame.f_back
    for namespace in modules.values():
        name = namespace.get("__name__")
        if type(name) is str and look.loaded_namespace(name) is namespace:
            note = {"kind": "module", "file": namespace.get("__file__"), "user": True}
            if name == "__main__":
                note["shown"] = main_name(namespace)
            yield from _containers(_row(name, note), ".", list(namespace.items()))


def _containers(
    root: Row, mark: str, named: list[tuple[str, Any]]
) -> Iterator[tuple[Row, list[str], Any, Callable[[], int]]]:
    for name, value in named:
        if type(name) is not str or name.startswith("__"):
            continue
        read = size_reader(value)
        if read is not None:
            yield root, [mark + name], value, read
            continue
        kind = type(value)
        if not look.is_heap_type(kind) or look.mro_of(kind)[:1] != (kind,) or type(kind) is not type:
            continue
        getter = look.dict_getter(kind) if _is_users(kind, root) else None
        held = getter(value) if getter is not None else None
        if type(held) is dict and len(held) <= 50:
            for attribute, inner in list(held.items()):
                read = size_reader(inner) if type(attribute) is str else None
                if read is not None:
                    yield root, [mark + name, "." + attribute], inner, read


def _is_users(kind: type, root: Row) -> bool:
    """Return whether a class is defined where the user's code runs, not in a library."""
    module = look.type_module(kind)
    return module in ("__main__", root.note.get("module"), root.label)


def _locals(frame: types.FrameType) -> list[tuple[str, Any]]:
    if not _ADDED:
        return list(locals_of(frame, forked=False).items())
    code = frame.f_code
    names = (*code.co_varnames, *code.co_cellvars)
    values = [(name, variable_of(frame, name)) for name in dict.fromkeys(names)]
    return [(name, value) for name, value in values if type(value) is not object]


def _frame_root(frame: types.FrameType) -> Row:
    module, function = look.frame_module(frame), look.code_name(frame.f_code)
    note = {"kind": "frame", "function": function, "module": module, "file": frame.f_code.co_filename,
            "line": frame.f_code.co_firstlineno, "user": True}  # fmt: skip
    if module == "__main__":
        note["shown"] = main_name(frame.f_globals)
    return _row(f"frame {module}:{function}", note)


def _row(label: str, note: dict[str, Any]) -> Row:
    return Row(-1, label, "", 1, None, 0, note=note)


def _suspect(root: Row, steps: list[str], container: Any, length: int) -> Suspect:
    """Return the suspect as a census would have named it."""
    kind = look.type_name(type(container))
    chain = [root, *(Row(-1, step, kind, 1, length, 0) for step in steps)]
    name = name_of(chain)
    return Suspect(name.key, name.path, kind, {**root.note, "label": root.label}, steps, length, None)
