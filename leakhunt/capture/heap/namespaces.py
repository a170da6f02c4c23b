"""Reading what is held by name: instance dicts, slots and local variables.

An instance's dict is read through the C descriptor of its type; a `__dict__` of the program's own
making is never asked. One path per name, however many instances there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from leakhunt.capture.heap import inspection as look
from leakhunt.capture.heap.walk import Node, Reader, Walk

#: An instance with more attributes than this is shown as holding a dict.
MAX_ATTRIBUTES = 64
_QUEUES = frozenset({"queue.Queue", "queue.LifoQueue", "queue.PriorityQueue", "asyncio.queues.Queue"})


def read_names(walk: Walk, node: Node, namespaces: list[Any], weight: float, prefix: str = ".") -> None:
    """Charge the values of namespaces (instance dicts, locals) to one path per name."""
    named: dict[str, list[Any]] = {}
    for namespace in namespaces:
        if dict.__len__(namespace) > MAX_ATTRIBUTES and prefix == ".":
            walk.spread(node, ".__dict__", [namespace], weight)
            continue
        for name, value in list(dict.items(namespace)):
            if type(name) is not str:
                name = "*"
            elif name.startswith(("__leakhunt", "_leakhunt")):
                continue
            held = named.get(name)
            if held is None:
                named[name] = [value]
            else:
                held.append(value)
    for name, values in named.items():
        walk.spread(node, prefix + name, values, weight)


def read_attributes(getter: Callable[[Any], Any]) -> Reader:
    def read(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
        namespaces = []
        for owner in batch:
            namespace = getter(owner)
            if type(namespace) is dict and id(namespace) not in walk.seen:
                if dict.__len__(namespace) <= MAX_ATTRIBUTES:
                    walk.seen.add(id(namespace))
                    node.bytes += (dict.__sizeof__(namespace) + look.GC_HEADER) * weight
                namespaces.append(namespace)
                if node.kind.name in _QUEUES:
                    _note_limit(node, namespace)
        read_names(walk, node, namespaces, weight)

    return read


def _note_limit(node: Node, namespace: dict[str, Any]) -> None:
    limit = namespace.get("maxsize", namespace.get("_maxsize"))
    held: Any = namespace.get("queue", namespace.get("_queue"))
    if type(limit) is int and limit > 0 and type(held) in (deque, list):
        node.note["bound"] = ["queue maxsize", limit, len(held)]


def read_slots(getters: list[tuple[str, Callable[[Any], Any]]]) -> Reader:
    def read(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
        for name, get in getters:
            values = []
            for owner in batch:
                try:
                    values.append(get(owner))
                except AttributeError:
                    continue
            if values:
                walk.spread(node, "." + name, values, weight)

    return read
