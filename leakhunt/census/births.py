"""Where what hangs below a path was allocated, as the census at the end of a traced window knew it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from leakhunt.census.format import Census, Row, add_births

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Birthplace:
    """Where objects below a path were allocated while a window was open: (file, line), innermost first."""

    stack: list[tuple[str, int]]
    objects: int
    bytes: int


def births_below(
    index: int, rows: Sequence[Row | None], censuses: Sequence[Census]
) -> tuple[list[Birthplace], int]:
    """Return where what hangs below a path was allocated, and in how many turns, as the last window saw it.

    `index` is its row in the last census, `rows` its rows in all of them. A path that was not there yet (`run_7`)
    has the places of those that were and differ from it in a number only (`run_2`).
    """
    for census, row in zip(reversed(censuses), reversed(rows), strict=True):
        if census.born_since is None:
            continue
        born = row.born_below if row is not None else _of_its_like(censuses[-1], index, census)
        if born:
            return _places(census, born), census.turns - census.born_since
    return [], 0


def _of_its_like(last: Census, index: int, census: Census) -> dict[int, list[int]]:
    row, born = last.rows[index], dict[int, list[int]]()
    like = _NUMBER.sub("*", row.label)
    if row.parent < 0 or like == row.label:
        return born
    above = index_by_path(census).get(paths_of(last)[row.parent])
    for other in census.rows:
        if other.parent == above and other.type == row.type and _NUMBER.sub("*", other.label) == like:
            add_births(born, other.born_below)
    return born


def births_unreached(censuses: Sequence[Census], holder: str) -> tuple[list[Birthplace], int]:
    """Return the same of what nobody reaches: `holder` is "cycles" or "native"."""
    for census in sorted(censuses, key=lambda census: -census.turns):
        born = census.born_unreached.get(holder)
        if born and census.born_since is not None:
            return _places(census, born), census.turns - census.born_since
    return [], 0


def _places(census: Census, born: dict[int, list[int]]) -> list[Birthplace]:
    found = [
        Birthplace(census.stacks[number], count, size)
        for number, (count, size) in born.items()
        if number in census.stacks
    ]
    return sorted(found, key=lambda place: -place.bytes)


def index_by_path(census: Census) -> dict[str, int]:
    """Map a path's labels and types to its row; parents come before what hangs below them."""
    return {path: index for index, path in enumerate(paths_of(census))}


def paths_of(census: Census) -> list[str]:
    """Return the path of every row: labels and types from its root on. Two rows may have the same."""
    paths: list[str] = []
    for row in census.rows:
        above = paths[row.parent] if row.parent >= 0 else ""
        paths.append(f"{above}\n{row.label}\t{row.type}")
    return paths
