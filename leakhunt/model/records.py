"""Reads the records of one journal for a `Run`: small journals whole, long ones as a stream.

A journal of a night has hundreds of thousands of samples; as objects they would take gigabytes, so
above a size they are handed on one by one. Damage becomes losses either way; what comes much too late is
left out of those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from leakhunt.errors import LeakhuntError
from leakhunt.journal.codec import BadLine, decode_line
from leakhunt.journal.reader import read_journal
from leakhunt.journal.records import FIELDS
from leakhunt.model.run import LossSeen

#: Journals above this are streamed. Streaming does not put overtaking threads' lines back in order.
STREAM_ABOVE = 8_000_000
#: Threads of one writer may overtake each other by a few lines.
_OVERTAKING = 16
#: A number so far ahead of all before it was not counted by a writer.
_FARTHEST = 50_000_000


class RecordLike(Protocol):
    """What is needed of a journal record."""

    @property
    def kind(self) -> str: ...
    @property
    def boot(self) -> float: ...
    @property
    def wall(self) -> float | None: ...
    @property
    def fields(self) -> Mapping[str, Any]: ...


class Streamed(NamedTuple):
    """A record while it passes by."""

    kind: str
    boot: float
    wall: float | None
    fields: dict[str, Any]


def records_of(path: Path, losses: list[LossSeen]) -> Iterator[RecordLike]:
    """Return the records of the journal at `path`, none when it is missing; damage is added to `losses`.

    Raises LeakhuntError only for a journal that a newer leakhunt wrote.
    """
    try:
        size = path.stat().st_size
        if size > STREAM_ABOVE:
            read_journal_format(path)
            return _stream(path, losses)
        journal = read_journal(path)
    except FileNotFoundError:
        return iter(())
    except (OSError, LeakhuntError) as problem:
        if isinstance(problem, LeakhuntError) and problem.slug == "journal-newer":
            raise
        losses.append(LossSeen("journal-unreadable", f"{path.name} could not be read"))
        return iter(())
    # the damage to the file; losses that the writer told are records and come with the rest
    losses.extend(LossSeen(loss.slug, loss.what, loss.count) for loss in journal.losses)
    return iter(journal.records)


def read_journal_format(path: Path) -> None:
    """Raise LeakhuntError when the journal's first line says that a newer leakhunt wrote it."""
    from leakhunt.journal.reader import read_lines

    with open(path, "rb") as stream:
        read_lines([stream.readline()], name=path.name)


class _Order:
    """Which records of a streamed journal have passed by: what came twice or much too late is left out."""

    def __init__(self) -> None:
        self._seen = bytearray()
        self._highest = -1
        self._count = 0
        self.duplicates = self.reordered = self.missing = 0

    def begins_again(self) -> None:
        """A second program in the same process counts from 0."""
        self.missing += self._highest + 1 - self._count
        self._seen, self._highest, self._count = bytearray(), -1, 0

    def takes(self, seq: int) -> bool:
        """Tell whether a record is to be used."""
        if seq > self._highest + _FARTHEST:
            return False
        byte, bit = divmod(seq, 8)
        if byte >= len(self._seen):
            self._seen.extend(bytes(byte + 1 - len(self._seen) + len(self._seen) // 2))
        if self._seen[byte] >> bit & 1:
            self.duplicates += 1
            return False
        self._seen[byte] |= 1 << bit
        self._count += 1
        if seq < self._highest - _OVERTAKING:
            self.reordered += 1
            return False
        self._highest = max(self._highest, seq)
        return True


def _stream(path: Path, losses: list[LossSeen]) -> Iterator[RecordLike]:
    damaged = torn = dropped = 0
    order = _Order()
    first: bytes | None = None
    with open(path, "rb") as stream:
        for line in stream:
            if line == b"\n":
                continue
            try:
                kind, seq, boot, wall, *values = decode_line(line)
            except BadLine:
                torn += not line.endswith(b"\n")
                damaged += line.endswith(b"\n")
                continue
            names = FIELDS.get(kind) if isinstance(kind, str) else None
            if names is None or not isinstance(boot, (int, float)) or type(seq) is not int or seq < 0:
                damaged += 1
                continue
            if kind == "header":
                if first is not None and line != first:
                    order.begins_again()
                first = line
            if not order.takes(seq):
                continue
            fields = dict.fromkeys(names)
            fields.update(zip(names, values, strict=False))
            if kind == "loss" and fields.get("slug") == "journal-full":
                count = fields.get("count")
                dropped += count if isinstance(count, int) else 0
            yield Streamed(kind, boot, wall if isinstance(wall, (int, float)) else None, fields)
    order.begins_again()
    losses.extend(_damage(path.name, order, damaged, torn, order.missing - damaged - torn - dropped))


def _damage(name: str, order: _Order, damaged: int, torn: int, missing: int) -> Iterator[LossSeen]:
    """Yield what a streamed journal has lost, in the words of the reader of whole ones."""
    if torn:
        yield LossSeen(
            "journal-torn", f"the last record of {name} was cut off when its writer died: nothing to do", torn
        )
    if damaged:
        what = f"{damaged} lines of {name} are damaged and were skipped: check the disk it lies on"
        yield LossSeen("journal-damaged", what, damaged)
    if missing > 0:
        what = f"{missing} records of {name} are missing: do not edit or filter journals"
        yield LossSeen("journal-gap", what, missing)
    if order.duplicates:
        what = f"{order.duplicates} records of {name} were there twice and counted once: never join journals"
        yield LossSeen("journal-duplicate", what, order.duplicates)
    if order.reordered:
        what = f"{order.reordered} records of {name} were out of order and left out: do not sort journals"
        yield LossSeen("journal-reordered", what, order.reordered)
