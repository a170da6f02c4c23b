"""Finds the timestamp in a line of a log, in the forms that logs have, without guessing what it leaves out.

A `Stamp` says what is written and nothing more: a year, a date or an offset that is missing is None, and
`log_clock` works it out. Works on bytes, looks only at the head of a line, and never fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from leakhunt.evidence.months import english_month, month_number

#: A timestamp is looked for in so many bytes of a line; in a JSON line in so many.
HEAD = 160
JSON_HEAD = 2000
_OLDEST, _NEWEST = 946_684_800.0, 4_102_444_800.0  # epochs from 2000 to 2100


@dataclass(frozen=True, slots=True)
class Stamp:
    """A timestamp as it is written.

    `seconds` since midnight, or None when only `wall` (Unix seconds) or `boot` (seconds since boot) is given.
    `offset`: seconds east of UTC, None where no zone is written. `start` and `end` are where it stands in the
    line, `coarse` where what is finer than a second begins. `swapped`: day and month of a date like 02/03/2026
    could also be the other way round.
    """

    start: int
    end: int
    coarse: int
    year: int | None = None
    month: int | None = None
    day: int | None = None
    seconds: float | None = None
    offset: int | None = None
    wall: float | None = None
    boot: float | None = None
    swapped: bool = False


_CLOCK = rb"(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?P<f>[.,]\d{1,9})?)?(?: ?(?P<ap>[AaPp])\.?[Mm]\b\.?)?"
_ZONE = rb"(?: ?(?P<z>Z\b|UTC\b|GMT\b|[+-](?:0\d|1[0-4]):?[0-5]\d\b))?"
_HEADS = {
    "iso": rb"(?<![\d.])(?P<y>\d{4})[-/.](?P<mo>\d{1,2})[-/.](?P<d>\d{1,2})(?:T|_|,? {1,2})" + _CLOCK + _ZONE,
    "compact": rb"(?<![\d.])(?P<y>20\d{2})(?P<mo>\d{2})(?P<d>\d{2})[T _-]?(?P<h>\d{2}):?(?P<m>\d{2}):?(?P<s>\d{2})"
    rb"(?P<f>[.,]\d{1,9})?(?![\d])" + _ZONE,
    "named": rb"(?P<name>\b[A-Za-z]{3,9})\.? +(?P<d>\d{1,2}),? (?:(?P<y>\d{4}),? )?" + _CLOCK
    + rb"(?: (?:[A-Z]{3,4} )?(?P<y2>\d{4})\b)?" + _ZONE,
    "day-first": rb"(?<![\d.])(?P<d>\d{1,2})[/ -](?P<name>[A-Za-z]{3,9})\.?[/ -](?P<y>\d{4})[: T]{1,2}"
    + _CLOCK + _ZONE,
    "numbers": rb"(?<![\d.])(?P<a>\d{1,2})(?P<sep>[/.-])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4}|\d{2}),? {1,2}"
    + _CLOCK + _ZONE,
    "glog": rb"^[IWEFDC](?P<mo>\d{2})(?P<d>\d{2}) (?P<h>\d{2}):(?P<m>\d{2}):(?P<s>\d{2})(?P<f>\.\d{1,9})?",
    "boot": rb"^(?:<\d{1,3}>)?\[ *(?P<boot>\d{1,9}\.\d{3,9})\]",
    "epoch": rb"^[\[(]?(?P<e>1\d{9})(?P<f>[.,]\d{1,9})?[\])]?(?=[\s,:|;])",
    "epoch-fine": rb"^[\[(]?(?P<fine>1\d{12}|1\d{15}|1\d{18})[\])]?(?=[\s,:|;])",
    "time": rb"^(?:[A-Z]{4,8}[ :]{1,3})?[\[(]?(?P<h>\d{2}):(?P<m>\d{2}):(?P<s>\d{2})(?P<f>[.,]\d{1,9})?"
    rb"(?: ?(?P<ap>[AaPp])\.?[Mm]\b\.?)?(?=[\])\s|,;:-]|$)",
    "time-12": rb"^[\[(]?(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2}))? ?(?P<ap>[AaPp])\.?[Mm]\b",
    # dmesg -T in another language: [Di Feb 14 23:30:01 2026], [mar. 14 févr. ...], [火  2月 14 ...]
    "local": rb"^(?:<\d{1,3}>)?\[(?P<names>[^\]]{3,40}?) (?P<h>\d{2}):(?P<m>\d{2}):(?P<s>\d{2}) (?P<y>\d{4})\]",
}  # fmt: skip
_FORMS = {name: re.compile(pattern) for name, pattern in _HEADS.items()}
#: Nothing else can hold a timestamp.
_WORTH = re.compile(rb"\d:\d\d|1\d{9}|20\d{6}[T _-]?\d{6}|^(?:<\d{1,3}>)?\[ *\d+\.\d{3}")
_KEY = re.compile(
    rb'"(?:@?timestamp|__REALTIME_TIMESTAMP|ts|time|asctime|datetime|date|created|created_at)"\s{0,4}:\s{0,4}"?|\b(?:ts|time)="?',
    re.IGNORECASE,
)
_EPOCH_VALUE = re.compile(rb"(?P<whole>1\d{9})(?P<more>\d{3}|\d{6}|\d{9})?(?P<f>\.\d{1,9})?(?![\d])")


class StampFinder:
    """Finds timestamps line by line; what was found first in a log is tried first in the next line.

    `day_first` says how to read 02/03/2026 where nothing in the log tells; None is month first.
    """

    def __init__(self) -> None:
        self._order = list(_FORMS)
        self._reach = HEAD
        self.day_first: bool | None = None

    def find(self, line: bytes) -> Stamp | None:
        """Return the timestamp of a line, None when it has none."""
        if line.startswith(b"{"):
            found = _of_json(line[:JSON_HEAD], self)
            if found is not None:
                return found
        head = line[: self._reach]
        if _WORTH.search(head) is None:
            return None
        for name in self._order:
            found = self._read(name, head)
            if found is not None:
                if self._order[0] != name:
                    self._order.remove(name)
                    self._order.insert(0, name)
                # dates further on in a line are what the line is about
                self._reach = max(min(self._reach, found.end + 24), 40)
                return found
        if head.startswith((b"ts=", b"time=")):
            return _of_json(head, self)
        return None

    def at(self, line: bytes, start: int) -> Stamp | None:
        """Return the timestamp that begins at `start`, None when none does."""
        value = line[start : start + 64]
        number = _EPOCH_VALUE.match(value)
        if number is not None:
            wall = float(number["whole"]) + float(b"0." + (number["more"] or b"0")) + float(number["f"] or 0)
            end = start + number.end()
            return Stamp(start, end, start + 10, wall=wall)
        for name in ("iso", "compact", "named", "day-first", "numbers"):
            found = self._read(name, value)
            if found is not None and found.start == 0:
                return _moved(found, start)
        return None

    def _read(self, name: str, head: bytes) -> Stamp | None:
        found = _FORMS[name].search(head)
        if found is None:
            return None
        reader = _READERS.get(name, _dated)
        try:
            return reader(found, self)
        except (ValueError, OverflowError):
            return None


def _moved(stamp: Stamp, by: int) -> Stamp:
    return Stamp(
        stamp.start + by, stamp.end + by, stamp.coarse + by, stamp.year, stamp.month, stamp.day,
        stamp.seconds, stamp.offset, stamp.wall, stamp.boot, stamp.swapped,
    )  # fmt: skip


def _of_json(head: bytes, finder: StampFinder) -> Stamp | None:
    for key in _KEY.finditer(head):
        found = finder.at(head, key.end())
        if found is not None:
            return found
    return None


def _dated(found: re.Match[bytes], finder: StampFinder) -> Stamp | None:
    parts = found.groupdict()
    year = int(parts["y"])
    return _made(found, year, int(parts["mo"]), int(parts["d"]))


def _named(found: re.Match[bytes], finder: StampFinder) -> Stamp | None:
    parts = found.groupdict()
    month = english_month(parts["name"].decode("ascii"))
    year = parts.get("y") or parts.get("y2")
    if month is None:
        return None
    return _made(found, None if year is None else int(year), month, int(parts["d"]))


def _numbers(found: re.Match[bytes], finder: StampFinder) -> Stamp | None:
    first, second, year = int(found["a"]), int(found["b"]), int(found["y"])
    year += 2000 if year < 100 else 0
    if found["sep"] == b"." or first > 12:
        finder.day_first = True
    elif second > 12 or found["ap"]:
        finder.day_first = False
    unsure = finder.day_first is None and first != second
    day, month = (first, second) if finder.day_first else (second, first)
    return _made(found, year, month, day, swapped=unsure)


def _glog(found: re.Match[bytes], finder: StampFinder) -> Stamp | None:
    return _made(found, None, int(found["mo"]), int(found["d"]))


def _time(found: re.Match[bytes], finder: StampFinder) -> Stamp | None:
    return _made(found, None, None, None)


def _boot(found: re.Match[bytes], finder: StampFinder) -> Stamp | None:
    point = found.start("boot") + found["boot"].index(b".") + 1
    return Stamp(found.start(), found.end(), point, boot=float(found["boot"]))


def _epoch(found: re.Match[bytes], finder: StampFinder) -> Stamp | None:
    wall = float(found["e"]) + _fraction(found["f"])
    return _in_range(Stamp(found.start(), found.end(), found.start("e") + 10, wall=wall))


def _epoch_fine(found: re.Match[bytes], finder: StampFinder) -> Stamp | None:
    digits = found["fine"]
    wall = int(digits) / 10 ** (len(digits) - 10)
    return _in_range(Stamp(found.start(), found.end(), found.start("fine") + 10, wall=wall))


def _local(found: re.Match[bytes], finder: StampFinder) -> Stamp | None:
    month = day = None
    for word in found["names"].decode("utf-8", "replace").split():
        if word.strip(".,").isdecimal():
            day = int(word.strip(".,"))
        else:
            month = month_number(word) or month
    if month is None or day is None:
        return None
    return _made(found, int(found["y"]), month, day)


_READERS: dict[str, Callable[[re.Match[bytes], StampFinder], Stamp | None]] = {
    "named": _named, "day-first": _named, "numbers": _numbers, "glog": _glog, "time": _time, "time-12": _time,
    "boot": _boot, "epoch": _epoch, "epoch-fine": _epoch_fine, "local": _local,
}  # fmt: skip


def _made(
    found: re.Match[bytes], year: int | None, month: int | None, day: int | None, *, swapped: bool = False
) -> Stamp | None:
    """Return the stamp of a match with a time of day, None when its numbers are no date or no time."""
    parts = found.groupdict()
    hours, minutes, whole = int(parts["h"]), int(parts["m"]), int(parts.get("s") or 0)
    half = parts.get("ap")
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in b"Pp" else 0)
    if hours > 23 or minutes > 59 or whole > 60:  # a leap second is written as 60
        return None
    if month is not None and day is not None and not (1 <= month <= 12 and 1 <= day <= _days(year, month)):
        return None
    if year is not None and not 1970 <= year <= 2200:
        return None
    seconds = hours * 3600 + minutes * 60 + min(whole, 59) + _fraction(parts.get("f"))
    coarse = found.start("f") if parts.get("f") else found.end()
    return Stamp(
        found.start(),
        found.end(),
        coarse,
        year,
        month,
        day,
        seconds,
        _offset(parts.get("z")),
        swapped=swapped,
    )


def _days(year: int | None, month: int) -> int:
    if month == 2:
        return 29 if year is None or (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _offset(zone: bytes | None) -> int | None:
    if not zone:
        return None
    if zone[:1] in (b"+", b"-"):
        digits = zone[1:].replace(b":", b"")
        east = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        return -east if zone[:1] == b"-" else east
    return 0


def _fraction(digits: bytes | None) -> float:
    return float(b"0." + digits[1:]) if digits else 0.0


def _in_range(stamp: Stamp) -> Stamp | None:
    return stamp if stamp.wall is not None and _OLDEST <= stamp.wall <= _NEWEST else None
