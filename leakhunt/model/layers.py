"""What was looked at besides the Python heap: names of what is open, metered turns, probes of malloc.

Values and the reading of their records; knows no statistics and judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

Group = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the process held at a boundary, by name. Groups are (how many, bytes, resident bytes).

    Threads that Python does not know are under "". `collector` is (on, threshold, frozen objects).
    None where it could not be read.
    """

    loop: str
    turns: int
    maps: dict[str, Group] | None
    segments: dict[str, Group] | None
    descriptors: dict[str, int] | None
    threads: dict[str, int] | None
    collector: tuple[bool, int, int] | None


@dataclass(frozen=True, slots=True)
class Probe:
    """One trim of malloc: bytes before and after, None where they could not be read."""

    loop: str
    turns: int
    at_end: bool
    resident: tuple[int, int] | None
    in_use: tuple[int, int] | None
    free: tuple[int, int] | None

    @property
    def given_back(self) -> int | None:
        """Return what resident memory fell by."""
        return None if self.resident is None else self.resident[0] - self.resident[1]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the user's code and what it changed a counter by in one turn; `stack` innermost first."""

    file: str
    line: int
    function: str
    net: int
    stack: list[tuple[str, int, str]]


@dataclass(frozen=True, slots=True)
class Bracket:
    """One turn metered line by line. `complete` when no line was left out for lack of time."""

    loop: str
    turns: int
    meter: str
    lines: list[Line]
    net: int
    complete: bool


@dataclass(slots=True)
class LayerRecords:
    """Everything of the above in one run, in the order of recording."""

    surroundings: list[Surroundings] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    brackets: list[Bracket] = field(default_factory=list)

    def add(self, kind: str, fields: Mapping[str, Any]) -> bool:
        """Take in a record and tell whether it was one of these; what is malformed is left out."""
        if kind not in ("surroundings", "probe", "bracket"):
            return False
        loop, turns = fields.get("loop"), fields.get("turns")
        if not (isinstance(loop, str) and _is_whole(turns)):
            return True
        if kind == "surroundings":
            self.surroundings.append(_surroundings(loop, turns, fields))
        elif kind == "probe":
            pairs = [_pair(fields.get(name)) for name in ("resident", "in_use", "free")]
            self.probes.append(Probe(loop, turns, fields.get("where") == "end", *pairs))
        else:
            lines = [line for given in fields.get("places") or [] if (line := _line(given)) is not None]
            meter, net = str(fields.get("meter")), fields.get("net")
            whole = fields.get("complete") is not False and _is_whole(net)
            self.brackets.append(Bracket(loop, turns, meter, lines, net if _is_whole(net) else 0, whole))
        return True


def _surroundings(loop: str, turns: int, fields: Mapping[str, Any]) -> Surroundings:
    collector = fields.get("collector")
    known = isinstance(collector, list) and len(collector) == 3 and all(map(_is_whole, collector))
    return Surroundings(
        loop,
        turns,
        _groups(fields.get("maps")),
        _groups(fields.get("segments")),
        _counts(fields.get("descriptors")),
        _counts(fields.get("threads")),
        (bool(collector[0]), collector[1], collector[2]) if known and collector is not None else None,
    )


def _groups(given: Any) -> dict[str, Group] | None:
    if not isinstance(given, Mapping):
        return None
    return {
        str(name): (value[0], value[1], value[2])
        for name, value in given.items()
        if isinstance(value, list) and len(value) == 3 and all(map(_is_whole, value))
    }


def _counts(given: Any) -> dict[str, int] | None:
    if not isinstance(given, Mapping):
        return None
    return {str(name): value for name, value in given.items() if _is_whole(value)}


def _pair(given: Any) -> tuple[int, int] | None:
    if isinstance(given, list) and len(given) == 2 and all(map(_is_whole, given)):
        return given[0], given[1]
    return None


def _line(given: Any) -> Line | None:
    if not isinstance(given, list) or len(given) < 5 or not (_is_whole(given[1]) and _is_whole(given[3])):
        return None
    stack = [
        (str(frame[0]), frame[1], str(frame[2]))
        for frame in given[4] or []
        if isinstance(frame, list) and len(frame) >= 3 and _is_whole(frame[1]) and not _is_ours(frame[0])
    ]
    return Line(str(given[0]), given[1], str(given[2]), given[3], stack)


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_ours(file: Any) -> bool:
    return "/leakhunt/capture/" in str(file).replace("\\", "/")
