"""Reads what guarded programs note in the run directory: the units they save, and any sign of life.

Two clocks, because they say different things: a program may be alive and get nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leakhunt.journal.codec import BadLine, decode_line


@dataclass(slots=True)
class _File:
    offset: int = 0
    rest: bytes = b""
    copy: int = 1


@dataclass(slots=True)
class Noted:
    """What one copy of the program noted: units so far, and when (boot clock) the last of either came."""

    units: int = 0
    progressed: float | None = None
    sign: float | None = None


@dataclass(slots=True)
class Progress:
    """Reads what was appended since the last look. `saves` and `speaks`: whether any copy ever did."""

    directory: Path
    saves: bool = False
    speaks: bool = False
    _files: dict[Path, _File] = field(default_factory=dict)
    _noted: dict[int, Noted] = field(default_factory=dict)

    def of(self, copy: int) -> Noted:
        """Return what this copy noted so far."""
        return self._noted.setdefault(copy, Noted())

    def look(self) -> None:
        """Read on."""
        for path in self.directory.glob("work-*.jsonl"):
            self._read(path, self._files.setdefault(path, _File()))

    def _read(self, path: Path, at: _File) -> None:
        try:
            with open(path, "rb") as stream:
                stream.seek(at.offset)
                data = stream.read()
        except OSError:
            return
        at.offset += len(data)
        *lines, at.rest = (at.rest + data).split(b"\n")
        for line in lines:
            try:
                kind, _, boot, _wall, *rest = decode_line(line)
            except (BadLine, ValueError):
                continue
            if isinstance(boot, (int, float)):
                self._take(at, str(kind), float(boot), rest)

    def _take(self, at: _File, kind: str, boot: float, rest: list[Any]) -> None:
        if kind == "header":
            options = rest[-1]
            at.copy = int(options.get("copy") or 1) if isinstance(options, dict) else 1
            return
        noted = self.of(at.copy)
        self.speaks, noted.sign = True, boot
        if kind == "unit":
            self.saves, noted.progressed = True, boot
            noted.units += 1
