"""Which elements of a big container are entered: all of a small one, a stratified few of a large one.

The newest elements (the end) are always among them, because a leak's fresh objects are there. The
choice depends on the length alone, so that two censuses of an unchanged container enter the same
elements. Nothing here looks into an element.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

#: Containers up to this length are entered whole.
WHOLE = 512
_FIRST, _SPREAD, _LAST = 16, 176, 64
#: Containers up to this length are searched for elements that stand out.
SEARCHED = 200_000
_OUTSTANDING = 32
_SIZED = {id(cls) for cls in (list, dict, set, tuple, deque, bytearray, str, bytes)}


def sample_list(elements: list[T] | tuple[T, ...], length: int, read: Any) -> list[T]:
    """Return the chosen elements of a list or tuple; `read` is the exact builtin type to read it by."""
    if length <= WHOLE:
        return list(read.__getitem__(elements, slice(None)))
    step = max(1, (length - _FIRST - _LAST) // _SPREAD)
    get = read.__getitem__
    chosen: list[T] = []
    chosen += get(elements, slice(0, _FIRST))
    chosen += get(elements, slice(_FIRST, length - _LAST, step))
    chosen += get(elements, slice(length - _LAST, length))
    return chosen


def outstanding(elements: Sequence[Any]) -> list[Any]:
    """Return the few built-in containers among many elements that are far longer than the rest.

    A sample would miss the one list that grows among thousands that do not.
    """
    sized = [element for element in elements if id(type(element)) in _SIZED]
    if not sized:
        return []
    lengths = list(map(len, sized))
    usual = 4 * sum(lengths) / len(lengths)
    longest = nlargest(_OUTSTANDING, range(len(sized)), key=lengths.__getitem__)
    return [sized[at] for at in longest if lengths[at] > usual]


def sample_iterable(elements: Iterable[T], length: int, newest: Iterator[T] | None = None) -> list[T]:
    """Return the chosen elements of a container that can only be iterated; `newest` runs backwards."""
    if length <= WHOLE:
        return list(elements)
    last = list(islice(newest, _LAST)) if newest is not None else []
    step = max(1, (length - len(last)) // (_FIRST + _SPREAD))
    return list(islice(elements, 0, length - len(last), step)) + last
