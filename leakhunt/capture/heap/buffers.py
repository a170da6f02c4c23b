"""Reading arrays and tensors: their bytes, the base that a view keeps alive, the objects they hold.

numpy and torch are never imported here: a type is recognised by what is loaded already. Only their
C-level descriptors are used, so subclasses cannot answer with code of their own.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from leakhunt.capture.heap.autograd import Graphs
from leakhunt.capture.heap.sampling import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from leakhunt.capture.heap.walk import Kind, Node, Walk

_ARRAY_HEADER = 112
_TENSOR_HEADER = 100


def _loaded(module: str, name: str, hierarchy: tuple[type, ...]) -> Any:
    found = getattr(sys.modules.get(module), name, None)
    return found if found is not None and any(found is base for base in hierarchy) else None


def array_reader(cls: type, hierarchy: tuple[type, ...], kind: Kind) -> Callable[..., None] | None:
    """Return the reader for numpy arrays, or None when `cls` is none."""
    array = _loaded("numpy", "ndarray", hierarchy)
    if array is None:
        return None
    own = array.__dict__
    nbytes, base_of, dtype_of = own["nbytes"].__get__, own["base"].__get__, own["dtype"].__get__
    size_of, flat_of = own["size"].__get__, own["flat"].__get__

    def size(owner: Any) -> int:
        return _ARRAY_HEADER + (int(nbytes(owner)) if base_of(owner) is None else 0)

    def read(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
        views = []
        for owner in batch:
            length = int(size_of(owner))
            node.length = (node.length or 0.0) + length * weight
            base = base_of(owner)
            if base is not None:
                views.append(base)
            if dtype_of(owner).char == "O":
                node.note["objects"] = True
                step = max(1, length // WHOLE)
                held = flat_of(owner)[::step].tolist() if cls is array else []
                walk.spread(node, "[*]", held, weight * (length / len(held) if held else 1.0))
        if views:
            walk.spread(node, ".base", views, weight)

    def hidden(owner: Any) -> list[Any]:
        base = base_of(owner)
        held = [] if base is None else [base]
        if dtype_of(owner).char == "O" and cls is array:
            held += flat_of(owner)[:].tolist()
        return held

    kind.size, kind.hidden = size, hidden
    return read


def tensor_reader(cls: type, hierarchy: tuple[type, ...], kind: Kind) -> Callable[..., None] | None:
    """Return the reader for torch tensors, or None when `cls` is none."""
    tensor = _loaded("torch._C", "TensorBase", hierarchy) or _loaded("torch._C", "_TensorBase", hierarchy)
    if tensor is None:
        return None
    charged: dict[int, int] = {}
    graphs = Graphs()

    def size(owner: Any) -> int:
        try:
            storage = tensor.untyped_storage(owner)
            # what several tensors share is charged to the first that was asked, each time that it is asked
            if charged.setdefault(storage.data_ptr(), id(owner)) != id(owner):
                return _TENSOR_HEADER
            return _TENSOR_HEADER + int(storage.nbytes())
        except Exception:
            return _TENSOR_HEADER

    def read(walk: Walk, node: Node, batch: list[Any], weight: float) -> None:
        for owner in batch:
            graph = tensor.grad_fn.__get__(owner)
            if graph is not None:
                node.note["grad"] = True
                nodes, saved = graphs.new_below(graph)
                # without the tensors (an older torch) the nodes at least show who holds the graph
                walk.spread(node, ".grad_fn", saved or nodes, weight)
            walk.spread(node, ".grad", (tensor.grad.__get__(owner),), weight)

    def hidden(owner: Any) -> list[Any]:
        graph = tensor.grad_fn.__get__(owner)
        return [] if graph is None else graphs.all_below(graph)

    kind.size, kind.hidden = size, hidden
    return read
