"""Turns the timestamps of one log, in order, into instants: years, dates, midnights and clock changes worked out.

What a log leaves out is only known at its end, or from other logs: until `settle` was called an instant is a
`Moment`. Times without a zone are read in one time zone, this machine's unless the user names another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo

from leakhunt.evidence.timestamps import Stamp

#: A time of day that is earlier than the one before by more than this is on the next day.
_NEXT_DAY = 3 * 3600.0
#: A date that is earlier by more than this many days is in the next year.
_NEXT_YEAR = 180
#: Lines of several writers overtake each other by this much without the clock having changed.
_OVERTAKEN = 20 * 60.0
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant of one log: `wall` or `boot` where they are written, else local date and time.

    `year` counts up from the log's first one where none is written (`partial` "year"); `day` counts days from
    its first one where no date is (`partial` "date").
    """

    wall: float | None = None
    boot: float | None = None
    year: int = 0
    month: int = 0
    day: int = 0
    seconds: float = 0.0
    late: bool = False
    partial: str | None = None


class LogClock:
    """Follows the timestamps of one log."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._last: Stamp | None = None
        self._late = False
        self._days = 0
        self._years = 0
        self._base_day: datetime | None = None
        self._base_year: int | None = None
        self._partial: dict[str, Moment] = {}

    def read(self, stamp: Stamp) -> Moment:
        """Return the moment of the next timestamp of the log."""
        moment = self._moment(stamp)
        self._last = stamp
        if moment.partial is not None:
            self._partial[moment.partial] = moment
        return moment

    def leaves_out(self, what: str) -> bool:
        """Tell whether timestamps of the log leave out the "year" or the "date"."""
        return what in self._partial

    def settle(self, reference: float | None) -> None:
        """Fix the year and the date that were left out, so that the log's last line is nearest to `reference`.

        `reference` is Unix seconds: the end of the other logs, or when the file was last written. Without one
        it stays unknown.
        """
        if reference is None:
            return
        around = datetime.fromtimestamp(reference, self._zone)
        if (without_year := self._partial.get("year")) is not None:
            self._base_year = self._nearest_year(without_year, around.year, reference)
        if (without_date := self._partial.get("date")) is not None:
            today = datetime(around.year, around.month, around.day)
            days = [today + timedelta(days=shift) for shift in (-1, 0, 1)]
            nearest = min(days, key=lambda day: abs(self._on(day, without_date) - reference))
            self._base_day = nearest - timedelta(days=without_date.day)

    def wall(self, moment: Moment) -> float | None:
        """Return Unix seconds; None where the log does not say and nothing else does."""
        if moment.wall is not None:
            return moment.wall
        if moment.boot is not None:
            return None
        if moment.partial == "date":
            return (
                None
                if self._base_day is None
                else self._on(self._base_day + timedelta(days=moment.day), moment)
            )
        year = moment.year
        if moment.partial == "year":
            if self._base_year is None:
                return None
            year += self._base_year
        return self._wall(year, moment) if _exists(year, moment) else None

    def _nearest_year(self, last: Moment, around: int, reference: float) -> int:
        """Return the year of the log's first line for which its last one is nearest to `reference`."""
        years = [year for year in range(around - 4, around + 2) if _exists(year, last)]
        return min(years, key=lambda year: abs(self._wall(year, last) - reference)) - last.year

    def _moment(self, stamp: Stamp) -> Moment:
        if stamp.wall is not None:
            return Moment(wall=stamp.wall)
        if stamp.boot is not None:
            return Moment(boot=stamp.boot)
        seconds = stamp.seconds or 0.0
        before = self._last.seconds if self._last is not None else None
        if stamp.month is None or stamp.day is None:
            if before is not None and before - seconds > _NEXT_DAY:
                self._days += 1
            return Moment(day=self._days, seconds=seconds, partial="date")
        if stamp.year is None:
            previous = self._last
            if previous is not None and previous.month is not None and previous.day is not None:
                back = (previous.month - stamp.month) * 30.4 + previous.day - stamp.day
                if back > _NEXT_YEAR:
                    self._years += 1
            return Moment(
                year=self._years, month=stamp.month, day=stamp.day, seconds=seconds,
                late=self._is_late(stamp), partial="year",
            )  # fmt: skip
        if stamp.offset is not None:
            at = datetime(stamp.year, stamp.month, stamp.day, tzinfo=timezone.utc)
            return Moment(wall=at.timestamp() + seconds - stamp.offset)
        return Moment(
            year=stamp.year, month=stamp.month, day=stamp.day, seconds=seconds, late=self._is_late(stamp)
        )

    def _is_late(self, stamp: Stamp) -> bool:
        """Tell whether a time that occurs twice, as clocks are set back, is the second one."""
        last = self._last
        if last is None or last.seconds is None or stamp.seconds is None:
            return self._late
        if (last.month, last.day) != (stamp.month, stamp.day):
            self._late = False
        elif last.seconds - stamp.seconds > _OVERTAKEN:
            self._late = True
        return self._late

    def _wall(self, year: int, moment: Moment) -> float:
        return self._on(datetime(year, moment.month, moment.day), moment)

    def _on(self, day: datetime, moment: Moment) -> float:
        whole = int(moment.seconds)
        at = day + timedelta(seconds=whole)
        first = at.replace(tzinfo=self._zone, fold=0).timestamp()
        second = at.replace(tzinfo=self._zone, fold=1).timestamp()
        # `fold` also moves times that do not exist; only one that occurs twice has a later instant
        chosen = second if moment.late and second > first else first
        return chosen + moment.seconds - whole


def _exists(year: int, moment: Moment) -> bool:
    return not (moment.month == 2 and moment.day == 29) or (
        year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    )
