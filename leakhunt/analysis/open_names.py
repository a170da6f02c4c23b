"""What piles up by name: files, sockets, threads, mappings and segments, from what was read of them.

Names are patterns already (`chunk-*.csv`); a group grows when it has more members at every reading.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from leakhunt.model.layers import Group, Surroundings
from leakhunt.model.run import LoopTrace, Run
from leakhunt.units import format_count

_FEWEST_READINGS = 4
#: Members per turn from which a group grows.
_LEAST_RATE = 0.3
#: Groups that are named in a sentence.
_NAMED = 3
_KINDS = {"pipe": "pipes", "eventpoll": "epoll objects", "eventfd": "event objects", "inotify": "file watches",
          "timerfd": "timers", "signalfd": "signal descriptors", "memfd": "memory files"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pile:
    """A group that grows: members, bytes and resident bytes per turn, and its size at the last reading."""

    name: str
    rate: float
    last: int
    bytes_rate: float = 0.0
    resident_rate: float = 0.0


def readings_of(run: Run, loop: LoopTrace) -> list[Surroundings]:
    """Return the readings at boundaries of `loop` after its first turns, one per turn."""
    mine = {one.turns: one for one in run.layers.surroundings if one.loop == loop.id}
    return [mine[turn] for turn in sorted(mine)][1:]


def piles(
    readings: Sequence[Surroundings],
    of: Callable[[Surroundings], Mapping[str, int] | Mapping[str, Group] | None],
) -> list[Pile]:
    """Return the groups that have more members at every reading, those with most new members first."""
    seen = [(one.turns, groups) for one in readings if (groups := of(one)) is not None]
    if len(seen) < _FEWEST_READINGS:
        return []
    (first, before), (last, after) = seen[0], seen[-1]
    turns = last - first
    found = []
    for name, group in after.items():
        counts = [_count(groups.get(name)) for _, groups in seen]
        steps = [now - then for then, now in pairwise(counts)]
        gaps = [now - then for (then, _), (now, _) in pairwise(seen)]
        if not all(step >= _LEAST_RATE * gap for step, gap in zip(steps, gaps, strict=True)):
            continue
        size, resident = (_bytes(group, at) - _bytes(before.get(name), at) for at in (1, 2))
        found.append(Pile(name, (counts[-1] - counts[0]) / turns, counts[-1], size / turns, resident / turns))
    return sorted(found, key=lambda pile: -pile.rate)


def _count(group: int | Group | None) -> int:
    return 0 if group is None else group if isinstance(group, int) else group[0]


def _bytes(group: int | Group | None, at: int) -> int:
    return group[at] if isinstance(group, tuple) else 0


def descriptor_names(found: Sequence[Pile], cwd: str | None) -> str | None:
    """Return the groups of descriptors as a person would say them: "37 files like data/chunk-*.csv"."""
    return _listed([f"{format_count(pile.last)} {_descriptors_like(pile.name, cwd)}" for pile in found])


def _descriptors_like(name: str, cwd: str | None) -> str:
    if name.startswith("/"):
        return f"files like {shortened(name, cwd)}"
    kind, _, rest = name.partition(" socket")
    if rest or name.endswith("socket"):
        return f"{kind} sockets{rest}" if kind != "socket" else "sockets"
    return _KINDS.get(name, name or "others")


def thread_names(found: Sequence[Pile]) -> str | None:
    """Return the groups of threads as a person would say them."""
    return _listed(
        [
            f"{format_count(pile.last)} named {pile.name}"
            if pile.name
            else f"{format_count(pile.last)} that Python did not start"
            for pile in found
        ]
    )


def shortened(path: str, cwd: str | None) -> str:
    """Return a path as seen from the directory of the run, where it lies below that."""
    return (
        path[len(cwd.rstrip(os.sep)) + 1 :] if cwd and path.startswith(cwd.rstrip(os.sep) + os.sep) else path
    )


def _listed(parts: list[str]) -> str | None:
    shown = parts[:_NAMED] + ([f"{len(parts) - _NAMED} kinds more"] if len(parts) > _NAMED else [])
    return ", ".join(shown) or None
