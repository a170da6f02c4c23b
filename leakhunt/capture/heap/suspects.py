"""Names the growing containers from inside the copy, while they can still be touched.

Compares the census just taken with the earlier files and writes down which live containers the
target should watch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leakhunt.capture.heap.resolve import resolvable, resolve
from leakhunt.census.format import Census, Suspect, save_suspects
from leakhunt.census.growth import Rising, rising
from leakhunt.census.naming import name_of
from leakhunt.census.noise import noise_of

_MOST_SUSPECTS = 8
_PREVIOUS = 6


@dataclass(frozen=True)
class Suspects:
    """What a census suspects: those that can be found again, heaviest growth first."""

    found: list[Suspect]

    def owners(self) -> dict[str, Any]:
        """Return key -> live container, of those that are there in this process."""
        live = {suspect.key: resolve(suspect) for suspect in self.found}
        return {key: owner for key, owner in live.items() if owner is not None}

    def save(self, path: str) -> None:
        """Write them beside the census."""
        save_suspects(self.found, path)


def name_suspects(census: Census, earlier: Sequence[Census]) -> Suspects:
    """Return the suspects after comparing with earlier censuses of the same loop, oldest first."""
    ordered = [*earlier[-_PREVIOUS:], census]
    if len(ordered) < 3:
        return Suspects([])
    paths = [path for path in rising(ordered) if path.grows]
    paths.sort(key=lambda path: -_rise(path))
    found = []
    for path in paths:
        chain = census.chain(path.index)
        name = name_of(chain)
        steps = [row.label for row in chain[1:]]
        root = {**chain[0].note, "label": chain[0].label}
        if noise_of(name.key) is not None or not resolvable(root, steps):
            continue
        last, turns = chain[-1], path.turns[-1] - path.turns[0]
        before = path.rows[0].length if path.rows[0] is not None else 0
        rate = (last.length - (before or 0)) / turns if last.length is not None and turns else None
        heavier = _rise(path) / turns if turns else None
        found.append(Suspect(name.key, name.path, last.type, root, steps, last.length, rate, heavier))
    return Suspects(found[:_MOST_SUSPECTS])


def _rise(path: Rising) -> int:
    first, last = path.rows[0], path.rows[-1]
    return (last.deep if last is not None else 0) - (first.deep if first is not None else 0)
