"""Tells from one window which sites leave something behind in every turn, and which only now and then.

A leak is born in nearly every turn and survives; warm-up only in the first; the last result only in
the last; a ring in the last few. One capture decides the pattern; growth decides whether it is a leak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leakhunt.model.run import AllocationSite, Capture

Pattern = Literal["every-turn", "some-turns", "first-turns", "last-turns", "once"]

#: Births in this share of a window's turns count as "every turn".
_EVERY = 0.75
_LEAST_TURNS = 3
#: What was allocated while a turn was reported is ours.
_TICK = "/leakhunt/capture/turns.py"
_OURS = "/leakhunt/capture/"


@dataclass(frozen=True, slots=True)
class SiteBirths:
    """One site: in how many of the window's turns it left something, and how much per turn."""

    site: AllocationSite
    pattern: Pattern
    born_in: int
    turns: int
    bytes_per_turn: float


def births(capture: Capture) -> list[SiteBirths]:
    """Return the sites of a window with their pattern, most bytes per turn first; empty for too few boundaries."""
    stretches = len(capture.turns) - 1
    if stretches < _LEAST_TURNS:
        return []
    # Quick turns have a boundary every few turns only.
    turns = capture.turns[-1] - capture.turns[0]
    found = []
    for site in capture.sites:
        if not _is_ours(site):
            born = settled({turn: count for turn, (count, _) in site.survivors.items()}, stretches)
            rate = site.bytes / max(1, turns)
            found.append(SiteBirths(site, pattern_of(born, stretches), len(born), stretches, rate))
    return sorted(found, key=lambda seen: -seen.bytes_per_turn)


def _is_ours(site: AllocationSite) -> bool:
    innermost = site.stack[0][0] if site.stack else ""
    return _OURS in innermost or any(file.endswith(_TICK) for file, _, _ in site.stack)


def settled(counts: dict[int, int], turns: int) -> set[int]:
    """Return the turns with births, the tracker's clock allowed for.

    What is allocated within a tick of a boundary may be counted in the turn beside it: a turn with
    none takes one from a neighbour that has two.
    """
    left = dict(counts)
    for turn in range(turns):
        if not left.get(turn):
            for beside in (turn - 1, turn + 1):
                if left.get(beside, 0) >= 2:
                    left[beside] -= 1
                    left[turn] = 1
                    break
    return {turn for turn, count in left.items() if count}


def pattern_of(born: set[int], turns: int) -> Pattern:
    """Return the pattern of births in a window of `turns` turns (0-based).

    The last turn is left out where it matters: what lives until the next boundary was not kept.
    """
    before_last = born - {turns - 1}
    if len(before_last) >= _EVERY * (turns - 1):
        return "every-turn"
    if not before_last:
        return "last-turns"
    if len(born) == 1:
        return "once"
    if max(born) < turns / 2:
        return "first-turns"
    run_at_end = set(range(turns - len(born), turns))
    return "last-turns" if born == run_at_end else "some-turns"
