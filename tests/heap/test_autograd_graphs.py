"""What an autograd graph keeps alive is read node by node, without unpacking what a hook has packed."""

from __future__ import annotations

from typing import Any

from leakhunt.capture.heap.autograd import Graphs


class Saved:
    """As torch's SavedTensor."""

    def __init__(self, data: Any, unpack_hook: Any = None) -> None:
        self._data, self._hook = data, unpack_hook

    def register_hooks(self) -> None: ...

    @property
    def unpack_hook(self) -> Any:
        return self._hook

    @property
    def data(self) -> Any:
        assert self._hook is None, "data of a hook was asked for"
        return self._data


class OldSaved:
    def register_hooks(self) -> None: ...


class Node:
    """As a node of a graph; `saved` stands for what the generated getters of torch return."""

    def __init__(self, *following: Node | None, saved: Any = None) -> None:
        self.next_functions = tuple((node, 0) for node in following)
        self.saved = saved

    @property
    def _raw_saved_self(self) -> Any:
        if isinstance(self.saved, Exception):
            raise self.saved
        return self.saved


def test_every_saved_tensor_of_the_graph_is_found() -> None:
    deepest = Node(None, saved=Saved("first batch"))
    top = Node(Node(deepest, saved=Saved("second batch")), deepest, saved=[Saved("a"), Saved("b")])

    nodes, saved = Graphs().new_below(top)

    assert len(nodes) == 3
    assert sorted(saved) == ["a", "b", "first batch", "second batch"]


def test_a_part_that_two_tensors_share_is_new_only_once() -> None:
    graphs = Graphs()
    shared = Node(saved=Saved("batch"))
    graphs.new_below(shared)

    nodes, saved = graphs.new_below(Node(shared, saved=Saved("newer batch")))

    assert (len(nodes), saved) == (1, ["newer batch"])
    assert sorted(graphs.all_below(Node(shared, saved=Saved("newer batch")))) == ["batch", "newer batch"]


def test_a_tensor_that_a_hook_packed_is_left_alone() -> None:
    _, saved = Graphs().new_below(Node(saved=Saved(("packed", 1), unpack_hook=lambda packed: 1 / 0)))

    assert saved == []


def test_a_graph_that_was_freed_holds_nothing() -> None:
    assert Graphs().new_below(Node(saved=RuntimeError("freed")))[1] == []
    assert Graphs().new_below(Node(saved=Saved(None)))[1] == []


def test_an_older_torch_shows_the_nodes_only() -> None:
    nodes, saved = Graphs().new_below(Node(saved=OldSaved()))

    assert (len(nodes), saved) == (1, [])
