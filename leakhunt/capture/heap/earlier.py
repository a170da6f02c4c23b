"""What a census learns from those before it: read from their files, once they are written.

Censuses that follow each other quickly compute side by side, on a busy machine in any order. Each writes its own
file first and waits for the others' only then, so none waits for one that waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from leakhunt.capture.stillness import added, memory_was_added
from leakhunt.census.format import Census, load_census
from leakhunt.census.growth import ITEMS_PER_TURN
from leakhunt.syscalls import is_file, nap

#: Earlier ones that are not there by then were killed, or are starved: what they hold cannot be compared.
PATIENCE_SECONDS = 10.0
_NAP_SECONDS = 0.005


def earlier_censuses(
    files: Sequence[str], loop: str, patience_seconds: float = PATIENCE_SECONDS
) -> list[Census]:
    """Return the readable ones of the censuses of `loop` in `files`, after waiting for those under way."""
    deadline = time.monotonic() + patience_seconds
    while not all(map(is_file, files)) and time.monotonic() < deadline:
        nap(_NAP_SECONDS)
    found = []
    for file in files:
        try:
            census = load_census(file)
        except (OSError, ValueError):
            continue
        if census.loop == loop:
            found.append(census)
    return found


def may_pile_up(census: Census, earlier: Sequence[Census]) -> bool:
    """Return whether objects that nobody reaches may have become more since any of the earlier censuses.

    They are among those that the collector tracks, in memory that one of the allocators has handed out: a pile
    that counts has to show in both. Once they have been counted they are counted to the end.
    """
    if any(one.garbage is not None for one in earlier):
        return True
    return any(_rose(census, one) for one in earlier)


def _rose(census: Census, earlier: Census) -> bool:
    """Return whether as many objects and as much memory were added as the analysis would not neglect."""
    turns = census.turns - earlier.turns
    objects = added(census.tracked, earlier.tracked)
    if objects is not None and objects < ITEMS_PER_TURN * turns:
        return False
    in_use, blocks = added(census.in_use, earlier.in_use), added(census.blocks, earlier.blocks)
    return memory_was_added(in_use, blocks, turns, census.number - earlier.number - 1)
