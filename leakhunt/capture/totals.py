"""How many turns an iterator still has, where asking runs no code of the user.

Only exact builtin iterators are asked, and what wraps them (enumerate, zip, map, tqdm).
"""

from __future__ import annotations

import sys

# The target may replace a builtin: we keep what Python came with.
from builtins import (  # noqa: UP029
    TypeError,
    bool,
    enumerate,
    getattr,
    int,
    isinstance,
    iter,
    map,
    min,
    object,
    reversed,
    type,
    zip,
)
from itertools import count, cycle, repeat
from operator import length_hint
from types import GeneratorType
from typing import Any

_EMPTY: dict[Any, Any] = {}
#: Iterators whose length hint is exact, runs no user code, and which may be asked again at their end.
EXACT = frozenset(
    type(iterator)
    for iterator in (
        iter([]), iter(()), iter(range(0)), iter(range(1 << 70, 1 << 71)), iter(""), iter("\u1234"),
        iter(b""), iter(bytearray()), iter(set()), iter(_EMPTY), iter(_EMPTY.values()), iter(_EMPTY.items()),
        reversed([]), reversed(_EMPTY), reversed(_EMPTY.values()), reversed(_EMPTY.items()),
    )
)  # fmt: skip
#: Iterators that answer a further `next` after their end by ending again, without running user code.
ENDS_QUIETLY = EXACT | {GeneratorType}
_ENDLESS = (count, cycle)
_UNKNOWN = None
_DEPTH = 4


def total_of(iterator: Any, depth: int = _DEPTH) -> int | None:
    """Return the number of turns left in `iterator`, or None where it cannot be known safely."""
    kind = type(iterator)
    if kind in EXACT:
        return length_hint(iterator)
    if depth <= 0:
        return _UNKNOWN
    if kind is enumerate:
        return total_of(iterator.__reduce__()[1][0], depth - 1)
    if kind is zip:
        return _shortest(iterator.__reduce__()[1], depth)
    if kind is map:
        return _shortest(iterator.__reduce__()[1][1:], depth)
    if kind is reversed:
        return _UNKNOWN
    if kind is GeneratorType:
        return _total_of_progress_bar(iterator)
    return _UNKNOWN


def _shortest(iterators: Any, depth: int) -> int | None:
    totals = []
    for iterator in iterators:
        if type(iterator) in _ENDLESS or (type(iterator) is repeat and _is_endless(iterator)):
            continue
        total = total_of(iterator, depth - 1)
        if total is None:
            return _UNKNOWN
        totals.append(total)
    return min(totals) if totals else _UNKNOWN


def _is_endless(iterator: Any) -> bool:
    try:
        length_hint(iterator)
    except TypeError:
        return True
    return False


def _total_of_progress_bar(generator: Any) -> int | None:
    """Return the total that tqdm was given or found: its generator's frame knows the bar."""
    code = generator.gi_code
    if code.co_name != "__iter__" or "tqdm" not in code.co_filename:
        return _UNKNOWN
    tqdm = sys.modules.get("tqdm.std")
    bar_type = getattr(tqdm, "tqdm", None)
    frame = generator.gi_frame
    if bar_type is None or frame is None:
        return _UNKNOWN
    bar = frame.f_locals.get("self")
    if not isinstance(bar, bar_type):
        return _UNKNOWN
    total = object.__getattribute__(bar, "__dict__").get("total")
    return total if type(total) is int and total >= 0 else _UNKNOWN
