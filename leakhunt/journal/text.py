"""Journals as text that people read and tests write: one record per line, `kind t=1.25 name=value ...`.

Values are JSON, bare words (`how=exhausted`) or sizes (`rss_anon=412MB`); what is None is left out.
`t` is the boot clock (as in the line before when left out), `seq` counts on by itself, `wall` is
`t` + 1,700,000,000 where the kind has a wall clock. `#` begins a comment. Does not read run directories.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from typing import Any

from leakhunt.errors import LeakhuntError
from leakhunt.journal.codec import encode_line, plain
from leakhunt.journal.reader import Journal, Record, read_lines
from leakhunt.journal.records import FIELDS, FORMAT, FREQUENT
from leakhunt.units import parse_bytes

#: Wall clock of `t=0` in a text that says nothing else.
WALL_AT_ZERO = 1_700_000_000.0

_SIZES = frozenset({"rss_anon", "rss_file", "rss_shmem", "tree_rss", "main_rss", "available", "peak_rss",
                    "memory_total", "memory_available", "limit"})  # fmt: skip
_BARE = re.compile(r"[A-Za-z_/.][A-Za-z0-9_/.:<>-]*")
_JSON_WORDS = frozenset({"true", "false", "null", "NaN", "Infinity"})
_KEY = re.compile(r"\s*([A-Za-z_]\w*)=")
_TOKEN = re.compile(r"[^\s]+")
_SIZE_OR_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|(?<=[=\[, ])(\d+(?:\.\d+)?[kKMGTP]i?B)(?=[\s,\]]|$)')
_decoder = json.JSONDecoder(parse_constant=str)


def to_text(records: Journal | Iterable[Record]) -> str:
    """Return a journal as text that `parse_text` reads back equal."""
    lines = []
    following = 0
    for record in records.records if isinstance(records, Journal) else records:
        lines.append(_line(record, following))
        following = record.seq + 1
    return "".join(f"{line}\n" for line in lines)


def parse_text(text: str) -> list[Record]:
    """Return the records that `text` describes."""
    records: list[Record] = []
    boot, seq = 0.0, 0
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        kind, values = _parse_line(stripped, number)
        boot = float(_expect(values.pop("t", boot), number, "t"))
        seq = int(_expect(values.pop("seq", seq), number, "seq"))
        wall = values.pop("wall", _default_wall(kind, boot))
        fields = dict.fromkeys(FIELDS[kind])
        for name, value in values.items():
            if name not in fields:
                raise _bad(number, f"a {kind} record has no {name!r} (it has {', '.join(fields)})")
            fields[name] = value
        if kind == "header" and fields["format"] is None:
            fields["format"] = FORMAT
        records.append(Record(kind, seq, boot, wall, fields))
        seq += 1
    return records


def encode_text(text: str) -> bytes:
    """Return the journal file that `text` describes, as a writer would have left it."""
    lines = []
    for record in parse_text(text):
        values = [record.fields[name] for name in FIELDS[record.kind]]
        while values and values[-1] is None:
            values.pop()
        lines.append(encode_line([record.kind, record.seq, record.boot, record.wall, *values]))
    return b"".join(lines)


def read_text(text: str) -> Journal:
    """Return the journal that a reader would see in the file described by `text`."""
    return read_lines(encode_text(text).splitlines(keepends=True), name="text")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write the journal that `text` describes to `path`."""
    with open(path, "wb") as stream:
        stream.write(encode_text(text))


def _line(record: Record, following: int) -> str:
    parts = [record.kind, f"t={json.dumps(record.boot)}"]
    if record.seq != following:
        parts.append(f"seq={record.seq}")
    default = _default_wall(record.kind, record.boot)
    # a wall clock of a frequent kind was worked out by the reader and will be again
    if record.wall != default and record.kind not in FREQUENT:
        parts.append(f"wall={json.dumps(record.wall)}")
    for name in FIELDS[record.kind]:
        value = record.fields.get(name)
        if value is not None:
            parts.append(f"{name}={_value(name, value)}")
    return " ".join(parts)


def _default_wall(kind: str, boot: float) -> float | None:
    return None if kind in FREQUENT else WALL_AT_ZERO + boot


def _value(name: str, value: Any) -> str:
    if name in _SIZES and type(value) is int and 1_000_000 <= value < 10**12:
        whole, rest = divmod(value, 1_000_000)
        return f"{whole}.{rest:06d}".rstrip("0").rstrip(".") + "MB"
    if isinstance(value, str) and _BARE.fullmatch(value) and value not in _JSON_WORDS:
        return value
    text = json.dumps(plain(value, depth=1), ensure_ascii=False, separators=(",", ":"))
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    """Escape what a terminal would obey instead of show."""
    return character if character.isprintable() else json.dumps(character)[1:-1]


def _parse_line(line: str, number: int) -> tuple[str, dict[str, Any]]:
    kind, _, rest = line.partition(" ")
    if kind not in FIELDS:
        raise _bad(number, f"no kind {kind!r} of record")
    rest = _SIZE_OR_STRING.sub(lambda found: str(parse_bytes(found[1])) if found[1] else found[0], rest)
    values: dict[str, Any] = {}
    at = 0
    while rest[at:].strip():
        if rest[at:].lstrip().startswith("#"):
            break
        key = _KEY.match(rest, at)
        if key is None:
            raise _bad(number, f"expected name=value at {rest[at:].strip()[:40]!r}")
        values[key[1]], at = _parse_value(rest, key.end(), number)
    return kind, values


def _parse_value(text: str, at: int, number: int) -> tuple[Any, int]:
    try:
        value, end = _decoder.raw_decode(text, at)
        if end == len(text) or text[end].isspace():
            return value, end
    except ValueError:
        pass
    token = _TOKEN.match(text, at)
    if token is None or not _BARE.fullmatch(token[0]):
        raise _bad(number, f"not a value: {text[at : at + 40]!r} (JSON, a word or a size)")
    return token[0], token.end()


def _expect(value: Any, number: int, name: str) -> Any:
    if type(value) not in (int, float):
        raise _bad(number, f"{name} is a number, not {value!r}")
    return value


def _bad(number: int, what: str) -> LeakhuntError:
    return LeakhuntError(f"line {number}: {what}", slug="journal-text")
