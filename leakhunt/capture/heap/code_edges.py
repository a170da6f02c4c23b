"""Reading what functions, generators, frames, tracebacks and function caches hold.

Their labels carry the name that a programmer would say: closure variable, default argument, cache of
a function. Running frames are roots of their own and are not entered from here.
"""

from __future__ import annotations

import functools
import gc
import types
from typing import Any

from leakhunt.capture.heap import inspection as look
from leakhunt.capture.heap.frames import is_own_frame, locals_of
from leakhunt.capture.heap.namespaces import read_names
from leakhunt.capture.heap.walk import Node, Reader, Walk

_CACHE = functools._lru_cache_wrapper


def read_function(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    for function in batch:
        module, qualname = look.function_home(function)
        if module is not None and module.partition(".")[0] == "leakhunt":
            continue
        note = {
            "module": module,
            "file": function.__code__.co_filename,
            "line": function.__code__.co_firstlineno,
        }
        before = set(node.children)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            try:
                walk.spread(node, f"^{name} of {qualname}", (cell.cell_contents,), weight)
            except ValueError:
                continue
        defaults = function.__defaults__
        if defaults:
            names = function.__code__.co_varnames[: function.__code__.co_argcount][-len(defaults) :]
            for name, value in zip(names, defaults, strict=False):
                walk.spread(node, f"?{name} of {qualname}", (value,), weight)
        for name, value in (function.__kwdefaults__ or {}).items():
            walk.spread(node, f"?{name} of {qualname}", (value,), weight)
        for key in node.children.keys() - before:
            node.children[key].note.update(note)
        if look.dict_getter(types.FunctionType)(function):  # type: ignore[misc]
            read_names(walk, node, [function.__dict__], weight)


def read_suspended(frame_of: str, awaits: str) -> Reader:
    def read(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
        for suspended in batch:
            frame = getattr(suspended, frame_of)
            if frame is None or id(frame) in walk.running_frames:
                continue
            code = frame.f_code
            node.note.update(
                function=look.code_name(code),
                line=frame.f_lineno,
                file=code.co_filename,
                module=look.frame_module(frame),
            )
            read_names(walk, node, [locals_of(frame, walk.forked)], weight, "=")
            walk.spread(node, ".await", (getattr(suspended, awaits),), weight)

    return read


def read_frame(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    for frame in batch:
        if id(frame) in walk.running_frames or is_own_frame(frame):
            continue
        code = frame.f_code
        node.note.update(
            function=look.code_name(code),
            line=frame.f_lineno,
            file=code.co_filename,
            module=look.frame_module(frame),
        )
        if frame.f_locals is not frame.f_globals:
            read_names(walk, node, [locals_of(frame, walk.forked)], weight, "=")
        walk.spread(node, ".f_back", (frame.f_back,), weight)


def read_traceback(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    for trace in batch:
        step: types.TracebackType | None = trace
        while step is not None:
            walk.seen.add(id(step))
            frame = step.tb_frame
            if id(frame) not in walk.running_frames:
                walk.spread(node, f"!{look.code_name(frame.f_code)}", (frame,), weight)
            step = step.tb_next


def read_cell(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    for cell in batch:
        try:
            walk.spread(node, ".cell_contents", (cell.cell_contents,), weight)
        except ValueError:
            continue


def read_cache(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    own_dict = look.dict_getter(_CACHE)
    assert own_dict is not None
    for wrapper in batch:
        attributes = own_dict(wrapper)
        function = attributes.get("__wrapped__")
        name, of_self = "<function>", False
        note: dict[str, Any] = {}
        if type(function) is types.FunctionType:
            code = function.__code__
            name = look.function_home(function)[1]
            of_self = code.co_varnames[:1] == ("self",)
            note = {"module": function.__module__, "file": code.co_filename, "line": code.co_firstlineno}
        label = f"@{name}{' (self)' if of_self else ''}"
        for held in gc.get_referents(wrapper):
            if type(held) is dict and held is not attributes and id(held) not in walk.seen:
                limit = _cache_limit(attributes.get("cache_parameters"))
                walk.spread(node, label, (held,), weight)
                cache = walk.child(node, label, walk.kind_of(dict))
                cache.note.update(note)
                if limit is not None:
                    cache.note["bound"] = ["lru_cache maxsize", limit, len(held)]
                # A bounded cache keeps keys and results in links that the collector cannot see into:
                # they are referents of the wrapper itself.
                links = [x for x in gc.get_referents(wrapper) if x is not held and x is not attributes]
                walk.spread(
                    cache, "[*]", [x for x in links if x is not function and type(x) is not type], weight
                )
        read_names(walk, node, [attributes], weight)


def _cache_limit(parameters: Any) -> int | None:
    if type(parameters) is not types.FunctionType or parameters.__module__ != "functools":
        return None
    for name, cell in zip(parameters.__code__.co_freevars, parameters.__closure__ or (), strict=False):
        if name == "maxsize" and type(cell.cell_contents) is int:
            return cell.cell_contents
    return None
