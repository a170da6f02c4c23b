"""What an autograd graph keeps alive: the tensors that its nodes saved for the way back.

Neither the collector nor any attribute of a tensor shows them. torch is never imported here. A tensor
that was packed by a hook is not unpacked: that would run code of the target.
"""

from __future__ import annotations

from typing import Any

#: Nodes that are read for one census; a graph beyond that is seen in part.
_MOST_NODES = 200_000
_PREFIX = "_raw_saved_"


class Graphs:
    """The graphs of one census. Keeps what it made alive, so that no id is used twice."""

    def __init__(self) -> None:
        self._slots: dict[type, list[str]] = {}
        self._left = _MOST_NODES
        self._kept: list[Any] = []
        self._walked: dict[int, Any] = {}
        self._below: dict[int, list[Any]] = {}

    def new_below(self, graph: Any) -> tuple[list[Any], list[Any]]:
        """Return (nodes, saved tensors) of the graph below a tensor that no earlier call returned."""
        return self._follow(graph, self._walked)

    def all_below(self, graph: Any) -> list[Any]:
        """Return every tensor that the graph below a tensor saved."""
        found = self._below.get(id(graph))
        if found is None:
            self._kept.append(graph)
            found = self._below[id(graph)] = self._follow(graph, {})[1]
        return found

    def _follow(self, graph: Any, known: dict[int, Any]) -> tuple[list[Any], list[Any]]:
        nodes: list[Any] = []
        saved: list[Any] = []
        waiting = [graph]
        while waiting and self._left > 0:
            node = waiting.pop()
            if node is None or id(node) in known:
                continue
            known[id(node)] = node
            self._left -= 1
            nodes.append(node)
            waiting += [following for following, _ in node.next_functions]
            saved += self._saved_by(node)
        self._kept += saved
        return nodes, saved

    def _saved_by(self, node: Any) -> list[Any]:
        cls = type(node)
        slots = self._slots.get(cls)
        if slots is None:
            slots = self._slots[cls] = [
                name for base in cls.__mro__ for name in base.__dict__ if name.startswith(_PREFIX)
            ]
            if "variable" in cls.__dict__ and cls.__name__ == "AccumulateGrad":
                slots.append("variable")
        found: list[Any] = []
        for name in slots:
            try:
                value = getattr(node, name)
            except Exception:
                continue  # freed by a backward pass
            found += map(_tensor_of, value) if isinstance(value, (tuple, list)) else [_tensor_of(value)]
        return [tensor for tensor in found if tensor is not None]


def _tensor_of(saved: Any) -> Any:
    """Return the tensor of a saved variable; None when a hook packed it or this torch does not show it."""
    if not hasattr(type(saved), "unpack_hook"):
        return None if hasattr(type(saved), "register_hooks") else saved
    return None if saved.unpack_hook is not None else saved.data
