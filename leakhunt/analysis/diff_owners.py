"""Which paths of the heap hold more or less in one census than in another of the same program.

The topmost path that changed by itself stands for all below it. Shrinking counts as much as growing.
"""

from __future__ import annotations

from leakhunt.census.format import Census, Row
from leakhunt.census.naming import name_of
from leakhunt.census.noise import noise_of
from leakhunt.findings.difference import OwnerChange

#: Estimates of sampled containers differ by chance: a change below this share of them is none.
_CHANCE = 0.1
_LEAST_BYTES = 64
_MOST = 300
_BUFFERS = frozenset(
    {"str", "bytes", "bytearray", "numpy.ndarray", "torch.Tensor", "array.array", "_io.BytesIO"}
)
#: One path inside a changed one that accounts for this share of the change is what a reader wants to see.
_NEARLY_ALL = 0.8

Pair = tuple[int | None, int | None]


def owner_changes(before: Census, after: Census) -> list[OwnerChange]:
    """Return the paths that changed, the largest change first, what is known to be harmless last."""
    pairs, parents = _paired(before, after)
    inside: dict[str, list[str]] = {}
    for path, above in parents.items():
        inside.setdefault(above, []).append(path)
    found: list[OwnerChange] = []
    covered: set[str] = set()
    for path, pair in pairs.items():
        if parents[path] in covered:
            covered.add(path)
        elif _changed(_row(before, pair[0]), _row(after, pair[1])):
            covered.add(path)
            change = _described(before, after, pairs[_innermost(path, pairs, inside, before, after)])
            if change is not None:
                found.append(change)
    found.sort(key=lambda one: (one.noise is not None, -abs(one.bytes_after - one.bytes_before), one.path))
    return found[:_MOST]


def _paired(before: Census, after: Census) -> tuple[dict[str, Pair], dict[str, str]]:
    """Map each path, parents first, to its rows in both censuses, and to the path above it."""
    pairs: dict[str, Pair] = {}
    parents: dict[str, str] = {}
    for side, census in ((1, after), (0, before)):
        paths: list[str] = []
        for index, row in enumerate(census.rows):
            above = paths[row.parent] if row.parent >= 0 else ""
            path = f"{above}\n{row.label}\t{row.type}"
            paths.append(path)
            parents[path] = above
            known = pairs.get(path, (None, None))
            pairs[path] = (known[0], index) if side else (index, known[1])
    return pairs, parents


def _row(census: Census, index: int | None) -> Row | None:
    return None if index is None else census.rows[index]


def _changed(before: Row | None, after: Row | None) -> bool:
    """Tell whether a path itself, not only what hangs below it, is another than before."""
    if before is None or after is None:
        return True
    if before.length != after.length or (before.type in _BUFFERS and before.bytes != after.bytes):
        return True
    if before.scaled or after.scaled:
        return abs(after.objects - before.objects) > _CHANCE * max(after.objects, before.objects)
    return before.objects != after.objects


def _innermost(
    path: str, pairs: dict[str, Pair], inside: dict[str, list[str]], before: Census, after: Census
) -> str:
    """Follow a change down while one path of as many objects as before accounts for nearly all of it."""
    while True:
        whole = _delta(before, after, pairs[path])
        for below in inside.get(path, ()):
            rows = _row(before, pairs[below][0]), _row(after, pairs[below][1])
            if rows[0] is None or rows[1] is None or rows[0].objects != rows[1].objects:
                continue
            part = _delta(before, after, pairs[below])
            if whole and part / whole >= _NEARLY_ALL and rows[0].length != rows[1].length:
                path = below
                break
        else:
            return path


def _delta(before: Census, after: Census, pair: Pair) -> int:
    then, now = _row(before, pair[0]), _row(after, pair[1])
    return (now.deep if now else 0) - (then.deep if then else 0)


def _described(before: Census, after: Census, pair: Pair) -> OwnerChange | None:
    then, now = _row(before, pair[0]), _row(after, pair[1])
    census, index, row = (after, pair[1], now) if now is not None else (before, pair[0], then)
    assert index is not None
    assert row is not None
    sizes = (then.deep if then else 0, now.deep if now else 0)
    items = (_items(then, row), _items(now, row))
    if abs(sizes[1] - sizes[0]) < _LEAST_BYTES and items[0] == items[1]:
        return None
    name = name_of(census.chain(index))
    return OwnerChange(name.path or row.label, row.type, *items, *sizes, noise=noise_of(name.key))


def _items(row: Row | None, known: Row) -> int | None:
    """Items of a container; how many there are of anything else."""
    if known.length is None or known.type in _BUFFERS:
        return row.objects if row is not None else 0
    return row.length if row is not None else 0
