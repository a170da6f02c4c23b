"""What accumulates below a growing path: its contents by type, and tags that advice keys on.

Reads rows of a census; decides nothing.
"""

from __future__ import annotations

from leakhunt.census.format import Census, Row

_BY_TYPE = {
    "numpy.ndarray": "numpy",
    "torch.Tensor": "torch-tensor",
    "torch.nn.parameter.Parameter": "torch-tensor",
    "pandas.core.frame.DataFrame": "dataframe",
    "pandas.core.series.Series": "dataframe",
    "traceback": "traceback",
    "generator": "generator",
    "coroutine": "coroutine",
    "_asyncio.Task": "coroutine",
    "threading.Thread": "thread",
    "matplotlib.figure.Figure": "figure",
    "frame": "frame",
}
_RECORDS = ("dict", "tuple")


def subtree(census: Census, index: int) -> list[int]:
    """Return the rows at and below `index` (parents come first in a census)."""
    inside = {index}
    found = [index]
    for position in range(index + 1, len(census.rows)):
        if census.rows[position].parent in inside:
            inside.add(position)
            found.append(position)
    return found


def contents_of(census: Census, index: int, most: int = 5) -> list[tuple[str, int, int]]:
    """Return (type, count, bytes) of what hangs below a path, the heaviest first."""
    totals: dict[str, list[int]] = {}

    def add(kind: str, count: int, size: int) -> None:
        entry = totals.setdefault(kind, [0, 0])
        entry[0] += count
        entry[1] += size

    top = census.rows[index]
    for position in subtree(census, index):
        row = census.rows[position]
        if position != index or row.objects > 1:
            add(row.type, row.objects, row.bytes)
        for kind, (count, size) in row.leaves.items():
            add(kind, count, size)
    if not totals:
        add(top.type, top.objects, top.bytes)
    ranked = sorted(totals.items(), key=lambda item: -item[1][1])
    return [(kind, int(count), int(size)) for kind, (count, size) in ranked[:most]]


def kinds_of(census: Census, index: int) -> dict[str, int]:
    """Return how many objects of each type hang below a path."""
    counted: dict[str, int] = {}
    for position in subtree(census, index):
        row = census.rows[position]
        if position != index or row.objects > 1:
            counted[row.type] = counted.get(row.type, 0) + row.objects
        for kind, (count, _) in row.leaves.items():
            counted[kind] = counted.get(kind, 0) + count
    return counted


def tags_of(census: Census, index: int) -> frozenset[str]:
    """Return what is special about a growing path and its contents."""
    top = census.rows[index]
    tags: set[str] = set()
    for position in subtree(census, index):
        row = census.rows[position]
        tag = _BY_TYPE.get(row.type)
        if tag:
            tags.add(tag)
        if row.note.get("grad"):
            tags.add("torch-grad")
        if row.note.get("objects"):
            tags.add("object-array")
        if row.label in (".args", ".__traceback__"):
            tags.add("exception")
        if position != index and row.type == "type" and row.objects > 2:
            tags.add("class-per-iteration")
        if row.parent == index and row.label == "[*]" and _is_record(row):
            tags.add("results-dicts")
    if top.note.get("str-keys") or (top.type == "dict" and "str" in top.leaves and top.length == 0):
        tags.add("str-keys")
    _holder_tags(census, index, tags)
    return frozenset(tags)


def _is_record(row: Row) -> bool:
    return row.type in _RECORDS and row.objects > 1


def _holder_tags(census: Census, index: int, tags: set[str]) -> None:
    for row in census.chain(index):
        if row.label.startswith("@"):
            tags.add("lru_cache")
            if row.label.endswith("(self)"):
                tags.add("lru_cache-self")
        if row.label == ".handlers" and census.rows[row.parent].type.startswith("logging."):
            tags.add("logging-handlers")
        if row.label.startswith("thread "):
            tags.add("thread")
        if row.label == ".figs" or row.type.startswith("matplotlib.figure"):
            tags.add("figure")
