"""Makes a story readable: what happened hundreds of times alike becomes one event with a count.

Between two turning points of the story (a start, a death, a gap) events of one group are told once, at the
time of the first, with the time of the last. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from leakhunt.findings.timeline import Event

#: So many of a group are told one by one.
FEW = 3
#: Where the story turns: what happened before is not counted together with what came after.
TURNS = frozenset({"start", "restart", "death", "end", "resume", "gap", "intent", "kill"})


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it is counted: `group` names what it is alike to, `many` says it of several."""

    boot: float
    event: Event
    group: str | None = None
    many: Callable[[int, Event, Event], str] | None = None


def counted(drafts: list[Draft]) -> list[Event]:
    """Return the events in order, those of one group between two turns of the story as one."""
    ordered = sorted(drafts, key=lambda draft: draft.boot)
    told: list[Event] = []
    stretch: list[Draft] = []
    for draft in ordered:
        if draft.event.kind in TURNS:
            told += _stretch(stretch)
            told.append(draft.event)
            stretch = []
        else:
            stretch.append(draft)
    return told + _stretch(stretch)


def _stretch(drafts: list[Draft]) -> list[Event]:
    groups: dict[str, list[Draft]] = {}
    for draft in drafts:
        if draft.group is not None:
            groups.setdefault(draft.group, []).append(draft)
    told = []
    done: set[str] = set()
    for draft in drafts:
        alike = groups.get(draft.group, []) if draft.group is not None else []
        if len(alike) <= FEW:
            told.append(draft.event)
        elif draft.group is not None and draft.group not in done:
            done.add(draft.group)
            told.append(_joined(alike))
    return told


def _joined(alike: list[Draft]) -> Event:
    first, last = alike[0], alike[-1]
    text = first.many(len(alike), first.event, last.event) if first.many else first.event.text
    return replace(
        first.event,
        text=text,
        count=len(alike),
        until=last.event.wall,
        pid=_same([one.event.pid for one in alike]),
    )


def _same(pids: list[int | None]) -> int | None:
    return pids[0] if len(set(pids)) == 1 else None
