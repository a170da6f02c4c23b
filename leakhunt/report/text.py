"""Text from a run is data: makes it harmless to show, whatever the run put in it.

`drawable` is the one gate: every renderer draws what it returns. A control character, an escape
sequence or a bidi override becomes visible text (`\\x1b`), a float that is no number becomes None.
What is special in one output language (markup, HTML, Markdown) is escaped by that renderer.
"""

# ruff: noqa: RUF001 - the look-alikes are what the table below is about
from __future__ import annotations

import dataclasses
import math
import numbers
import unicodedata
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

# How much of a string from the run is shown: a value, a name or path, a title, a sentence.
VALUE, NAME, TITLE, SENTENCE = 40, 100, 140, 400

# Zero-width joiners shape emoji and several scripts; every other invisible character can lie.
_HARMLESS = {"\u200c", "\u200d"}
_LEVELS = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS = "_.-=+*#@"
_IN_ASCII = str.maketrans({
    "µ": "u", "›": ">", "×": "x", "→": "->", "–": "-", "—": "-", "…": "...", "•": "*", "·": "-",
    "│": "|", "─": "-", "└": "`", "✓": "ok", "≈": "~", "≤": "<=", "≥": ">=", "±": "+-", "“": '"', "”": '"',
    "’": "'", "‘": "'", "\u00a0": " ",
    **dict(zip(_LEVELS, _ASCII_LEVELS, strict=True)),
})  # fmt: skip


class _Visible(dict[int, str]):
    """A `str.translate` table that learns each character once."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kind = unicodedata.category(character)
        hidden = kind in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in _HARMLESS
        self[code] = shown = _escaped(code) if hidden else character
        return shown


def _escaped(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_ONE_LINE = _Visible({ord("\n"): "\\n", ord("\t"): "    ", ord("\r"): "\\r"})
_LINES = _Visible({ord("\n"): "\n", ord("\t"): "    "})


def visible(text: str) -> str:
    """Return `text` with nothing in it that a terminal or a browser acts on; line ends stay."""
    return text.replace("\r\n", "\n").translate(_LINES)


def one_line(text: str, width: int | None = None) -> str:
    """Return `text` on one line (a line end shows as `\\n`), cut in the middle to `width` characters."""
    shown = text.translate(_ONE_LINE)
    if width is None or len(shown) <= width:
        return shown
    tail = (width - 1) // 3
    return f"{shown[: width - 1 - tail]}…{shown[len(shown) - tail :]}"


def in_ascii(text: str) -> str:
    """Return `text` for a stream that cannot write Unicode: our signs by look-alikes, the rest escaped."""
    return text.translate(_IN_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def drawable(value: T) -> T:
    """Return a diagnosis (or any part of it) with visible strings and finite plain numbers."""
    shown: T = _drawable(value)
    return shown


def _drawable(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if value is None or isinstance(value, bool):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: _field(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **changed)
    if isinstance(value, (list, tuple)):
        return type(value)(_drawable(item) for item in value)
    return plain_number(value)


def _field(name: str, value: Any) -> Any:
    return interval(_drawable(value)) if name.endswith("_ci") else _drawable(value)


def plain_number(value: Any) -> int | float | None:
    """Return a number (of numpy too) as Python's own, and None for one that is not finite."""
    if isinstance(value, numbers.Integral):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


def interval(ends: Sequence[Any] | None) -> list[float] | None:
    """Return the two ends of an interval, or None when one of them is not known."""
    if ends is None or len(ends) != 2 or any(end is None for end in ends):
        return None
    return [float(end) for end in ends]


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Return the course of `values` as at most `width` block characters (the highest of each stretch)."""
    known = [value for value in values if value is not None]
    if len(known) < 2 or width < 2:
        return ""
    columns = min(width, len(known))
    stretches = [known[i * len(known) // columns : (i + 1) * len(known) // columns] for i in range(columns)]
    heights = [max(stretch) for stretch in stretches]
    low, high = min(heights), max(heights)
    # A level run must look level: the full height stands for at least a tenth of the level.
    span = max(high - low, 0.1 * abs(high), 1e-9)
    return "".join(_LEVELS[round((height - low) / span * (len(_LEVELS) - 1))] for height in heights)
