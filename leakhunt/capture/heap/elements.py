"""Has pympler, where the target can import it, size the newest items of a suspect: a second opinion.

Only in the forked copy, and only plain data: of any other object pympler reads attributes, which may
run the program's own code. It counts what an item shares with others too; the census does not.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from importlib import import_module
from itertools import islice
from typing import Any

#: Items sized per suspect.
_ITEMS = 5
#: Levels below an item that are looked at, and objects per level, before it passes as plain data.
_LEVELS = 3
_MOST = 200
_SCALARS = frozenset({int, float, complex, bool, str, bytes, bytearray, type(None)})


def newest_items(container: object) -> list[Any]:
    """Return the last few items of a container that keeps an order; values, for a mapping."""
    # Not isinstance: that asks the object for its __class__, which may be the program's code.
    kind = type(container)
    found: Any = container
    if issubclass(kind, OrderedDict):
        return list(islice(reversed(OrderedDict.values(found)), _ITEMS))
    if issubclass(kind, dict):
        return list(islice(reversed(dict.values(found)), _ITEMS))
    if issubclass(kind, list):
        return list.__getitem__(found, slice(-_ITEMS, None))
    if issubclass(kind, tuple):
        return list(tuple.__getitem__(found, slice(-_ITEMS, None)))
    if issubclass(kind, deque):
        return list(islice(deque.__reversed__(found), _ITEMS))
    return []


def is_plain(item: Any, levels: int = _LEVELS) -> bool:
    """Return whether `item` is made of built-in types and numpy arrays only, as far as it is looked at."""
    kind = type(item)
    if kind in _SCALARS:
        return True
    if kind.__module__ == "numpy" and kind.__name__ in ("ndarray", "float64", "float32", "int64", "int32"):
        return kind.__name__ != "ndarray" or item.dtype.kind != "O"
    if levels == 0:
        return False
    if kind is dict:
        held = [*islice(item.keys(), _MOST), *islice(item.values(), _MOST)]
    elif kind in (list, tuple, set, frozenset):
        held = list(islice(item, _MOST))
    else:
        return False
    return all(is_plain(each, levels - 1) for each in held)


def sized_by_pympler(owners: dict[str, Any]) -> dict[str, list[int]]:
    """Return key -> [items sized, bytes of one on average] for suspects with items; empty without pympler."""
    try:
        size: Callable[[object], int] = import_module("pympler.asizeof").asizeof
    except Exception:
        return {}
    sizes = {}
    for key, owner in owners.items():
        items = [item for item in newest_items(owner) if is_plain(item)]
        if items:
            try:
                sizes[key] = [len(items), round(sum(size(item) for item in items) / len(items))]
            except Exception:
                continue
    return sizes
