"""Where the objects of a census were allocated, as far as tracemalloc traced them.

While an allocation window traces, the copy that takes the census inherits the traces: every object that was
made since the window opened is charged to its traceback, at the path that holds it. Only in the copy; runs no
code of the target.
"""

from __future__ import annotations

from _tracemalloc import _get_object_traceback
from collections.abc import Callable, Iterable
from typing import Any

#: Tracebacks kept, most bytes first.
_MOST_STACKS = 400
#: What nobody reaches is held by cycles or by native code.
CYCLES, NATIVE = "cycles", "native"

Stack = tuple[tuple[str, int], ...]
#: Number of a stack -> [objects, bytes].
Born = dict[int, list[int]]


class Birthplaces:
    """What was born since the window opened, by path and by traceback (innermost frame first)."""

    def __init__(self) -> None:
        self._numbers: dict[Stack, int] = {}
        self._bytes: list[int] = []
        self.unreached: dict[str, Born] = {CYCLES: {}, NATIVE: {}}

    def note(self, born: Born, values: Iterable[Any], size: Callable[[Any], int]) -> None:
        """Charge those of `values` that are traced to their tracebacks, in `born`."""
        for value in values:
            stack: Any = _get_object_traceback(value)
            if stack is None:
                continue
            number = self._numbers.get(stack)
            if number is None:
                number = self._numbers[stack] = len(self._bytes)
                self._bytes.append(0)
            taken = size(value)
            self._bytes[number] += taken
            entry = born.get(number)
            if entry is None:
                born[number] = [1, taken]
            else:
                entry[0] += 1
                entry[1] += taken

    def stacks(self) -> dict[int, list[tuple[str, int]]]:
        """Return number -> (file, line) per frame of the stacks with the most bytes."""
        ranked = sorted(self._numbers.items(), key=lambda item: -self._bytes[item[1]])
        return {number: list(stack) for stack, number in ranked[:_MOST_STACKS]}
