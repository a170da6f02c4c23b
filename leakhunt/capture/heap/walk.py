"""The forward walk over the heap: what hangs where, keyed by path, with object identity dropped.

All objects that are reached over the same labels and types are one `Node`. Every object is charged
to the first path that reaches it; roots are added in the order in which a person would rather see
them named. Big containers are sampled and scaled. The walk runs no code of the target.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from leakhunt.capture.heap.birthplaces import Birthplaces, Born

#: Strings and bytes from this size on get a path of their own; smaller ones are counted with their holder.
LEAF_PATH_BYTES = 256
#: Attribute or key names that one path may fan out into.
MAX_NAMED_CHILDREN = 160
_BATCH = 2000
_COLLAPSE_LEVELS = 10


class Node:
    """One path of the heap and what was found there."""

    __slots__ = (
        "born",
        "bytes",
        "children",
        "kind",
        "label",
        "leaves",
        "length",
        "note",
        "objects",
        "parent",
        "scaled",
    )

    def __init__(self, parent: Node | None, label: str, kind: Kind) -> None:
        self.parent = parent
        self.label = label
        self.kind = kind
        self.objects = 0.0
        self.length: float | None = None
        self.bytes = 0.0
        self.children: dict[tuple[str, int], Node] = {}
        self.leaves: dict[str, list[float]] = {}
        self.note: dict[str, Any] = {}
        self.scaled = False
        #: what tracemalloc knows the birthplaces of (`Birthplaces`)
        self.born: Born | None = None


class Kind:
    """What is known of a type: its name, how big an instance is and how its edges are read."""

    __slots__ = ("cls", "expand", "gate", "hidden", "ignored", "leaf", "name", "size")

    def __init__(self, cls: type, name: str, size: Callable[[Any], int]) -> None:
        self.cls = cls
        self.name = name
        self.size = size
        self.leaf = False
        self.ignored = False
        #: returns True when the object must not be entered from here (it has a home of its own)
        self.gate: Callable[[Walk, Node, str, Any], bool] | None = None
        self.expand: Callable[[Walk, Node, list[Any], float], None] | None = None
        #: what an instance holds beyond the collector's view (an array's base)
        self.hidden: Callable[[Any], list[Any]] | None = None


Reader = Callable[["Walk", Node, list[Any], float], None]


class Walk:
    """One walk: add roots, `drain`, add more roots, drain again."""

    def __init__(self, learn: Callable[[type], Kind], *, cpu_seconds: float, forked: bool) -> None:
        self._learn = learn
        self.forked = forked
        self.kinds: dict[int, Kind] = {}
        self.seen: set[int] = set()
        self.roots: list[Node] = []
        self.running_frames: set[int] = set()
        #: modules whose namespace has been walked: their functions and classes may be entered anywhere
        self.walked_modules: set[str] = set()
        #: identities of modules that are no roots: they are entered from whatever holds them
        self.anonymous_modules: set[int] = set()
        self.deferred: list[tuple[Node, str, Any]] = []
        self.complete = True
        #: all that the user's own modules, functions and threads reach was walked, whatever else was not
        self.own_complete = True
        #: names of types whose reader failed on an object
        self.unreadable: set[str] = set()
        self.objects = 0
        #: set while an allocation window traces
        self.birthplaces: Birthplaces | None = None
        self._queue: deque[tuple[Node, list[Any], float]] = deque()
        self._deadline = time.thread_time() + cpu_seconds
        self._root_kind = Kind(object, "", lambda _o: 0)

    def kind_of(self, cls: type) -> Kind:
        kind = self.kinds.get(id(cls))
        if kind is None:
            kind = self.kinds[id(cls)] = self._learn(cls)
        return kind

    def root(self, label: str, note: dict[str, Any]) -> Node:
        """Return the root of that label, made on first use."""
        for node in self.roots:
            if node.label == label:
                return node
        node = Node(None, label, self._root_kind)
        node.note.update(note)
        self.roots.append(node)
        return node

    def child(self, parent: Node, label: str, kind: Kind) -> Node:
        """Return the node for an edge; a chain that repeats itself falls back onto its first node."""
        key = (label, id(kind.cls))
        node = parent.children.get(key)
        if node is None:
            ancestor: Node | None = parent
            for _ in range(_COLLAPSE_LEVELS):
                if ancestor is None or ancestor.parent is None:
                    break
                if ancestor.label == label and ancestor.kind is kind:
                    parent.children[key] = ancestor
                    return ancestor
                ancestor = ancestor.parent
            node = parent.children[key] = Node(parent, label, kind)
        return node

    def spread(self, node: Node, label: str, values: Any, weight: float) -> None:
        """Charge objects that hang below `node` over edges of one label, each object once."""
        seen, kinds = self.seen, self.kinds
        groups: dict[int, list[Any]] = {}
        if len(node.children) > MAX_NAMED_CHILDREN and label[0] in ".[" and (label, 0) not in node.children:
            label = "[*]" if label[0] == "[" else ".*"
        for value in values:
            cls = type(value)
            kind = kinds.get(id(cls))
            if kind is None:
                kind = kinds[id(cls)] = self._learn(cls)
            if kind.ignored:
                continue
            if kind.leaf:
                leaves = node.leaves.get(kind.name)
                if leaves is None:
                    leaves = node.leaves[kind.name] = [0.0, 0.0]
                leaves[0] += weight
                identity = id(value)
                if identity in seen:
                    continue
                seen.add(identity)
                size = kind.size(value)
                if size < LEAF_PATH_BYTES or kind.expand is None:
                    leaves[1] += size * weight
                    if self.birthplaces is not None:
                        self._note_birthplaces(node, kind, (value,))
                    continue
                leaves[0] -= weight
            else:
                identity = id(value)
                if identity in seen or (kind.gate is not None and kind.gate(self, node, label, value)):
                    continue
                seen.add(identity)
            group = groups.get(id(cls))
            if group is None:
                groups[id(cls)] = [value]
            else:
                group.append(value)
        for cls_id, group in groups.items():
            target = self.child(node, label, kinds[cls_id])
            target.objects += len(group) * weight
            if weight > 1.0:
                target.scaled = True
            for start in range(0, len(group), _BATCH):
                self._queue.append((target, group[start : start + _BATCH], weight))

    def drain(self) -> None:
        """Walk until everything that was added has been followed or the time is up."""
        queue = self._queue
        while queue:
            node, batch, weight = queue.popleft()
            kind = node.kind
            self.objects += len(batch)
            try:
                node.bytes += sum(map(kind.size, batch)) * weight
                if self.birthplaces is not None:
                    self._note_birthplaces(node, kind, batch)
                if kind.expand is not None:
                    kind.expand(self, node, batch, weight)
            except Exception:
                # one odd object must not end the census: its batch stays unexpanded
                self.unreadable.add(kind.name)
            if time.thread_time() > self._deadline:
                self.complete = False
                queue.clear()

    def _note_birthplaces(self, node: Node, kind: Kind, values: Sequence[Any]) -> None:
        assert self.birthplaces is not None
        if node.born is None:
            node.born = {}
        self.birthplaces.note(node.born, values, kind.size)

    @property
    def out_of_time(self) -> bool:
        return time.thread_time() > self._deadline

    def enter_deferred(self) -> None:
        """Enter functions and classes that nobody reached where they are at home."""
        waiting, self.deferred = self.deferred, []
        for node, label, value in waiting:
            if id(value) in self.seen:
                continue
            gate, kind = None, self.kind_of(type(value))
            gate, kind.gate = kind.gate, None
            try:
                self.spread(node, label, (value,), 1.0)
            finally:
                kind.gate = gate
