# ruff: noqa: RUF001 - Greek and Cyrillic letters are meant
"""The short names of the months as system logs write them, in the languages of glibc that are met most."""

from __future__ import annotations

import unicodedata

_NAMES = (
    "jan jän gen ene janv янв sty led tam ιαν oca",
    "feb fév févr fev фев lut úno helmi φεβ şub",
    "mar mär mrt mars мар březen maalis maa μαρ már",
    "apr avr abr апр kwi dub huhti huh απρ nis ápr",
    "may mai mag maj мая май kvě touko tou μαϊ máj mei",
    "jun giu juin июн cze čer kesä kes ιουν haz jún",
    "jul lug juil июл lip čec heinä hei ιουλ tem júl",
    "aug ago aoû août авг sie srp elo αυγ ağu",
    "sep set sept сен wrz zář syys syy σεπ eyl sze",
    "oct okt ott out окт paź říj loka lok οκτ eki",
    "nov ноя lis marras νοε kas",
    "dec dez dic dib déc дек gru pro joulu jou δεκ ara",
)
_MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}


_ENGLISH = {name.split()[0]: number for number, name in enumerate(_NAMES, 1)} | {
    "may": 5,
    "oct": 10,
    "dec": 12,
}
_LONG = {
    "january", "february", "march", "april", "june", "july", "august", "sept", "september", "october",
    "november", "december",
}  # fmt: skip


def english_month(name: str) -> int | None:
    """Return 1 to 12 for an English month's name, whole or three letters of it; None for any other word."""
    word = name.lower()
    return _ENGLISH.get(word[:3]) if len(word) == 3 or word in _LONG else None


def month_number(name: str) -> int | None:
    """Return 1 to 12 for a month's name or its short form ("Feb", "févr.", "2月"); None for any other word."""
    word = unicodedata.normalize("NFC", name).strip(".,[]").lower()
    if word.endswith(("月", "월")):
        digits = word[:-1]
        return int(digits) if digits.isdecimal() and 1 <= int(digits) <= 12 else None
    return _MONTHS.get(word) or english_month(word)
