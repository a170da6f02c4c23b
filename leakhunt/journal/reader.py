"""Reads a journal back, whatever happened to its file: records in order, and what is missing as losses.

Never raises for damage; only for a missing file and for a format newer than this leakhunt. Judges nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from leakhunt.errors import LeakhuntError
from leakhunt.journal.codec import BadLine, decode_line
from leakhunt.journal.records import FIELDS, FORMAT

#: Threads of one writer may overtake each other by a few lines; further out of order is somebody's doing.
_OVERTAKING = 16


class Record(NamedTuple):
    """One record. `wall` of the frequent kinds is worked out from their neighbours, None if none has one."""

    kind: str
    seq: int
    boot: float
    wall: float | None
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JournalLoss:
    """What a journal does not say any more; `what` ends with what to do about it."""

    slug: str
    what: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Journal:
    """What one writer wrote, in its order. `losses` are those of its file; what the writer
    itself could not see are its `loss` records."""

    records: list[Record] = field(default_factory=list)
    losses: list[JournalLoss] = field(default_factory=list)

    @property
    def header(self) -> dict[str, Any]:
        """The fields of the first header record; empty when it is lost."""
        return next((record.fields for record in self.records if record.kind == "header"), {})

    def of(self, kind: str) -> list[Record]:
        """Return the records of one kind."""
        return [record for record in self.records if record.kind == kind]


@dataclass(slots=True)
class _Damage:
    torn: int = 0
    damaged: int = 0
    duplicates: int = 0
    reordered: int = 0
    missing: int = 0
    unknown: dict[str, int] = field(default_factory=dict)


def read_journal(path: str | os.PathLike[str]) -> Journal:
    """Return the journal at `path`."""
    try:
        with open(path, "rb") as stream:
            return read_lines(stream, name=os.path.basename(path))
    except OSError as error:
        raise LeakhuntError(
            f"cannot read the journal {os.fspath(path)}: {error.strerror}", slug="journal-unreadable"
        ) from error


def read_lines(lines: Iterable[bytes], *, name: str = "journal") -> Journal:
    """Return the journal that `lines` hold."""
    damage = _Damage()
    segments: list[dict[int, list[Any]]] = [{}]
    highest = -1
    headers = 0
    for line in lines:
        if not line.strip(b"\n"):
            continue  # a writer begins a new line after a write that was cut short
        try:
            items = decode_line(line)
            kind, seq = _checked(items)
        except BadLine:
            if line.endswith(b"\n"):
                damage.damaged += 1
            else:
                damage.torn += 1
            continue
        if kind == "header":
            _check_format(items, name)
            if segments[-1].get(seq) != items and headers:  # a second program image in the same process
                segments.append({})
                highest = -1
            headers += 1
        segment = segments[-1]
        if seq in segment:
            damage.duplicates += 1
            continue
        if seq < highest - _OVERTAKING:
            damage.reordered += 1
        highest = max(highest, seq)
        segment[seq] = items
    return _assemble(segments, damage, name, headers)


def _checked(items: list[Any]) -> tuple[str, int]:
    kind, seq, boot, wall = items[:4]
    if not isinstance(kind, str) or type(seq) is not int or seq < 0:
        raise BadLine("not a record")
    if type(boot) not in (int, float) or not (wall is None or type(wall) in (int, float)):
        raise BadLine("not a record")
    return kind, seq


def _check_format(items: list[Any], name: str) -> None:
    version = items[4] if len(items) > 4 else None
    if type(version) is int and version > FORMAT:
        raise LeakhuntError(
            f"{name} has journal format {version} and this leakhunt reads up to {FORMAT}: "
            f"update leakhunt (it was written by {items[5] if len(items) > 5 else 'a newer one'})",
            slug="journal-newer",
        )


def _assemble(segments: list[dict[int, list[Any]]], damage: _Damage, name: str, headers: int) -> Journal:
    records: list[Record] = []
    dropped = 0
    for segment in segments:
        numbers = sorted(segment)
        if numbers:
            damage.missing += numbers[-1] + 1 - len(numbers)
        for seq in numbers:
            kind, _, boot, wall, *values = segment[seq]
            names = FIELDS.get(kind)
            if names is None:
                damage.unknown[kind] = damage.unknown.get(kind, 0) + 1
                continue
            fields = dict(zip(names, values, strict=False))
            for missing in names[len(values) :]:
                fields[missing] = None
            records.append(Record(kind, seq, float(boot), wall, fields))
            if kind == "loss":
                count = fields["count"]
                if fields["slug"] == "journal-full" and isinstance(count, int):
                    dropped += count
    return Journal(_with_wall(records), _losses(damage, dropped, name, headers, bool(records)))


def _losses(damage: _Damage, dropped: int, name: str, headers: int, any_records: bool) -> list[JournalLoss]:
    losses = []
    if not any_records:
        what = f"{name} holds no record: its writer died before it began, run again"
        losses.append(JournalLoss("journal-empty", what))
    elif not headers:
        what = f"{name} has lost its header: what was run is taken from elsewhere, nothing to do"
        losses.append(JournalLoss("journal-header", what))
    if damage.torn:
        what = f"the last record of {name} was cut off when its writer died: nothing to do"
        losses.append(JournalLoss("journal-torn", what, damage.torn))
    if damage.damaged:
        what = f"{damage.damaged} lines of {name} are damaged and were skipped: check the disk it lies on"
        losses.append(JournalLoss("journal-damaged", what, damage.damaged))
    gap = damage.missing - dropped - damage.damaged - damage.torn
    if gap > 0:
        what = f"{gap} records of {name} are missing: do not edit or filter journals"
        losses.append(JournalLoss("journal-gap", what, gap))
    if damage.duplicates:
        what = f"{damage.duplicates} records of {name} were there twice and counted once: never join journals"
        losses.append(JournalLoss("journal-duplicate", what, damage.duplicates))
    if damage.reordered:
        what = f"{damage.reordered} records of {name} were put back in order: do not sort journals"
        losses.append(JournalLoss("journal-reordered", what, damage.reordered))
    for kind, count in sorted(damage.unknown.items()):
        what = f"{count} records of the unknown kind {kind!r} in {name}: update leakhunt to read them"
        losses.append(JournalLoss("journal-unknown-kind", what, count))
    return losses


def _with_wall(records: list[Record]) -> list[Record]:
    """Give each record a wall clock: its own, or the boot clock plus the offset of the record before it."""
    offset = next((record.wall - record.boot for record in records if record.wall is not None), None)
    if offset is None:
        return records
    complete = []
    for record in records:
        if record.wall is None:
            complete.append(record._replace(wall=record.boot + offset))
        else:
            offset = record.wall - record.boot
            complete.append(record)
    return complete
