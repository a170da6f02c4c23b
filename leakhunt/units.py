"""Sizes, durations and counts as text: `parse_bytes` reads what `format_bytes` writes.

Sizes are decimal (1 MB = 1,000,000 bytes) when written, and both families (MB, MiB) are read.
"""

from __future__ import annotations

import re

_DECIMAL = {"": 1, "B": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s?)?"
)
_SIZE = re.compile(r"([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([KMGTP]?)(I?)B?", re.IGNORECASE)


def parse_bytes(text: str) -> int:
    """Return the size in bytes that `text` names ("20 MB", "2GiB", "1500"); ValueError otherwise."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a size: {text!r} (write 500MB, 2GiB, 1500)")
    number, prefix, binary = float(found[1]), found[2].upper(), bool(found[3])
    if binary:
        if not prefix:
            raise ValueError(f"not a size: {text!r} (write 500MB, 2GiB, 1500)")
        return round(number * 1024.0 ** "_KMGTP".index(prefix))
    return round(number * _DECIMAL[prefix])


def parse_seconds(text: str) -> float:
    """Return the seconds that `text` names ("90", "45s", "60m", "1h30m", "2d"); ValueError otherwise."""
    found = _DURATION.fullmatch(text.strip().lower().replace(" ", ""))
    if found is None or not any(found.groups()):
        raise ValueError(f"not a duration: {text!r} (write 90s, 60m, 1h30m)")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return days * 86_400 + hours * 3_600 + minutes * 60 + seconds


def format_bytes(size: float | None, *, signed: bool = False) -> str:
    """Return `size` bytes with three significant digits and a unit ("20.1 MB"); "unknown" for None."""
    if size is None:
        return "unknown"
    sign = "-" if size < 0 else "+" if signed else ""
    magnitude = abs(float(size))
    for unit, scale in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if magnitude >= scale * 0.9995:
            return f"{sign}{_three_digits(magnitude / scale)} {unit}"
    return f"{sign}{magnitude:.0f} B"


def format_seconds(seconds: float | None) -> str:
    """Return a duration as a person writes it ("3 h 12 min", "4.2 s", "35 ms"); "unknown" for None."""
    if seconds is None:
        return "unknown"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.9995:
        return f"{_three_digits(seconds * 1e3)} ms"
    if seconds < 60:
        return f"{_three_digits(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def format_count(count: float | None, *, signed: bool = False) -> str:
    """Return a count with thousands separators, and one decimal only where it says something."""
    if count is None:
        return "unknown"
    sign = "+" if signed and count >= 0 else ""
    return f"{sign}{count:,.0f}" if abs(count - round(count)) < 0.05 else f"{sign}{count:,.1f}"


def _three_digits(number: float) -> str:
    if number >= 99.95:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}".rstrip("0").rstrip(".")
