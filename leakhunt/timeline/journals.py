"""Reads the records that tell a story from every journal of a run directory; samples are passed over.

A journal of a night is mostly samples: their lines are recognised by their first bytes and never decoded.
What is damaged becomes a loss. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakhunt.errors import LeakhuntError
from leakhunt.journal.codec import BadLine, decode_line
from leakhunt.journal.reader import read_journal
from leakhunt.journal.records import FIELDS
from leakhunt.model.records import STREAM_ABOVE, read_journal_format
from leakhunt.model.run import LossSeen

#: Kinds that are measurements or too many to be events: `model` reads those.
_SAMPLES = frozenset({"sample", "tree", "enter", "leave"})
_SAMPLE_STARTS = tuple(f'["{kind}"'.encode() for kind in sorted(_SAMPLES))
#: A run that was started a thousand times still is a story; a journal of a million brakes is cut here.
MOST_RECORDS = 400_000


@dataclass(frozen=True, slots=True)
class Told:
    """One record with the name of the journal that it stands in and the process that wrote it."""

    source: str
    writer: int | None
    kind: str
    boot: float
    wall: float | None
    fields: dict[str, Any]


def journals_of(directory: Path) -> list[Path]:
    """Return the journals of a run directory: the supervisor's, the agents', those of protected programs."""
    found = [directory / "supervisor.jsonl", *sorted(directory.glob("agent-*.jsonl"))]
    found += sorted(directory.glob("work-*.jsonl"))
    return [path for path in found if path.is_file()]


def told_by(directory: Path, losses: list[LossSeen]) -> list[Told]:
    """Return the records of all journals in the order of the boot clock; what is missing goes to `losses`.

    Raises LeakhuntError for a journal that a newer leakhunt wrote.
    """
    told: list[Told] = []
    for path in journals_of(directory):
        # the supervisor and the first agent are read by `model` as well, which names their damage
        told += _records(path, losses if path.name.startswith("work-") else [])
    told.sort(key=lambda one: one.boot)  # stable: a writer's own order stays where clocks agree
    if len(told) > MOST_RECORDS:
        what = f"only the first and last of {len(told)} events are told: nothing to do"
        losses.append(LossSeen("timeline-cut", what, len(told) - MOST_RECORDS))
        half = MOST_RECORDS // 2
        told = told[:half] + told[-half:]
    return told


def _records(path: Path, losses: list[LossSeen]) -> list[Told]:
    try:
        if path.stat().st_size <= STREAM_ABOVE:
            journal = read_journal(path)
            losses.extend(LossSeen(loss.slug, loss.what, loss.count) for loss in journal.losses)
            rows: Iterator[tuple[str, float, float | None, dict[str, Any]]] = (
                (one.kind, one.boot, one.wall, one.fields)
                for one in journal.records
                if one.kind not in _SAMPLES
            )
        else:
            read_journal_format(path)
            rows = _stream(path)
        writer = _pid_of(path)
        found = []
        for kind, boot, wall, fields in rows:
            if kind == "header" and isinstance(fields.get("pid"), int):
                writer = fields["pid"]
            found.append(Told(path.name, writer, kind, boot, wall, fields))
        return found
    except LeakhuntError as problem:
        if problem.slug == "journal-newer":
            raise
        losses.append(LossSeen("journal-unreadable", f"{path.name} could not be read"))
    except OSError:
        losses.append(LossSeen("journal-unreadable", f"{path.name} could not be read"))
    return []


def _stream(path: Path) -> Iterator[tuple[str, float, float | None, dict[str, Any]]]:
    """Yield what is no sample. `model` reads all lines, and names what is wrong with them."""
    seen: set[int] = set()
    with open(path, "rb") as stream:
        for line in stream:
            if line.startswith(_SAMPLE_STARTS, 9) or hash(line) in seen:
                continue
            seen.add(hash(line))
            try:
                kind, _, boot, wall, *values = decode_line(line)
            except BadLine:
                continue
            names = FIELDS.get(kind) if isinstance(kind, str) else None
            if names is None or type(boot) not in (int, float):
                continue
            fields = dict.fromkeys(names)
            fields.update(zip(names, values, strict=False))
            yield kind, boot, wall if type(wall) in (int, float) else None, fields


def _pid_of(path: Path) -> int | None:
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdigit() else None
