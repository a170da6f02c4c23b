"""How the edges of each type are read, with the label a person would recognise.

One reader per builtin type; instances of Python classes are read through their C-level `__dict__`
and slot descriptors; everything else through `gc.get_referents`, unlabelled. No reader runs code of
the target. Labels: `.name` attribute, `['k']` key, `[*]` element, `<keys>`, `=x` local of the frame,
`~g` generator, `^x of f` closure variable, `?x of f` default argument, `@f` cache, `!f` traceback frame.
"""

from __future__ import annotations

import functools
import gc
import threading
import types
from collections import deque
from contextvars import Context, ContextVar
from typing import Any

from leakhunt.capture.heap import inspection as look
from leakhunt.capture.heap.buffers import array_reader, tensor_reader
from leakhunt.capture.heap.code_edges import (
    read_cache,
    read_cell,
    read_frame,
    read_function,
    read_suspended,
    read_traceback,
)
from leakhunt.capture.heap.homes import class_gate, function_gate, module_gate
from leakhunt.capture.heap.namespaces import read_attributes, read_names, read_slots
from leakhunt.capture.heap.sampling import SEARCHED, WHOLE, outstanding, sample_iterable, sample_list
from leakhunt.capture.heap.walk import Kind, Node, Reader, Walk

#: Dicts up to this many string keys get one path per key.
LITERAL_KEYS = 64
_LOCAL = threading.local
_CACHE = functools._lru_cache_wrapper


def _scaled(walk: Walk, node: Node, label: str, chosen: list[Any], length: int, weight: float) -> None:
    factor = length / len(chosen) if len(chosen) < length else 1.0
    if factor > 1.0:
        node.scaled = True
    walk.spread(node, label, chosen, weight * factor)


def _add_length(node: Node, length: float) -> None:
    node.length = (node.length or 0.0) + length


def _read_sequence(base: Any) -> Reader:
    measure = base.__len__

    def read(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
        together: list[Any] = []
        for owner in batch:
            length = measure(owner)
            _add_length(node, length * weight)
            if length <= WHOLE:
                together += sample_list(owner, length, base)
                continue
            if length <= SEARCHED:
                walk.spread(node, "[*]", outstanding(base.__getitem__(owner, slice(None))), weight)
            _scaled(walk, node, "[*]", sample_list(owner, length, base), length, weight)
        if together:
            walk.spread(node, "[*]", together, weight)

    return read


def _read_iterable(base: Any) -> Reader:
    measure, iterate = base.__len__, base.__iter__
    backwards = base.__reversed__ if base is deque else None

    def read(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
        for owner in batch:
            length = measure(owner)
            _add_length(node, length * weight)
            if base is deque:
                limit = deque.maxlen.__get__(owner)
                if limit is not None:
                    node.note["bound"] = ["deque maxlen", limit, length]
            if length:
                newest = backwards(owner) if backwards is not None else None
                _scaled(walk, node, "[*]", sample_iterable(iterate(owner), length, newest), length, weight)

    return read


def _read_dict(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    named: dict[str, list[Any]] = {}
    for owner in batch:
        length = dict.__len__(owner)
        _add_length(node, length * weight)
        if not length:
            continue
        if length <= LITERAL_KEYS and all(type(key) is str for key in dict.__iter__(owner)):
            for key, value in list(dict.items(owner)):
                held = named.get(key)
                if held is None:
                    named[key] = [value]
                else:
                    held.append(value)
            continue
        newest = reversed(dict.items(owner)) if type(owner) is dict else None
        chosen = sample_iterable(dict.items(owner), length, newest)
        if type(chosen[-1][0]) is str:
            node.note["str-keys"] = True
        if WHOLE < length <= SEARCHED:
            walk.spread(node, "[*]", outstanding(list(dict.values(owner))), weight)
        _scaled(walk, node, "[*]", [value for _, value in chosen], length, weight)
        _scaled(walk, node, "<keys>", [key for key, _ in chosen], length, weight)
    for key, values in named.items():
        walk.spread(node, f"[{key!r}]", values, weight)


def _read_class(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    for cls in batch:
        for name, value in list(look.vars_of(cls).items()):
            if name not in ("__dict__", "__weakref__", "__doc__") and type(name) is str:
                walk.spread(node, "." + name, (value,), weight)


def _read_members(cls: type, *names: str) -> Reader:
    """A reader for a C type whose references are plain members."""
    getters = [(name, look.vars_of(cls)[name].__get__) for name in names]

    def read(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
        for name, get in getters:
            walk.spread(node, "." + name, [get(owner) for owner in batch], weight)

    return read


def _read_exception(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    for name in ("args", "__traceback__", "__cause__", "__context__"):
        get = BaseException.__dict__[name].__get__
        walk.spread(node, "." + name, [get(owner) for owner in batch], weight)


def _read_thread_local(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    for owner in batch:
        stack = [held for held in gc.get_referents(owner) if type(held) is dict]
        for outer in stack:
            walk.seen.add(id(outer))
            for key, namespace in list(dict.items(outer)):
                if type(key) is not str and type(namespace) is dict:
                    read_names(walk, node, [namespace], weight, ".")
        # with __slots__ or an older interpreter the namespaces may hang off the thread's own dict
        read_names(
            walk, node, [d for d in stack if all(type(k) is str for k in dict.__iter__(d))], weight, "."
        )


def _read_context(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    for context in batch:
        for variable, value in list(context.items()):
            walk.spread(node, "$" + variable.name, (value,), weight)


def read_referents(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    """Follow what the collector sees of a type that nothing else is known of; edges have no names."""
    held: list[Any] = []
    for owner in batch:
        cls = type(owner)
        held += [x for x in gc.get_referents(owner) if x is not cls]
        if len(held) > WHOLE * 8:
            _scaled(walk, node, "->", sample_list(held, len(held), list), len(held), weight)
            held = []
    if held:
        walk.spread(node, "->", held, weight)


def _read_text(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
    cls: Any = node.kind.cls
    measure = cls.__len__
    for owner in batch:
        _add_length(node, measure(owner) * weight)


_IGNORED = {
    id(cls)
    for cls in (
        type(None),
        bool,
        type(Ellipsis),
        type(NotImplemented),
        types.CodeType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
        types.MethodDescriptorType,
        types.WrapperDescriptorType,
        types.ClassMethodDescriptorType,
        ContextVar,
    )
}
# Keyed by id: hashing or comparing a class would run its metaclass.
_LEAVES: dict[int, Reader | None] = {
    id(int): None,
    id(float): None,
    id(complex): None,
    id(str): _read_text,
    id(bytes): _read_text,
}
_EXACT: dict[int, Reader] = {
    id(types.FunctionType): read_function,
    id(types.MethodType): _read_members(types.MethodType, "__self__", "__func__"),
    id(types.GeneratorType): read_suspended("gi_frame", "gi_yieldfrom"),
    id(types.CoroutineType): read_suspended("cr_frame", "cr_await"),
    id(types.AsyncGeneratorType): read_suspended("ag_frame", "ag_await"),
    id(types.FrameType): read_frame,
    id(types.TracebackType): read_traceback,
    id(types.CellType): read_cell,
    id(_CACHE): read_cache,
    id(Context): _read_context,
    id(bytearray): _read_text,
}
#: In this order: a subclass of several is read by the first that fits.
_CONTENT: tuple[tuple[type, Reader], ...] = (
    (dict, _read_dict),
    (list, _read_sequence(list)),
    (tuple, _read_sequence(tuple)),
    (set, _read_iterable(set)),
    (frozenset, _read_iterable(frozenset)),
    (deque, _read_iterable(deque)),
    (type, _read_class),
    (BaseException, _read_exception),
    (_LOCAL, _read_thread_local),
    (functools.partial, _read_members(functools.partial, "func", "args", "keywords")),
    (types.ModuleType, read_attributes(look.module_dict)),
)


def learn(cls: type) -> Kind:
    """Return how instances of `cls` are read."""
    kind = Kind(cls, look.type_name(cls), look.shallow_sizer(cls))
    module = look.type_module(cls)
    if id(cls) in _IGNORED or (module or "").partition(".")[0] == "leakhunt":
        kind.ignored = True
        return kind
    hierarchy = look.mro_of(cls)
    if any(base is types.ModuleType for base in hierarchy):
        kind.gate = module_gate
    elif any(base is type for base in hierarchy):
        kind.gate = class_gate
    elif cls is types.FunctionType:
        kind.gate = function_gate
    if id(cls) in _LEAVES:
        kind.leaf = True
        kind.expand = _LEAVES[id(cls)]
        return kind
    kind.expand = _EXACT.get(id(cls)) or _compose(cls, hierarchy, kind)
    return kind


def _compose(cls: type, hierarchy: tuple[type, ...], kind: Kind) -> Reader | None:
    readers: list[Reader] = []
    names_known = False
    for base, reader in _CONTENT:
        if any(base is ancestor for ancestor in hierarchy):
            readers.append(reader)
            names_known = True
            break
    else:
        special = array_reader(cls, hierarchy, kind) or tensor_reader(cls, hierarchy, kind)
        if special is not None:
            readers.append(special)
            names_known = True
    slots = look.slot_getters(cls)
    if slots:
        readers.insert(0, read_slots(slots))
    getter = look.dict_getter(cls)
    if getter is not None and not any(base is type or base is _LOCAL for base in hierarchy):
        readers.insert(0, read_attributes(getter))
    if not names_known and look.has_hidden_fields(cls):
        readers.append(read_referents)
    if len(readers) < 2:
        return readers[0] if readers else None

    def read(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
        for reader in readers:
            reader(walk, node, batch, weight)

    return read
