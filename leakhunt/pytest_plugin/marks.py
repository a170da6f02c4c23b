"""Reads what the markers and the fixture are given: numbers with units, or a clear word about what is wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.repeat.subject import MAX_SECONDS, Bounds
from leakhunt.units import parse_bytes, parse_seconds

#: Fewer calls than this cannot tell growth from a first time.
FEWEST_ITERATIONS = 12
#: A body that is swept is not given as long as one that is marked.
SWEEP = Bounds(max_seconds=5.0, look_seconds=0.03)


class MarkError(LeakhuntError):
    """A marker or an argument that says nothing that could be done."""

    def __init__(self, message: str) -> None:
        super().__init__(message, slug="test-marker")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a repetition, and whether `cannot-tell` fails it."""

    bounds: Bounds
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """The most memory that the body of a test may take, in bytes."""

    peak: int


def wish_of(
    where: str,
    iterations: object = "auto",
    tolerance: object = None,
    max_seconds: object = MAX_SECONDS,
    strict: object = False,
) -> Wish:
    """Return what is asked for. Raises MarkError, which begins with `where`."""
    count: int | None = None
    if iterations != "auto":
        if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < FEWEST_ITERATIONS:
            raise MarkError(
                f'{where}: iterations is {iterations!r}: write "auto" or a whole number of at least '
                f"{FEWEST_ITERATIONS}"
            )
        count = iterations
    allowed = None if tolerance is None else float(_size(where, "tolerance", tolerance))
    if not isinstance(strict, bool):
        raise MarkError(f"{where}: strict is {strict!r}: write True or False")
    return Wish(Bounds(allowed, count, _seconds(where, max_seconds)), strict)


def wish_of_mark(mark: pytest.Mark) -> Wish:
    """Return what a `no_growth` marker asks for."""
    known = ("iterations", "tolerance", "max_seconds", "strict")
    return wish_of("no_growth", **_named("no_growth", mark, known))


def budget_of_mark(mark: pytest.Mark) -> Budget:
    """Return the budget of a `memory_budget` marker."""
    given = _named("memory_budget", mark, ("peak",))
    if "peak" not in given:
        raise MarkError('memory_budget needs a size: write @pytest.mark.memory_budget(peak="50 MB")')
    return Budget(_size("memory_budget", "peak", given["peak"]))


def _named(where: str, mark: pytest.Mark, known: tuple[str, ...]) -> dict[str, Any]:
    given = dict(mark.kwargs)
    if len(mark.args) > len(known):
        raise MarkError(f"{where} takes {', '.join(known)}; {len(mark.args)} values were given")
    for name, value in zip(known, mark.args, strict=False):
        if name in given:
            raise MarkError(f"{where}: {name} is given twice")
        given[name] = value
    unknown = [name for name in given if name not in known]
    if unknown:
        raise MarkError(f"{where} knows no {unknown[0]!r}: it takes {', '.join(known)}")
    return given


def _size(where: str, name: str, value: object) -> int:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        size = int(value)
    else:
        try:
            size = parse_bytes(value) if isinstance(value, str) else -1
        except ValueError:
            size = -1
    if size < 0:
        raise MarkError(f'{where}: {name} is {value!r}: write a size, as in {name}="64 B" or "50 MB"')
    return size


def _seconds(where: str, value: object) -> float:
    seconds = -1.0
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        seconds = float(value)
    elif isinstance(value, str):
        try:
            seconds = parse_seconds(value)
        except ValueError:
            seconds = -1.0
    if seconds <= 0:
        raise MarkError(f'{where}: max_seconds is {value!r}: write seconds, as in 10 or "30s"')
    return seconds
