"""What logs told, as entries of one story: moments turned into instants, machine restarts recognised.

Reads what `evidence` read; draws no conclusion beyond which lines are about the same restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leakhunt.evidence.kernel_kill import KernelKill
from leakhunt.evidence.log_groups import Group
from leakhunt.evidence.log_reading import LogReading

#: Two signs of a machine's start that are no further apart, in seconds, are of the same start.
ONE_BOOT = 180.0
#: An orderly shutdown is logged within this time before the machine starts again.
ORDERLY = 900.0
#: The rule of a kill of which only the kernel's choice is left.
CHOSEN = "kernel-choice"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a log told, or `count` alike from `wall` until `until` (Unix seconds, None unknown).

    `position` is the line's number in the log `source`. `size`, `last_size` and `available` are bytes. `sum_`
    adds up what the lines count (500 trials).
    """

    kind: str
    wall: float | None
    until: float | None
    text: str
    source: str
    position: int = 0
    boot: float | None = None
    rule: str = ""
    role: str | None = None
    who: str | None = None
    pid: int | None = None
    new_pid: int | None = None
    count: int = 1
    sum_: int | None = None
    size: int | None = None
    last_size: int | None = None
    low: int | None = None
    high: int | None = None
    available: int | None = None
    percent: float | None = None
    last_text: str = ""
    undated: bool = False


@dataclass(frozen=True, slots=True)
class Restart:
    """A start of the machine at `wall`. `orderly`: a shutdown was logged before; None: nothing is known of before."""

    wall: float
    source: str
    text: str
    orderly: bool | None


@dataclass(frozen=True, slots=True)
class Silence:
    """A log that said nothing from `wall` until `until` (None: to its end). `usual` is its usual interval, seconds.

    `restart`: the machine started again meanwhile. `last` is what it said last.
    """

    source: str
    wall: float
    until: float | None
    usual: float | None
    role: str | None
    restart: bool
    last: str = ""


@dataclass(frozen=True, slots=True)
class Foreign:
    """All that a set of logs told. `began` and `ended` are Unix seconds, None when no log has a date.

    `began_in` is the log in which the story begins.
    """

    readings: tuple[LogReading, ...]
    entries: tuple[Entry, ...]
    restarts: tuple[Restart, ...]
    silences: tuple[Silence, ...]
    began: float | None
    ended: float | None
    began_in: str | None


def settle(readings: Sequence[LogReading], reference: float | None = None) -> None:
    """Fix the years and dates that logs leave out by those that do not, else by when the file was written.

    `reference` is another instant that is known to be about their end, Unix seconds.
    """
    whole = [] if reference is None else [reference]
    whole += [
        wall
        for reading in readings
        if reading.last is not None
        and reading.last.partial is None
        and (wall := reading.clock.wall(reading.last)) is not None
    ]
    # what lacks a year only is settled first, and then serves for what lacks a date
    for partial in ("year", "date"):
        for reading in readings:
            if reading.clock.leaves_out(partial):
                reading.clock.settle(max(whole) if whole else reading.modified)
        whole += [
            wall
            for reading in readings
            if reading.last is not None
            and reading.last.partial == partial
            and (wall := reading.clock.wall(reading.last)) is not None
        ]


def gather(readings: Sequence[LogReading]) -> Foreign:
    """Return what settled logs told, in order."""
    entries = [_entry(group, reading) for reading in readings for group in reading.groups]
    entries += [_kill(kill, reading) for reading in readings for kill in reading.kills]
    entries.sort(key=_order)
    instants = [(entry.wall, entry.source) for entry in entries if entry.wall is not None]
    for reading in readings:
        for moment in (reading.first, reading.last):
            wall = None if moment is None else reading.clock.wall(moment)
            if wall is not None:
                instants.append((wall, reading.name))
    began, began_in = min(instants, default=(None, None))
    ended = max(
        [wall for wall, _ in instants] + [one.until for one in entries if one.until is not None], default=None
    )
    restarts = _restarts(entries, began)
    silences = [silence for reading in readings for silence in _silences(reading, entries, restarts, ended)]
    return Foreign(tuple(readings), tuple(entries), restarts, tuple(silences), began, ended, began_in)


def _order(entry: Entry) -> tuple[bool, float, str, int]:
    return (entry.wall is None, entry.wall or entry.boot or 0.0, entry.source, entry.position)


def _entry(group: Group, reading: LogReading) -> Entry:
    wall = reading.clock.wall
    return Entry(
        kind=group.kind,
        wall=None if group.first is None else wall(group.first),
        until=None if group.last is None else wall(group.last),
        boot=None if group.first is None else group.first.boot,
        text=group.text, last_text=group.last_text, source=reading.name, position=group.position,
        rule=group.rule.name, role=group.rule.role, who=group.who, pid=group.pid, new_pid=group.new_pid,
        count=group.count, sum_=group.sum_, size=group.size, last_size=group.last_size, low=group.low,
        high=group.high, available=group.available, percent=group.percent, undated=group.undated,
    )  # fmt: skip


def _kill(told: tuple[KernelKill, object], reading: LogReading) -> Entry:
    kill = told[0]
    moment = next((at for one, at in reading.kills if one is kill), None)
    wall = None if moment is None else reading.clock.wall(moment)
    return Entry(
        kind="kernel-oom", wall=wall, until=wall, text=kill.line.strip(), source=reading.name,
        boot=kill.boot if kill.boot is not None else (moment.boot if moment else None), 
        rule="kernel" if kill.killed else CHOSEN,
        role="machine", who=kill.comm, pid=kill.pid, size=kill.resident, last_size=kill.resident,
    )  # fmt: skip


def _restarts(entries: Sequence[Entry], began: float | None) -> tuple[Restart, ...]:
    boots = [entry for entry in entries if entry.kind == "boot" and entry.wall is not None]
    downs = [entry.until for entry in entries if entry.kind == "shutdown" and entry.until is not None]
    found: list[Restart] = []
    for entry in boots:
        wall = entry.wall or 0.0
        if found and wall - found[-1].wall <= ONE_BOOT:
            continue
        orderly: bool | None = any(wall - ORDERLY <= down <= wall + 5 for down in downs)
        if began is None or wall <= began + 1:
            orderly = orderly or None
        found.append(Restart(wall, entry.source, entry.text, orderly))
    return tuple(found)


def _silences(
    reading: LogReading, entries: Sequence[Entry], restarts: Sequence[Restart], ended: float | None
) -> list[Silence]:
    found: list[Silence] = []
    for gap in reading.gaps:
        before, after = reading.clock.wall(gap.before), reading.clock.wall(gap.after)
        if before is None or after is None or after <= before:
            continue
        restart = any(before <= one.wall <= after for one in restarts)
        if restart or after - before >= max(600.0, 10 * (reading.interval or 0.0)):
            found.append(Silence(reading.name, before, after, reading.interval, reading.role, restart))
    last = _last_of(reading, entries)
    if last is not None and ended is not None and ended - last >= max(300.0, 10 * (reading.interval or 0.0)):
        restart = any(one.wall >= last for one in restarts)
        found.append(
            Silence(reading.name, last, None, reading.interval, reading.role, restart, reading.last_text)
        )
    return sorted(found, key=lambda silence: silence.wall)


def _last_of(reading: LogReading, entries: Sequence[Entry]) -> float | None:
    """Return the latest instant in a log, whose lines may be out of order."""
    walls = [reading.clock.wall(moment) for moment in (reading.first, reading.last) if moment is not None]
    walls += [entry.until for entry in entries if entry.source == reading.name]
    return max((wall for wall in walls if wall is not None), default=None)
