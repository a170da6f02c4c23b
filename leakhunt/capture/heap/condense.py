"""From walked nodes to the rows of a census: small, parents first, without what cannot matter.

Paths in other people's modules that hold next to nothing are folded into the path above them; their
bytes stay counted. Nothing here decides what grows.
"""

from __future__ import annotations

from leakhunt.capture.heap.walk import Node, Walk
from leakhunt.census.format import Row, add_births

_MOST_ROWS = 9000
_LIBRARY_WEIGHT = 16
_USER_WEIGHT = 1


def rows_of(walk: Walk) -> list[Row]:
    """Return the rows of a finished walk."""
    factor = 1
    while True:
        rows: list[Row] = []
        for root in walk.roots:
            least = (_USER_WEIGHT if root.note.get("user") else _LIBRARY_WEIGHT) * factor
            _emit(root, -1, _kept(root, least), rows)
        if len(rows) <= _MOST_ROWS or factor > 4**8:
            return rows
        factor *= 4


def _kept(root: Node, least: int) -> set[int]:
    """Ids of the nodes that are worth a row, with everything above them."""
    kept: set[int] = {id(root)}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if _weight(node) >= least:
            above: Node | None = node
            while above is not None and id(above) not in kept:
                kept.add(id(above))
                above = above.parent
        waiting += [child for child in node.children.values() if child.parent is node]
    return kept


def _weight(node: Node) -> float:
    return max(node.objects, node.length or 0.0, node.bytes / 256)


def _emit(root: Node, parent: int, kept: set[int], rows: list[Row]) -> None:
    waiting: list[tuple[Node, int]] = [(root, parent)]
    while waiting:
        node, above = waiting.pop()
        if id(node) not in kept:
            _fold(node, rows[above])
            index = above
        else:
            index = len(rows)
            rows.append(
                Row(
                    above,
                    node.label,
                    node.kind.name,
                    round(node.objects),
                    None if node.length is None else round(node.length),
                    round(node.bytes),
                    {kind: [round(n), round(size)] for kind, (n, size) in node.leaves.items()},
                    node.note,
                    node.scaled,
                    born=dict(node.born or {}),
                )
            )
        waiting += [(child, index) for child in node.children.values() if child.parent is node]


def _fold(node: Node, row: Row) -> None:
    """Count a dropped path with the row above it."""
    leaves = row.leaves.setdefault(node.kind.name, [0, 0])
    leaves[0] += round(node.objects)
    leaves[1] += round(node.bytes)
    for kind, (count, size) in node.leaves.items():
        entry = row.leaves.setdefault(kind, [0, 0])
        entry[0] += round(count)
        entry[1] += round(size)
    if node.born:
        add_births(row.born, node.born)
