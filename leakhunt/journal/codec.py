"""One record as one line of bytes and back: `<crc32, 8 hex digits> <JSON array>\\n`.

Encoding never fails and never runs code of the target: whatever is not plain data becomes text.
Neither reads nor writes files.
"""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

#: No line is longer than this: one write of it is atomic enough, and no repr can fill the disk.
MAX_LINE = 64 * 1024

_encode_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode
_decode_json = json.JSONDecoder().decode
_crc32 = zlib.crc32
_PLAIN = (int, float, bool, type(None))
_BIGGEST_INTEGER = 2**63


class BadLine(ValueError):
    """A line that is torn or damaged."""


def encode_line(items: list[Any]) -> bytes:
    """Return `items` as one journal line, cut to `MAX_LINE`."""
    try:
        text = _encode_plain(items) if _has_foreign_values(items) else _encode_json(items)
        if len(text) > MAX_LINE - 10 or "\\ud" in text:  # an escaped surrogate, perhaps a lone one
            text = _encode_plain(items)
    except (ValueError, TypeError, OverflowError, RecursionError):
        text = _encode_plain(items)
    data = text.encode("ascii")
    return b"%08x %b\n" % (_crc32(data), data)


def decode_line(line: bytes) -> list[Any]:
    """Return the items of a journal line (with or without its newline); BadLine when it is damaged."""
    data = line[9:].rstrip(b"\n")
    if line[8:9] != b" " or len(data) < 2:
        raise BadLine("not a journal line")
    try:
        expected = int(line[:8], 16)
        if _crc32(data) != expected or line[:8] != b"%08x" % expected:
            raise BadLine("the checksum does not fit")
        items = _decode_json(data.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise BadLine(str(error)) from error
    if not isinstance(items, list) or len(items) < 4:
        raise BadLine("not a record")
    return items


def plain(value: Any, *, text_limit: int = 8_000, item_limit: int = 2_000, depth: int = 0) -> Any:
    """Return `value` as JSON data that reads back equal; what is not data becomes text.

    Not-a-number and infinity become None as a field of their own (unknown) and text inside a list
    (a loop variable may well be nan). Runs no method of a class that the target defined.
    """
    kind = type(value)
    if kind is str or issubclass(kind, str):
        return _plain_text(str.__str__(value), text_limit)
    if value is None or kind is bool:
        return value
    if issubclass(kind, int):
        return _plain_integer(int.__index__(value))
    if issubclass(kind, float):
        number = float.__add__(value, 0.0)
        if math.isfinite(number):
            return number
        return None if depth <= 1 else repr(number)
    if depth >= 8:
        return "…"
    if kind is list or kind is tuple:
        kept = [
            plain(item, text_limit=text_limit, item_limit=item_limit, depth=depth + 1)
            for item in value[:item_limit]
        ]
        if len(value) > item_limit:
            kept.append(f"… {len(value) - item_limit} more")
        return kept
    if kind is dict:
        pairs = list(value.items())[:item_limit]
        return {
            _plain_text(str.__str__(key) if isinstance(key, str) else f"<{type(key).__name__}>", text_limit):
                plain(item, text_limit=text_limit, item_limit=item_limit, depth=depth + 1)
            for key, item in pairs
        }  # fmt: skip
    return f"<{kind.__name__}>"


def _plain_text(text: str, limit: int) -> str:
    if len(text) > limit:
        text = f"{text[:limit]}… (cut, {len(text)} characters)"
    # lone surrogates (undecodable file names) cannot be written to a UTF-8 report later
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain_integer(number: int) -> int | str:
    if -_BIGGEST_INTEGER <= number < _BIGGEST_INTEGER:
        return number
    bits = number.bit_length()
    return str(number) if bits < 2_000 else f"<integer of {bits} bits>"


def _has_foreign_values(items: list[Any]) -> bool:
    """Tell whether something is in `items` that the JSON encoder takes but would not give back."""
    for item in items:
        kind = type(item)
        if kind is int:
            if not -_BIGGEST_INTEGER <= item < _BIGGEST_INTEGER:
                return True
        elif kind is list or kind is tuple:
            if _has_foreign_values(item):
                return True
        elif kind is dict or (kind is not str and kind not in _PLAIN):
            return True
    return False


def _encode_plain(items: list[Any]) -> str:
    for text_limit, item_limit in ((8_000, 2_000), (500, 200), (100, 50), (30, 10)):
        text = _encode_json(plain(items, text_limit=text_limit, item_limit=max(item_limit, 32)))
        if len(text) <= MAX_LINE - 10:
            return text
    head = plain(items[:4], text_limit=100)
    return _encode_json(head + [None] * (len(items) - 4))
