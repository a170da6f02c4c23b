# ruff: noqa: RUF001 - dashes of other alphabets are meant
"""What is read from logs that nobody wrote for us: damaged, huge, hostile, in any code, with times or without."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs import UTC, reading_of, told
from properties import settled

from leakhunt.errors import LeakhuntError
from leakhunt.evidence import log_groups
from leakhunt.evidence.log_reading import LogReading, read_log
from leakhunt.evidence.rules import shipped_rules

BRAKE = "2026-02-15 01:{:02d}:{:02d} EMERGENCY BRAKE ACTIVATED [trial {}]\n"


def when(reading: LogReading, index: int = 0) -> str:
    first = reading.groups[index].first
    wall = None if first is None else reading.clock.wall(first)
    return "-" if wall is None else datetime.fromtimestamp(wall, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def test_what_is_said_again_and_again_is_told_once_with_its_count(tmp_path: Path) -> None:
    lines = "".join(BRAKE.format(n // 60, n % 60, n) for n in range(951))

    reading = reading_of(tmp_path, lines)

    assert told(reading) == [("brake", 951, "EMERGENCY BRAKE ACTIVATED [trial 0]")]
    assert reading.groups[0].last_text == "EMERGENCY BRAKE ACTIVATED [trial 950]"
    assert reading.lines == reading.dated == 951


def test_a_line_without_a_time_has_that_of_the_line_before_it(tmp_path: Path) -> None:
    reading = reading_of(
        tmp_path, "2026-02-15 01:00:00 trial 7\nEMERGENCY BRAKE ACTIVATED\nAvailable memory: 1.8 GB\n"
    )

    assert [(group.kind, group.undated) for group in reading.groups] == [("brake", True), ("memory", True)]
    assert when(reading) == "2026-02-15 01:00:00"
    assert reading.groups[1].available == 1_800_000_000


def test_a_word_before_the_time_belongs_to_what_is_said(tmp_path: Path) -> None:
    log = (
        "trainer-1  | 2026-02-15T01:00:00Z MemoryError\n"
        "reboot   system boot  6.1.0   Sun Feb 15 01:14   still running\n"
        "Sun Feb 15 01:30:00 2026 Worker 1 died\n"
    )

    reading = reading_of(tmp_path, log)

    assert [(group.kind, group.text) for group in reading.groups] == [
        ("error", "trainer-1 MemoryError"), ("boot", "reboot   system boot  6.1.0 still running"),
        ("death", "Worker 1 died"),
    ]  # fmt: skip
    assert when(reading) == "2026-02-15 01:00:00"


def test_a_mark_of_a_reboot_has_the_time_of_the_line_after_it(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, "2026-02-14 23:29:00 a\n-- Reboot --\n2026-02-14 23:30:41 b\n")

    assert [group.kind for group in reading.groups] == ["boot"]
    assert when(reading) == "2026-02-14 23:30:41"


def test_a_log_without_times_keeps_the_order_of_its_lines(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, "Worker 1 died\nMemoryError\nEMERGENCY BRAKE ACTIVATED\n")

    assert [(group.kind, group.position, group.first) for group in reading.groups] == [
        ("death", 1, None), ("error", 2, None), ("brake", 3, None),
    ]  # fmt: skip
    assert reading.dated == 0


@pytest.mark.parametrize("code", ["utf-8", "cp1252", "utf-16"])
def test_a_log_in_another_code_is_read(tmp_path: Path, code: str) -> None:
    reading = reading_of(tmp_path, "2026-02-15 01:00:00 Überlauf: Worker 1 PID 7 died – müde\n".encode(code))

    assert told(reading) == [("death", 1, "Überlauf: Worker 1 PID 7 died – müde")]


def test_several_codes_in_one_log_and_mojibake_survive(tmp_path: Path) -> None:
    lines = "2026-02-15 01:00:00 MemoryError: zu groß\n".encode()
    lines += "2026-02-15 01:00:01 MemoryError: zu groß\n".encode("cp1252")
    lines += "2026-02-15 01:00:02 MemoryError: zu groß\n".encode().decode("cp1252").encode()
    lines += b"2026-02-15 01:00:03 MemoryError: \x81\xfe\x90\n"

    reading = reading_of(tmp_path, lines)

    assert told(reading) == [("error", 4, "MemoryError: zu groß")]
    assert reading.groups[0].last_text == r"MemoryError: \x81\xfe\x90"


def test_colours_and_escape_sequences_are_taken_out(tmp_path: Path) -> None:
    line = "\x1b[32m2026-02-15 01:00:00\x1b[0m \x1b[1;31mMemoryError\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\end\x1b[2J\n"

    assert told(reading_of(tmp_path, line)) == [("error", 1, "MemoryError end")]


def test_a_progress_bar_that_rewrites_its_line_is_many_lines(tmp_path: Path) -> None:
    line = "2026-02-15 01:00:00 start\n 1%| mem: 1.0GB\r 2%| mem: 2.0GB\r 3%| mem: 3.0GB\n"

    reading = reading_of(tmp_path, line)

    assert [(group.kind, group.count, group.size, group.last_size) for group in reading.groups] == [
        ("memory", 3, 10**9, 3 * 10**9)
    ]


def test_windows_line_ends_are_no_part_of_the_text(tmp_path: Path) -> None:
    assert told(reading_of(tmp_path, "2026-02-15 01:00:00 MemoryError\r\n")) == [("error", 1, "MemoryError")]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_log_is_unpacked_on_the_way(tmp_path: Path, pack: object) -> None:
    packed = pack(b"2026-02-15 01:00:00 MemoryError\n")  # type: ignore[operator]

    assert told(reading_of(tmp_path, packed, name="a.log.gz")) == [("error", 1, "MemoryError")]


def test_a_packed_log_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = "".join(BRAKE.format(n // 60, n % 60, n * 7919 % 9973) for n in range(3000)).encode()

    reading = reading_of(tmp_path, gzip.compress(whole)[:-2000], name="a.log.gz")

    assert reading.broken
    assert 0 < reading.groups[0].count < 3000


@pytest.mark.parametrize(("content", "says"), [
    (b"LPKSHHRH" + bytes(200), "journalctl --file"),
    (b"\x7fELF" + bytes(range(256)) * 9, "a program, not a log"),
    (b"PAR1" + bytes(range(256)) * 9, "Parquet"),
    (bytes(range(256)) * 40, "is not text"),
    (b"SQLite format 3\0" + bytes(100), "SQLite"),
])  # fmt: skip
def test_what_is_no_text_is_refused_in_a_line(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(LeakhuntError) as raised:
        reading_of(tmp_path, content)

    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_log_that_is_missing_or_a_directory_is_told_in_a_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none.log", tmp_path, tmp_path / "a\0b"):
        with pytest.raises(LeakhuntError):
            read_log(path, shipped_rules(), UTC)


def test_the_zeros_that_a_crash_leaves_in_a_log_are_counted_and_passed_over(tmp_path: Path) -> None:
    lines = (
        b"2026-02-15 01:00:00 MemoryError\n2026-02-15 01:00:01 Mem"
        + bytes(5000)
        + b"2026-02-15 02:00:00 MemoryError\n"
    )

    reading = reading_of(tmp_path, lines)

    assert reading.nul_bytes == 5000
    assert reading.groups[0].count == 2


def test_an_empty_log_tells_nothing(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, "")

    assert (reading.lines, reading.groups, reading.last) == (0, [], None)


def test_a_line_of_ten_megabytes_is_cut_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as stream:
        stream.write(b"2026-02-15 01:00:00 MemoryError ")
        for _ in range(10):
            stream.write(b"x" * 1_000_000)
        stream.write(b"\n2026-02-15 01:00:01 MemoryError\n")

    reading = read_log(path, shipped_rules(), UTC)

    assert [group.count for group in reading.groups] == [2]
    assert reading.cut_lines == 1
    assert reading.lines == 2


def test_a_log_of_ever_new_things_keeps_the_first_and_counts_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_groups, "MOST_GROUPS", 50)
    lines = "".join(f"2026-02-15 01:{n // 60:02d}:{n % 60:02d} Worker {n} PID {n} died\n" for n in range(80))

    reading = reading_of(tmp_path, lines)

    assert (len(reading.groups), reading.overflow) == (50, 30)


def test_a_long_log_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("w") as stream:
        for n in range(150_000):
            stream.write(f"2026-02-15 01:{n // 3000:02d}:00 step {n} of many, nothing to tell\n")

    tracemalloc.start()
    try:
        reading = read_log(path, shipped_rules(), UTC)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert reading.lines == 150_000
    assert path.stat().st_size > 7_000_000
    assert peak < 8_000_000


def test_a_silence_that_is_long_for_a_log_is_found(tmp_path: Path) -> None:
    minutes = [*range(30), *range(50, 59)]
    reading = reading_of(tmp_path, "".join(f"2026-02-15 01:{minute:02d}:00 ok\n" for minute in minutes))

    assert [gap.seconds for gap in reading.gaps] == [21 * 60]
    assert reading.interval == 60


def test_the_kernels_lines_in_a_system_log_are_read_as_kills(tmp_path: Path) -> None:
    log = (
        "Feb 15 01:13:59 station kernel: [ 9183.110000] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,"
        "mems_allowed=0,global_oom,task_memcg=/user.slice,task=python,pid=17650,uid=1000\n"
        "Feb 15 01:13:59 station kernel: [ 9183.120000] Out of memory: Killed process 17650 (python) total-vm:9kB, "
        "anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:8kB oom_score_adj:0\n"
    )

    reading = reading_of(tmp_path, log, name="kern.log")

    assert [(kill.pid, kill.task_group, kill.boot) for kill, _ in reading.kills] == [
        (17650, "/user.slice", 9183.12)
    ]
    assert reading.kills[0][1] is not None


def test_a_kernel_log_that_counts_from_the_start_of_the_machine_has_no_date(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, "[    1.0] Linux version 6.1.0\n[  563.928503] Memory cgroup out of memory: Killed "
                                   "process 15615 (python) total-vm:6kB, anon-rss:2kB\n", name="dmesg.txt")  # fmt: skip

    kill, moment = reading.kills[0]
    assert kill.scope == "group"
    assert moment is not None
    assert (moment.boot, reading.clock.wall(moment)) == (563.928503, None)


@pytest.mark.parametrize("time", [
    "[Sun Feb 15 01:13:59 2026]", "[So Feb 15 01:13:59 2026]", "2026-02-15T01:13:59,123456+00:00", "[ 9183.120000]",
    "<4>[ 9183.120000]",
])  # fmt: skip
def test_a_kernels_own_log_is_known_by_how_it_writes_times(tmp_path: Path, time: str) -> None:
    log = f"{time} Mem-Info: rss 3 GB\n{time} Out of memory: Killed process 5 (python) total-vm:9kB, anon-rss:8kB\n"

    reading = reading_of(tmp_path, log)

    assert [(kill.pid, moment is not None) for kill, moment in reading.kills] == [(5, True)]
    assert reading.groups == []


def test_json_lines_are_read_by_their_message(tmp_path: Path) -> None:
    log = '{"ts": 1771117200.5, "level": "error", "msg": "Worker 1 PID 7 died"}\n{"level": "info"}\n{broken\n'

    reading = reading_of(tmp_path, log)

    assert told(reading) == [("death", 1, "Worker 1 PID 7 died")]
    assert when(reading) == "2026-02-15 01:00:00"


def test_who_writes_a_log_shows_by_what_it_writes(tmp_path: Path) -> None:
    watchdog = reading_of(
        tmp_path, "2026-02-15 01:00:00 Worker 1 PID 5 healthy\n2026-02-15 01:01:00 Worker 1 PID 5 healthy\n"
    )
    worker = reading_of(tmp_path, BRAKE.format(1, 1, 1) * 3)

    assert (watchdog.role, worker.role) == ("watchdog", "worker")


def test_a_series_of_figures_is_thinned_to_its_peaks(tmp_path: Path) -> None:
    def lines() -> Iterator[str]:
        for n in range(9000):
            size = {100: 80, 201: 81, 4567: 90}.get(n, 10 + n % 3)
            yield f"2026-02-15 {n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d} Memory usage: {size} GB\n"

    series = reading_of(tmp_path, "".join(lines())).series[0]

    assert len(series.points) <= 2000
    assert {80 * 10**9, 81 * 10**9, 90 * 10**9} <= {size for _, size in series.points}


@settled
@given(st.binary(max_size=3000))
def test_any_bytes_are_read_or_refused_in_a_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    said = ""
    try:
        reading_of(tmp_path_factory.getbasetemp(), content)
    except LeakhuntError as error:
        said = str(error)

    assert "\n" not in said


PIECES = [
    b"2026-02-15 01:00:00 ", b"Feb 14 23:30:12 station kernel: ", b"[  12.5] ", b"01:02:03 ", b"\x1b[31m", b"\r", b"\n",
    b"\n", b"\0" * 20, b"Out of memory: Killed process 5 (py) total-vm:1kB", b"EMERGENCY BRAKE ACTIVATED", b"mem: 2 GB",
    b"-- Reboot --", b"Worker 1 PID 7 died", b'{"ts": 1771117200, "msg": "MemoryError"}', "größe".encode(), b"\xff\xfe",
    b"x" * 70_000, b"Feb 29 10:00:00 a", b"1771117200 ", b"<script>alert(1)</script>",
]  # fmt: skip


@settled
@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_any_mixture_of_lines_is_read(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    content = b"2026-02-15 00:00:00 begin\n" + b"".join(pieces)

    reading = reading_of(tmp_path_factory.getbasetemp(), content)

    assert reading.lines >= 1
    assert all(len(group.text) <= 300 for group in reading.groups)
