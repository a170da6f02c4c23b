"""A heap census as a file: one JSON object, written whole or not at all; and the suspects beside it.

The child that walked the heap writes it, analysis and later children read it. A census is a list of
paths (`Row`); a row names its parent by position, so parents come first. Bytes are shallow in the
file and summed up the paths on loading. Nothing here walks or judges.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from leakhunt.census.files import read_bytes, write_bytes

FORMAT = 1
#: What a row has when nothing follows its bytes in the file: leaves, note, scaled, born.
_NOTHING_MORE: list[Any] = [{}, {}, 0, {}]
#: Up to so many bytes Python takes from its own arenas, above that from malloc (its `SMALL_REQUEST_THRESHOLD`).
PYTHONS_LARGEST = 512


@dataclass(slots=True)
class Row:
    """One path: what hangs there in number, total length, own bytes and bytes with all below it.

    `leaves` counts small atoms by type ([how many, bytes]); `note` holds what naming needs (file,
    line, function, bound); `born` has [objects, bytes] by the number of the stack that allocated them, of what
    was born while an allocation window was open. `deep` and `born_below` (with all below it) are filled on
    loading.
    """

    parent: int
    label: str
    type: str
    objects: int
    length: int | None
    bytes: int
    leaves: dict[str, list[int]] = field(default_factory=dict)
    note: dict[str, Any] = field(default_factory=dict)
    scaled: bool = False
    deep: int = 0
    born: dict[int, list[int]] = field(default_factory=dict)
    born_below: dict[int, list[int]] = field(default_factory=dict)


@dataclass(slots=True)
class Census:
    """The heap at one boundary. `turns` are completed turns of `loop`; `seconds` its own cost.

    `complete` when the walk came to its end; `own_complete` when at least all was walked that the user's own
    modules, functions and threads reach. `tracked` is how many objects the collector tracks, `frozen` how many it
    was told to leave out, `blocks` how many Python's allocator has handed out and `in_use` how many bytes malloc
    has; None where unknown.

    `sizes` ([objects, bytes] by type, from pympler) and `traced` ([file, line, allocations, bytes], from
    tracemalloc) are there when every iteration is recorded. `stacks` ((file, line), innermost first, by their
    number), `born_since` (the turns completed when tracing began) and `born_unreached` (what only "cycles" or
    "native" code hold) are there when an allocation window was open.
    """

    number: int
    loop: str
    turns: int
    seconds: float
    objects: int
    complete: bool
    rows: list[Row] = field(default_factory=list)
    garbage: dict[str, list[int]] | None = None
    losses: list[str] = field(default_factory=list)
    shares: dict[str, list[int]] = field(default_factory=dict)
    others: dict[str, list[str]] = field(default_factory=dict)
    tracked: int | None = None
    blocks: int | None = None
    in_use: int | None = None
    collecting: bool = True
    frozen: int | None = None
    elements: dict[str, list[int]] = field(default_factory=dict)
    sizes: dict[str, list[int]] = field(default_factory=dict)
    traced: list[list[Any]] | None = None
    born_since: int | None = None
    stacks: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    born_unreached: dict[str, dict[int, list[int]]] = field(default_factory=dict)
    own_complete: bool = False
    format: int = FORMAT

    def add_up(self) -> None:
        """Fill every row's `deep` bytes from the rows below it."""
        for row in self.rows:
            row.deep = row.bytes + sum(entry[1] for entry in row.leaves.values())
            row.born_below = {number: list(entry) for number, entry in row.born.items()}
        for row in reversed(self.rows):
            if row.parent >= 0:
                self.rows[row.parent].deep += row.deep
                if row.born_below:
                    add_births(self.rows[row.parent].born_below, row.born_below)

    @property
    def bytes_in_malloc(self) -> int:
        """Return the bytes of objects that are too large for Python's own allocator, kind by kind on average."""
        kinds = [(row.objects, row.bytes) for row in self.rows]
        kinds += [(count, size) for row in self.rows for count, size in row.leaves.values()]
        return sum(size for count, size in kinds if size > PYTHONS_LARGEST * count)

    def chain(self, index: int) -> list[Row]:
        """Return the rows from the root down to `index`."""
        chain = []
        while index >= 0:
            chain.append(self.rows[index])
            index = self.rows[index].parent
        chain.reverse()
        return chain


@dataclass(frozen=True, slots=True)
class Suspect:
    """A growing container that can be found again in the running target: root and labelled steps."""

    key: str
    path: str
    type: str
    root: dict[str, Any]
    steps: list[str]
    length: int | None
    per_turn: float | None
    bytes_per_turn: float | None = None


def add_births(into: dict[int, list[int]], born: dict[int, list[int]]) -> None:
    """Add [objects, bytes] by stack to those of another path."""
    for number, (count, size) in born.items():
        entry = into.setdefault(number, [0, 0])
        entry[0] += count
        entry[1] += size


def save_census(census: Census, path: str) -> None:
    """Write a census so that a reader sees all of it or nothing."""
    types: dict[str, int] = {}
    rows = []
    for row in census.rows:
        number = types.setdefault(row.type, len(types))
        packed: list[Any] = [row.parent, row.label, number, row.objects, row.length, row.bytes]
        if row.leaves or row.note or row.scaled or row.born:
            packed += [row.leaves or 0, row.note or 0, int(row.scaled)]
        if row.born:
            packed.append(_kept_births(row.born, census.stacks))
        rows.append(packed)
    write_json(
        path,
        {
            "format": census.format,
            "number": census.number,
            "loop": census.loop,
            "turns": census.turns,
            "seconds": round(census.seconds, 4),
            "objects": census.objects,
            "complete": census.complete,
            "own_complete": census.own_complete,
            "tracked": census.tracked,
            "blocks": census.blocks,
            "in_use": census.in_use,
            "collecting": census.collecting,
            "frozen": census.frozen,
            "garbage": census.garbage,
            "losses": census.losses,
            "shares": census.shares,
            "others": census.others,
            "elements": census.elements,
            "sizes": census.sizes,
            "traced": census.traced,
            "born_since": census.born_since,
            "stacks": census.stacks,
            "born_unreached": {
                holder: _kept_births(born, census.stacks) for holder, born in census.born_unreached.items()
            },
            "types": list(types),
            "paths": rows,
        },
    )


def load_census(path: str | os.PathLike[str]) -> Census:
    """Return the census in a file. Raises OSError or ValueError when there is none."""
    data = json.loads(read_bytes(os.fspath(path)))
    if data.get("format") != FORMAT:
        raise ValueError(f"census format {data.get('format')!r} is not {FORMAT}")
    types = data["types"]
    rows = []
    for parent, label, number, objects, length, size, *more in data["paths"]:
        leaves, note, scaled, born = (more + _NOTHING_MORE[len(more) :])[:4]
        rows.append(
            Row(
                parent, label, types[number], objects, length, size, leaves or {}, note or {}, bool(scaled),
                born=_numbered(born),
            )
        )  # fmt: skip
    census = Census(
        number=data["number"],
        loop=data["loop"],
        turns=data["turns"],
        seconds=data["seconds"],
        objects=data["objects"],
        complete=data["complete"],
        own_complete=data.get("own_complete", False),
        rows=rows,
        garbage=data.get("garbage"),
        losses=data.get("losses") or [],
        shares=data.get("shares") or {},
        others=data.get("others") or {},
        tracked=data.get("tracked"),
        blocks=data.get("blocks"),
        in_use=data.get("in_use"),
        collecting=data.get("collecting", True),
        frozen=data.get("frozen"),
        elements=data.get("elements") or {},
        sizes=data.get("sizes") or {},
        traced=data.get("traced"),
        born_since=data.get("born_since"),
        stacks={
            int(number): [(str(file), int(line)) for file, line in stack]
            for number, stack in (data.get("stacks") or {}).items()
        },
        born_unreached={
            holder: _numbered(born) for holder, born in (data.get("born_unreached") or {}).items()
        },
    )
    census.add_up()
    return census


def _kept_births(born: dict[int, list[int]], stacks: dict[int, Any]) -> dict[int, list[int]]:
    return {number: entry for number, entry in born.items() if number in stacks}


def _numbered(born: dict[str, list[int]]) -> dict[int, list[int]]:
    """JSON has text for keys."""
    return {int(number): entry for number, entry in born.items()}


def save_suspects(suspects: Sequence[Suspect], path: str) -> None:
    """Write the suspects that belong to a census."""
    write_json(
        path,
        [[s.key, s.path, s.type, s.root, s.steps, s.length, s.per_turn, s.bytes_per_turn] for s in suspects],
    )


def load_suspects(path: str | os.PathLike[str]) -> list[Suspect]:
    """Return the suspects in a file; none when it is missing or torn."""
    try:
        return [Suspect(*entry) for entry in json.loads(read_bytes(os.fspath(path)))]
    except (OSError, ValueError, TypeError):
        return []


def write_json(path: str, content: object) -> None:
    """Write JSON through a temporary file and a rename; the directory is there already."""
    write_bytes(path, json.dumps(content, separators=(",", ":")).encode("utf-8", "backslashreplace"))
