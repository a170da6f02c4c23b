"""Collapses what a log says again and again into one value with a count, so that a night fits on a page.

Bounded: of a log that says ever new things the first ones are kept and the rest is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from leakhunt.evidence.figures import Figure
from leakhunt.evidence.log_clock import Moment
from leakhunt.evidence.rules import Rule

MOST_GROUPS = 5000
#: Of these each is told by itself: by whom and of which process.
SINGULAR = frozenset({
    "boot", "shutdown", "start", "restart", "stop", "death", "kill", "kernel-oom", "oom-daemon", "scheduler-kill",
})  # fmt: skip
#: After one of these, what is said again is another chapter.
CHAPTERS = frozenset({"boot", "shutdown"})
#: So long without one of its kind, in seconds, and a row of repeats is over.
ROW_ENDS = 3600.0
#: Signs of life come at an even pace: so many times it without one, and the row is over.
_PACE = 4.0


@dataclass(slots=True)
class Group:
    """Lines of a log that tell the same, from `first` to `last`. `position` is the number of the first line.

    `moments` are where they were told; `undated`: none of the lines has a timestamp of its own, the one before
    it in the log counts. `sum_` adds up what the lines count. `low` and `high` are bytes.
    """

    rule: Rule
    text: str
    position: int
    first: Moment | None
    last: Moment | None
    who: str | None = None
    pid: int | None = None
    new_pid: int | None = None
    count: int = 1
    undated: bool = False
    last_text: str = ""
    sum_: int | None = None
    size: int | None = None
    last_size: int | None = None
    low: int | None = None
    high: int | None = None
    available: int | None = None
    percent: float | None = None
    began: float | None = None
    last_seen: float | None = None

    @property
    def kind(self) -> str:
        return self.rule.kind


Key = tuple[str, str | None, int | None, int | None]


class Groups:
    """The groups of one log, in the order in which they began."""

    def __init__(self) -> None:
        self._all: list[Group] = []
        self._open: dict[Key, Group] = {}
        self._open_by_who: dict[str, set[Key]] = {}
        self.overflow = 0

    def __iter__(self) -> Iterator[Group]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def add(self, group: Group, at: float | None, figures: list[Figure]) -> Group:
        """Add what one line told; `at` orders it within the log, in seconds."""
        _measure(group, figures)
        singular = group.kind in SINGULAR
        key: Key = (
            group.rule.name, group.who, group.pid if singular else None, group.new_pid if singular else None
        )  # fmt: skip
        if group.kind in CHAPTERS:
            self._open.clear()
            self._open_by_who.clear()
        elif singular and group.who is not None:
            # whoever is started again begins a new row
            for other in self._open_by_who.pop(group.who, set()) - {key}:
                self._open.pop(other, None)
        before = self._open.get(key)
        if before is not None and not self._ended(before, at):
            _repeat(before, group, at)
            return before
        if len(self._all) >= MOST_GROUPS:
            self.overflow += 1
            return group
        group.began = group.last_seen = at
        group.last_text = group.text
        self._open[key] = group
        if group.who is not None:
            self._open_by_who.setdefault(group.who, set()).add(key)
        self._all.append(group)
        return group

    def _ended(self, group: Group, at: float | None) -> bool:
        if at is None or group.last_seen is None:
            return False
        silent = at - group.last_seen
        if group.kind == "alive" and group.count >= 3 and group.began is not None:
            pace = (group.last_seen - group.began) / (group.count - 1)
            return silent > max(120.0, _PACE * pace)
        return silent > ROW_ENDS


def _measure(group: Group, figures: list[Figure]) -> None:
    for figure in figures:
        if figure.meaning == "used" and group.size is None:
            group.size, group.percent = figure.bytes, figure.percent
        elif figure.meaning == "available" and group.available is None:
            group.available = figure.bytes
    group.last_size = group.low = group.high = group.size


def _repeat(before: Group, again: Group, at: float | None) -> None:
    before.count += 1
    before.last = again.last if again.last is not None else before.last
    if again.size is not None or before.size is None:
        before.last_text = again.text
    if at is not None:
        before.last_seen = at
    if again.sum_ is not None:
        before.sum_ = (before.sum_ or 0) + again.sum_
    if again.size is not None:
        before.last_size = again.size
        before.low = again.size if before.low is None else min(before.low, again.size)
        before.high = again.size if before.high is None else max(before.high, again.size)
        before.percent = again.percent if again.percent is not None else before.percent
    if again.available is not None:
        before.available = again.available
