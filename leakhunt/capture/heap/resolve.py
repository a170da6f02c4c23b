"""Finds the live container of a suspect again, in the running target, without running its code.

Follows the labelled steps of a suspect from its root. Where a step cannot be followed by name the
answer is None. Not for use inside a trace function: on Python 3.10 and 3.11 reading a frame's locals
there would undo assignments.
"""

from __future__ import annotations

import contextvars
import ctypes
import functools
import gc
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

from leakhunt.capture.heap import inspection as look
from leakhunt.capture.heap.frames import locals_of, running_frames
from leakhunt.census.format import Suspect

_MISSING = object()


def resolve(suspect: Suspect) -> object | None:
    """Return the object that a suspect names, or None when it is not there (any more)."""
    try:
        steps = list(suspect.steps)
        for start, rest in _starts(suspect.root, steps):
            found = start
            for step in rest:
                found = follow(found, step)
                if found is _MISSING:
                    break
            if type(found) is _Cache:
                wrapper: object = found.wrapper
                return wrapper
            if found is not _MISSING and look.type_name(type(found)) == suspect.type:
                live: object = found
                return live
    except Exception:
        return None
    return None


def resolvable(root: dict[str, Any], steps: list[str]) -> bool:
    """Return whether every step can be followed by name."""
    return bool(steps) and all(
        step[0] in ".=^?@$" or step.startswith(("['", '["', "thread ", "frame ")) for step in steps
    )


def _starts(root: dict[str, Any], steps: list[str]) -> Iterator[tuple[Any, list[str]]]:
    kind = root.get("kind")
    if kind == "module":
        namespace = look.loaded_namespace(root["label"])
        if namespace is not None and steps and steps[0][1:] in namespace:
            yield namespace[steps[0][1:]], steps[1:]
    elif kind == "frame":
        yield from _locals(root.get("module"), root.get("function"), steps)
    elif kind == "threads" and len(steps) > 2 and steps[1].startswith("frame "):
        module, _, function = steps[1][len("frame ") :].partition(":")
        yield from _locals(module, function, steps[2:])
    elif kind == "context":
        for variable, value in contextvars.copy_context().items():
            if "$" + variable.name == steps[0]:
                yield value, steps[1:]


def _locals(module: Any, function: Any, steps: list[str]) -> Iterator[tuple[Any, list[str]]]:
    for chain in running_frames().values():
        for frame in chain:
            if look.frame_module(frame) == module and look.code_name(frame.f_code) == function:
                value = variable_of(frame, steps[0][1:])
                if value is not _MISSING:
                    yield value, steps[1:]


def variable_of(frame: types.FrameType, name: str) -> Any:
    """Return a local variable's value, pinning nothing."""
    if sys.version_info >= (3, 12):
        try:
            return _get_variable(frame, name.encode())
        except NameError:
            return _MISSING
    if sys.gettrace() is not None:
        return _MISSING
    return locals_of(frame, forked=False).get(name, _MISSING)


if sys.version_info >= (3, 12):
    _get_variable = ctypes.pythonapi.PyFrame_GetVarString
    _get_variable.argtypes = [ctypes.py_object, ctypes.c_char_p]
    _get_variable.restype = ctypes.py_object


def follow(owner: Any, step: str) -> Any:
    """Return what one labelled step leads to, or the missing mark."""
    mark = step[0]
    if mark == ".":
        return _attribute(owner, step[1:])
    if mark == "[" and any(base is dict for base in look.mro_of(type(owner))):
        for key, value in list(dict.items(owner)):
            if type(key) is str and f"[{key!r}]" == step:
                return value
        return _MISSING
    if mark in "^?" and type(owner) is types.FunctionType:
        return _of_function(owner, mark, step[1:].partition(" of ")[0])
    if mark == "@" and type(owner) is functools._lru_cache_wrapper:
        attributes = look.dict_getter(functools._lru_cache_wrapper)(owner)  # type: ignore[misc]
        for held in gc.get_referents(owner):
            if type(held) is dict and held is not attributes:
                return _Cache(owner, held)
        return _MISSING
    return _suspended(owner, mark, step[1:])


class _Cache(dict):  # type: ignore[type-arg]
    """Stands for the inside of an lru_cache: the wrapper is what can be polled."""

    __slots__ = ("wrapper",)

    def __init__(self, wrapper: Any, _held: Any) -> None:
        self.wrapper = wrapper


def _suspended(owner: Any, mark: str, name: str) -> Any:
    if mark != "=":
        return _MISSING
    for attribute in ("gi_frame", "cr_frame", "ag_frame"):
        if type(owner) in (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType):
            frame = getattr(owner, attribute, None)
            if frame is not None:
                return variable_of(frame, name)
    return _MISSING


def _attribute(owner: Any, name: str) -> Any:
    cls = type(owner)
    if any(base is type for base in look.mro_of(cls)):
        return look.vars_of(owner).get(name, _MISSING)
    if name in ("__self__", "__func__") and cls is types.MethodType:
        return owner.__self__ if name == "__self__" else owner.__func__
    if cls is threading.local:
        # The namespace of the thread that asks. Of a subclass this could run its __init__.
        own: dict[str, Any] = threading.local.__getattribute__(owner, "__dict__")
        return own if name == "__dict__" else own.get(name, _MISSING)
    getter = look.dict_getter(cls)
    if getter is not None:
        namespace = getter(owner)
        if name == "__dict__":
            return namespace
        if type(namespace) is dict and name in namespace:
            return namespace[name]
    for slot, get in look.slot_getters(cls):
        if slot == name:
            try:
                return get(owner)
            except AttributeError:
                return _MISSING
    return _MISSING


def _of_function(function: types.FunctionType, mark: str, name: str) -> Any:
    code = function.__code__
    if mark == "^":
        for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
            if variable == name:
                return cell.cell_contents
        return _MISSING
    defaults = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount][-len(defaults) :] if defaults else ()
    for variable, value in zip(names, defaults, strict=False):
        if variable == name:
            return value
    return (function.__kwdefaults__ or {}).get(name, _MISSING)
