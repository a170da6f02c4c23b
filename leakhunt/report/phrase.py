"""Sentences made of parts, so that one wording serves terminal, Markdown and HTML.

A phrase is a tuple of strings; a part that is `Code` came from the program and is shown as code,
a `Strong` part is what the reader should see first. How each looks is the renderer's business.
"""

from __future__ import annotations

from collections.abc import Iterable

from leakhunt.units import format_bytes, format_count


class Code(str):
    """A part that came from the program: a path, a name, a value."""

    __slots__ = ()


class Strong(str):
    """The part that the reader should see first."""

    __slots__ = ()


Phrase = tuple[str, ...]
Row = tuple[str, Phrase]


def text_of(phrase: Phrase) -> str:
    """Return the phrase as plain text."""
    return "".join(phrase)


def joined(phrases: Iterable[Phrase], separator: str = ", ") -> Phrase:
    """Return the phrases as one, with `separator` between them."""
    parts: list[str] = []
    for phrase in phrases:
        parts += ([separator] if parts else []) + list(phrase)
    return tuple(parts)


def plural(count: float, one: str, many: str | None = None) -> str:
    """Return the count with its noun: "1 loop", "3 loops"."""
    return f"{format_count(count)} {one if count == 1 else many or one + 's'}"


def between(ends: list[float] | None) -> str:
    """Return an interval of bytes in brackets, with a leading space, or nothing where it is not known."""
    if ends is None:
        return ""
    low, high = (format_bytes(end, signed=True) for end in ends)
    return f" (95 % interval {low} to {high})" if low != high else ""
