"""Reads figures of memory out of a line: sizes with units, and what they are said to be.

Units are read as they are written (GB is 10^9, GiB 2^30 bytes), `kB` of the kernel apart. It never fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from leakhunt.units import parse_bytes

Meaning = Literal["used", "available", "total", "threshold"]

_SIZE = re.compile(
    r"(?<![\w.,])(?P<number>\d{1,3}(?:,\d{3}){2,5}|\d{1,15}(?:[.,]\d{1,6})?) ?"
    r"(?P<unit>[KMGTkmgt]i?B|[KMGTkmgt]i?|bytes)(?![\w%]|/ ?(?:s|sec|min|h)\b)"
)
_PERCENT = re.compile(r"(?<![\w.,])(?P<number>\d{1,3}(?:[.,]\d{1,4})?) ?%")
#: What a figure is said to be: the nearest of these words before it, in the same clause.
_MEANINGS: tuple[tuple[Meaning, re.Pattern[str]], ...] = (
    ("threshold", re.compile(r"threshold|limit|max(?:imum)?\b|budget|below|minimum|warning:|critical", re.I)),
    ("available", re.compile(r"avail(?:able)?|free\b|headroom|left\b|remaining", re.I)),
    ("total", re.compile(r"\btotal|capacity|installed", re.I)),
    ("used", re.compile(r"\bused|usage|\bmem(?:ory)?\b|rss\b|resident|consum|\bram\b|using|peak|heap|anon-rss", re.I)),
)  # fmt: skip
_SWAP = re.compile(r"\bswap", re.I)
#: "554 of  7721 MiB" has its unit once.
_OF = re.compile(r"(?<![\w.,])(\d{1,12}) of {1,4}(\d{1,12} ?)([KMGT]iB)")
_CLAUSE = re.compile(r"[;|()\[\]]|, |\. ")


@dataclass(frozen=True, slots=True)
class Figure:
    """A size in bytes and what it is said to be; `percent` where the line says it of the same figure."""

    bytes: int
    meaning: Meaning
    percent: float | None = None


def size_in(text: str) -> int | None:
    """Return bytes of a size as logs write it ("2.27GB", "1,82 GB", "31Gi", "4514 MiB"); None when it is none."""
    cleaned = text.strip().replace("bytes", "").strip()
    if cleaned.count(",") == 1 and "." not in cleaned and not re.search(r",\d{3}\b", cleaned):
        cleaned = cleaned.replace(",", ".")
    cleaned = cleaned.replace(",", "")
    if len(cleaned) > 32:
        return None
    try:
        return parse_bytes(cleaned)
    except (ValueError, OverflowError):
        return None


def figures_in(text: str) -> list[Figure]:
    """Return the figures of memory in a line, in order; sizes that are not said to be memory are left out."""
    found: list[Figure] = []
    text = _OF.sub(r"\1 \3 / \2\3", text)
    at = 0
    for match in _SIZE.finditer(text):
        size = size_in(match[0])
        meaning = _meaning(text, at, match.start(), match.end())
        total = "/" in text[at : match.start()].strip()[:2] and bool(found)
        at = match.end()
        if (
            size is None
            or (meaning is None and not total)
            or _SWAP.search(text, max(0, match.start() - 24), at)
        ):
            continue
        if total and meaning != "threshold":
            meaning = "total"
        percent = _PERCENT.search(text, match.end(), match.end() + 16)
        found.append(Figure(size, meaning or "used", _number(percent)))
    return _with_percent(found)


def used_of(figures: list[Figure]) -> int | None:
    """Return what is in use by these figures in bytes, None when they do not say."""
    return next((figure.bytes for figure in figures if figure.meaning == "used"), None)


def available_of(figures: list[Figure]) -> int | None:
    """Return what is left by these figures in bytes, None when they do not say."""
    return next((figure.bytes for figure in figures if figure.meaning == "available"), None)


def _meaning(text: str, after: int, start: int, end: int) -> Meaning | None:
    """Return what a size is said to be by the words around it, those before it first."""
    before = text[max(after, start - 48) : start]
    clause = before[max((one.end() for one in _CLAUSE.finditer(before)), default=0) :]
    nearest: tuple[int, Meaning] | None = None
    for meaning, words in _MEANINGS:
        for one in words.finditer(clause):
            if nearest is None or one.end() > nearest[0]:
                nearest = (one.end(), meaning)
    if nearest is not None:
        # "memory threshold: 2 GB", "limit for memory": a threshold in the same clause is what it is
        told = {meaning for meaning, words in _MEANINGS if words.search(clause)}
        for stronger in ("threshold", "available", "total"):
            if stronger in told:
                return stronger
        return nearest[1]
    behind = _CLAUSE.split(text[end : end + 24])[0]
    for meaning, words in _MEANINGS:
        if words.match(behind.lstrip()):
            return meaning
    return None


def _with_percent(found: list[Figure]) -> list[Figure]:
    """Give a percentage that is written behind the total ("29.4 GB / 31.2 GB (94.2%)") to what is in use."""
    if len(found) < 2 or found[0].percent is not None or found[1].meaning != "total" or not found[1].percent:
        return found
    used, total = found[0], found[1]
    return [Figure(used.bytes, used.meaning, total.percent), Figure(total.bytes, "total"), *found[2:]]


def _number(match: re.Match[str] | None) -> float | None:
    return None if match is None else float(match["number"].replace(",", "."))
