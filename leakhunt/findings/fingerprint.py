"""The id of a finding: the same bug has the same id across runs, machines, data and line shifts."""

from __future__ import annotations

import hashlib
import re

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_LINE = re.compile(r"\b(?:at )?line \d+\b|:\d+\b")
_INDEX = re.compile(r"\[\s*-?\d+\s*\]")
_NUMBER = re.compile(r"(?<![A-Za-z_])\d+|(?<=-)\d+")


def fingerprint(kind: str, owner: str, of: str) -> str:
    """Return the id of a finding of this kind, owner path and type; numbers and lines do not count."""
    parts = (kind, without_numbers(owner), of)
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:12]


def without_numbers(path: str) -> str:
    """Return an owner path with addresses, line numbers, indexes and serial numbers taken out."""
    path = _ADDRESS.sub("*", path)
    path = _LINE.sub("", path)
    path = _INDEX.sub("[*]", path)
    return _NUMBER.sub("*", path).strip()
