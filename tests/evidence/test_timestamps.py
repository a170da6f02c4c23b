# ruff: noqa: RUF001 - Cyrillic letters are meant
"""Timestamps in the forms that logs have, and what is made of the years, dates and zones that they leave out."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import settled

from leakhunt.evidence.log_clock import LogClock
from leakhunt.evidence.timestamps import StampFinder

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def instants(lines: list[str], *, zone: ZoneInfo = UTC, reference: float | None = None) -> list[str]:
    """Return the instants of a log's lines in UTC, as text; "-" for a line without one."""
    finder, clock = StampFinder(), LogClock(zone)
    moments = []
    for line in lines:
        stamp = finder.find(line.encode())
        moments.append(None if stamp is None else clock.read(stamp))
    clock.settle(reference)
    found = []
    for moment in moments:
        wall = None if moment is None else clock.wall(moment)
        found.append(
            "-" if wall is None else datetime.fromtimestamp(wall, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
        )
    return found


@pytest.mark.parametrize("line", [
    "2026-02-15 01:23:31,123 - WARNING - memory is short",
    "[2026-02-15 01:23:31] worker 1 is healthy",
    "2026-02-15T01:23:31.123456Z memory",
    "2026-02-15T02:23:31+01:00 memory",
    "2026-02-15T02:23:31,123456+0100 station kernel: memory",
    "[I 2026-02-15 01:23:31,123] Trial 4 finished",
    "INFO:root:2026-02-15 01:23:31 memory",
    "2026/02/15 01:23:31 memory",
    "20260215 01:23:31 memory",
    "20260215T012331Z memory",
    "2026-02-15 01:23:31 AM memory",
    "Sun Feb 15 01:23:31 2026 memory",
    "Sun Feb 15 01:23:31 UTC 2026",
    "Sun, 15 Feb 2026 02:23:31 +0100 memory",
    "Feb 15, 2026 1:23:31 AM memory",
    '10.0.0.1 - - [15/Feb/2026:01:23:31 +0000] "GET / HTTP/1.1" 200',
    "15.02.2026 01:23:31 memory",
    "02/15/2026 01:23:31 AM memory",
    "2/15/26, 1:23:31 AM - memory",
    "1771118611 memory",
    "1771118611.123 memory",
    "1771118611123 memory",
    "[1771118611] memory",
    '{"level": "info", "ts": 1771118611.5, "msg": "memory"}',
    '{"time":"2026-02-15T01:23:31Z","level":"INFO","msg":"memory"}',
    'time="2026-02-15T01:23:31Z" level=info msg=memory',
    "ts=1771118611.5 level=info msg=memory",
    "[Sun Feb 15 01:23:31 2026] Out of memory: Killed process 5 (python)",
    "[So Feb 15 01:23:31 2026] Out of memory: Killed process 5 (python)",
    "[dim. 15 févr. 01:23:31 2026] Out of memory: Killed process 5 (python)",
    "[Вс фев 15 01:23:31 2026] Out of memory: Killed process 5 (python)",
    "[日  2月 15 01:23:31 2026] Out of memory: Killed process 5 (python)",
])  # fmt: skip
def test_a_timestamp_is_read_in_every_form_that_logs_have(line: str) -> None:
    assert instants([line]) == ["2026-02-15 01:23:31"]


@pytest.mark.parametrize("line", [
    "", "memory is short", "Available memory: 1.82 GB", "epoch 12/500 took 00:12", "version 2026.2.15 of 3",
    "2026-13-45 99:99:99 nonsense", "Feb 30 10:00:00 no such day", "32/01/2026 10:00:00", "10.0.0.1:8080 listens",
    "loss 1771118611.5e-3", "took 1:02", "12:61:00 no such minute",
])  # fmt: skip
def test_what_is_no_timestamp_is_not_taken_for_one(line: str) -> None:
    assert instants([line], reference=1.7e9) == ["-"]


def test_a_date_that_a_line_is_about_is_not_its_time() -> None:
    lines = [
        "2026-02-15 01:00:00 begin",
        "   the checkpoint of this run is from 2024-01-01 00:00:00, in data/",
    ]

    assert instants(lines) == ["2026-02-15 01:00:00", "-"]


def test_a_year_that_is_not_written_is_that_of_the_other_logs() -> None:
    end = datetime(2026, 2, 15, 3, tzinfo=timezone.utc).timestamp()

    assert instants(["Feb 14 23:30:12 station kernel: x"], reference=end) == ["2026-02-14 23:30:12"]


def test_a_log_without_years_passes_new_year() -> None:
    end = datetime(2026, 1, 1, 1, tzinfo=timezone.utc).timestamp()
    lines = ["Dec 30 10:00:00 a", "Dec 31 23:59:59 b", "Jan  1 00:00:01 c"]

    assert instants(lines, reference=end) == [
        "2025-12-30 10:00:00",
        "2025-12-31 23:59:59",
        "2026-01-01 00:00:01",
    ]


def test_a_leap_day_without_its_year_is_in_a_leap_year() -> None:
    end = datetime(2025, 1, 10, tzinfo=timezone.utc).timestamp()

    assert instants(["Feb 29 12:00:00 x"], reference=end) == ["2024-02-29 12:00:00"]


def test_a_year_that_nothing_tells_stays_unknown() -> None:
    assert instants(["Feb 14 23:30:12 station kernel: x"]) == ["-"]


def test_times_without_a_date_go_on_past_midnight() -> None:
    end = datetime(2026, 2, 15, 1, tzinfo=timezone.utc).timestamp()
    lines = ["23:59:58 a", "[00:00:03] b", "00:30:00 c"]

    assert instants(lines, reference=end) == [
        "2026-02-14 23:59:58",
        "2026-02-15 00:00:03",
        "2026-02-15 00:30:00",
    ]


def test_twelve_hour_times_go_on_past_noon_and_midnight() -> None:
    end = datetime(2026, 2, 15, 1, tzinfo=timezone.utc).timestamp()
    lines = ["11:59 AM a", "12:01 PM b", "11:59:30 pm c", "12:00:10 am d"]

    assert [text[11:] for text in instants(lines, reference=end)] == [
        "11:59:00",
        "12:01:00",
        "23:59:30",
        "00:00:10",
    ]


def test_lines_that_overtake_each_other_by_little_do_not_change_the_day() -> None:
    end = datetime(2026, 2, 15, 13, tzinfo=timezone.utc).timestamp()
    lines = ["12:00:10 a", "12:00:08 b", "12:00:11 c"]

    assert {text[:10] for text in instants(lines, reference=end)} == {"2026-02-15"}


def test_the_hour_that_is_skipped_in_spring_takes_no_time() -> None:
    lines = ["2026-03-29 01:59:59 a", "2026-03-29 03:00:00 b"]

    assert instants(lines, zone=BERLIN) == ["2026-03-29 00:59:59", "2026-03-29 01:00:00"]


def test_the_hour_that_comes_twice_in_autumn_is_told_apart_by_its_order() -> None:
    lines = [
        "2026-10-25 02:59:50 a",
        "2026-10-25 02:00:10 b",
        "2026-10-25 02:30:00 c",
        "2026-10-25 03:00:00 d",
    ]

    assert instants(lines, zone=BERLIN) == [
        "2026-10-25 00:59:50", "2026-10-25 01:00:10", "2026-10-25 01:30:00", "2026-10-25 02:00:00",
    ]  # fmt: skip


def test_a_written_zone_counts_more_than_the_one_that_is_assumed() -> None:
    assert instants(["2026-07-01T12:00:00Z a"], zone=BERLIN) == ["2026-07-01 12:00:00"]


def test_day_and_month_are_told_apart_by_a_day_above_twelve() -> None:
    finder = StampFinder()
    finder.find(b"15/02/2026 10:00:00 a")

    stamp = finder.find(b"03/02/2026 10:00:00 b")

    assert stamp is not None
    assert (stamp.month, stamp.day, stamp.swapped) == (2, 3, False)


def test_an_order_of_day_and_month_that_nothing_tells_is_said_to_be_unsure() -> None:
    stamp = StampFinder().find(b"03/02/2026 10:00:00 b")

    assert stamp is not None
    assert stamp.swapped


def test_the_kernels_seconds_since_boot_are_no_date() -> None:
    stamp = StampFinder().find(b"<6>[  563.928503] Memory cgroup out of memory")

    assert stamp is not None
    assert (stamp.boot, stamp.wall) == (563.928503, None)


@settled
@given(st.datetimes(datetime(2001, 1, 1), datetime(2099, 12, 31)), st.sampled_from([
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y/%m/%d %H:%M:%S,%f", "%d/%b/%Y:%H:%M:%S", "%a %b %d %H:%M:%S %Y",
    "%d.%m.%Y %H:%M:%S", "%Y%m%d %H:%M:%S", "%Y-%m-%d %I:%M:%S %p",
]))  # fmt: skip
def test_any_instant_comes_back_from_the_text_it_was_written_as(at: datetime, form: str) -> None:
    assert instants([f"{at.strftime(form)} memory"]) == [at.strftime("%Y-%m-%d %H:%M:%S")]


@settled
@given(st.lists(st.one_of(st.binary(max_size=80), st.text(alphabet="0123456789-:/. T[]APMJanFebZ+,", max_size=60)
                          .map(str.encode)), max_size=8))  # fmt: skip
def test_any_bytes_are_looked_at_without_an_error(lines: list[bytes]) -> None:
    finder, clock = StampFinder(), LogClock(BERLIN)

    for line in lines:
        stamp = finder.find(line)
        if stamp is not None:
            moment = clock.read(stamp)
            clock.settle(1.7e9)
            clock.wall(moment)
