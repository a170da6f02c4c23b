"""Reads logs that a test describes line by line."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from leakhunt.evidence.log_reading import LogReading, read_log
from leakhunt.evidence.rules import parse_rules, shipped_rules

UTC = ZoneInfo("UTC")


def reading_of(folder: Path, content: str | bytes, *, name: str = "a.log", rules: str = "") -> LogReading:
    """Return what the log with this content says, by rules of the test and the shipped ones."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    known = (*parse_rules(rules, name="test"), *shipped_rules())
    reading = read_log(path, known, UTC)
    reading.clock.settle(reading.modified)
    return reading


def told(reading: LogReading) -> list[tuple[str, int, str]]:
    """Return what it tells as (kind, count, text)."""
    return [(group.kind, group.count, group.text) for group in reading.groups]
