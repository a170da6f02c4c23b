"""Stories told from logs alone: what is concluded, what is not, and that nothing in a log is obeyed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from foreign_stories import clock, clocks_in, tell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leakhunt.api import draw_timeline
from leakhunt.cli.main import main
from leakhunt.errors import LeakhuntError
from leakhunt.findings.timeline import Timeline
from leakhunt.timeline.foreign import tell_logs


def minutes(text: str, first: int, last: int, every: int = 1) -> str:
    """Return a log with this line once a minute; {n} is the minute."""
    return "".join(
        f"2026-02-15 {n // 60:02d}:{n % 60:02d}:00 {text.format(n=n)}\n"
        for n in range(first, last + 1, every)
    )


def slugs(timeline: Timeline) -> list[str]:
    return [cause.slug for cause in timeline.causes]


HEALTHY = "Worker 1 PID 50 healthy, mem: 2 GB"
BRAKE = "EMERGENCY BRAKE ACTIVATED [trial {n}]"


# ---- a watchdog ---------------------------------------------------------------------------------


def test_a_watchdog_that_stops_while_a_worker_brakes_is_a_root_cause(tmp_path: Path) -> None:
    timeline = tell(tmp_path, guard=minutes(HEALTHY, 0, 30), worker=minutes(BRAKE, 40, 90))

    assert slugs(timeline)[0] == "watchdog-not-running"
    assert "2026-02-15 00:30:00" in timeline.causes[0].why


def test_a_watchdog_that_stops_when_all_is_over_is_none(tmp_path: Path) -> None:
    timeline = tell(
        tmp_path, guard=minutes(HEALTHY, 0, 30), worker=minutes(BRAKE, 5, 20) + minutes("ok {n}", 21, 90)
    )

    assert "watchdog-not-running" not in slugs(timeline)


def test_a_watchdog_that_goes_on_is_none(tmp_path: Path) -> None:
    timeline = tell(tmp_path, guard=minutes(HEALTHY, 0, 90), worker=minutes(BRAKE, 40, 90))

    assert "watchdog-not-running" not in slugs(timeline)


def test_a_watchdog_that_says_that_it_stops_is_quoted(tmp_path: Path) -> None:
    stopped = minutes(HEALTHY, 0, 30) + "2026-02-15 00:30:02 watchdog stopped by admin\n"

    timeline = tell(tmp_path, guard=stopped, worker=minutes(BRAKE, 40, 90))

    assert "having said that it stops (watchdog stopped by admin)" in timeline.causes[0].why


def test_a_worker_that_ends_is_no_watchdog(tmp_path: Path) -> None:
    timeline = tell(tmp_path, one=minutes("step {n} rss 2 GB", 0, 30), two=minutes(BRAKE, 0, 90))

    assert "watchdog-not-running" not in slugs(timeline)


# ---- a brake ------------------------------------------------------------------------------------


def test_a_brake_while_memory_falls_is_not_in_vain(tmp_path: Path) -> None:
    lines = "".join(
        f"2026-02-15 01:{n:02d}:00 Memory usage: {30 - n / 4:.2f} GB\n"
        f"2026-02-15 01:{n:02d}:01 EMERGENCY BRAKE ACTIVATED\n"
        for n in range(40)
    )

    assert slugs(tell(tmp_path, worker=lines)) == ["brake-fired-often"]


def test_a_brake_while_memory_stays_is_in_vain(tmp_path: Path) -> None:
    lines = "".join(
        f"2026-02-15 01:{n:02d}:00 Memory usage: 29.41 GB\n2026-02-15 01:{n:02d}:01 EMERGENCY BRAKE ACTIVATED\n"
        for n in range(40)
    )

    assert slugs(tell(tmp_path, worker=lines)) == ["brake-cannot-release"]


def test_a_brake_of_which_no_memory_is_logged_is_not_judged(tmp_path: Path) -> None:
    timeline = tell(tmp_path, worker=minutes(BRAKE, 0, 40))

    assert slugs(timeline) == ["brake-fired-often"]
    assert "no figures of memory" in timeline.causes[0].why


def test_a_few_brakes_are_told_and_are_no_root_cause(tmp_path: Path) -> None:
    timeline = tell(tmp_path, worker=minutes(BRAKE, 0, 8))

    assert timeline.causes == []
    assert [event.count for event in timeline.events if event.kind == "brake"] == [9]


# ---- deaths ----------------------------------------------------------------------------------------


def test_a_kill_in_the_kernels_log_is_proven(tmp_path: Path) -> None:
    line = (
        "Feb 15 01:13:59 station kernel: [ 9183.120000] Out of memory: Killed process 17650 (python) total-vm:9kB, "
        "anon-rss:28672000kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:8kB oom_score_adj:0\n"
    )

    timeline = tell(tmp_path, kern=line, worker=minutes("step {n}", 0, 70))

    assert (timeline.death.certainty, timeline.death.cause) == ("proven", "kernel-oom")
    assert clock_utc(timeline.death.wall) == "2026-02-15 01:13:59"
    assert slugs(timeline) == ["kernel-out-of-memory"]


def test_the_word_killed_in_a_shells_log_proves_nothing(tmp_path: Path) -> None:
    timeline = tell(
        tmp_path, job="2026-02-15 01:00:00 start\n./run.sh: line 3: 811 Killed    python train.py\n"
    )

    assert (timeline.death.certainty, timeline.death.cause) == ("unknown", "unknown")


def test_a_log_in_which_all_is_well_has_no_death_and_no_cause(tmp_path: Path) -> None:
    timeline = tell(tmp_path, worker=minutes("step {n} done, mem: 2.0 GB", 0, 90))

    assert timeline.death.words == "The logs tell of no death."
    assert (timeline.causes, timeline.plan) == ([], [])


def test_a_restart_after_an_orderly_shutdown_is_no_crash(tmp_path: Path) -> None:
    log = (
        "2026-02-15 01:00:00 station systemd-logind[600]: System is rebooting.\n"
        "2026-02-15 01:00:50 station kernel: Linux version 6.1.0\n2026-02-15 01:02:00 station a[1]: b\n"
    )

    timeline = tell(tmp_path, journal="2026-02-15 00:00:00 station a[1]: b\n" + log)

    assert timeline.causes == []
    assert any("after an orderly shutdown" in event.text for event in timeline.events)


def test_a_log_that_begins_with_a_start_of_the_machine_tells_of_no_crash(tmp_path: Path) -> None:
    timeline = tell(tmp_path, journal="2026-02-15 01:00:50 station kernel: Linux version 6.1.0\n")

    assert timeline.death.cause == "unknown"
    assert timeline.causes == []


# ---- memory ---------------------------------------------------------------------------------------


def test_memory_of_a_worker_that_rises_all_along_is_a_root_cause(tmp_path: Path) -> None:
    lines = "".join(f"2026-02-15 01:{n:02d}:00 Worker 2 rss: {2 + n / 4:.2f} GB\n" for n in range(50))

    timeline = tell(tmp_path, worker=lines)

    assert slugs(timeline) == ["memory-grew"]
    assert timeline.series[0].name == "worker.log: Worker 2"
    assert "2 GB at 2026-02-15 01:00:00 to 14.2 GB" in timeline.causes[0].why.replace("2.0 GB", "2 GB")


def test_memory_that_comes_and_goes_did_not_grow(tmp_path: Path) -> None:
    lines = "".join(f"2026-02-15 01:{n:02d}:00 Worker 2 rss: {2 + n % 10:.2f} GB\n" for n in range(50))

    assert tell(tmp_path, worker=lines).causes == []


# ---- times --------------------------------------------------------------------------------------------


def clock_utc(wall: float | None) -> str:
    with clocks_in("UTC"):
        return clock(wall)


def test_a_log_of_undated_lines_comes_last_in_its_own_order_and_says_so(tmp_path: Path) -> None:
    timeline = tell(tmp_path, dated=minutes(BRAKE, 0, 3), undated="Worker 1 died\nMemoryError\n")

    assert [event.text for event in timeline.events[-2:]] == ["Worker 1 died", "MemoryError"]
    assert [event.wall for event in timeline.events[-2:]] == [None, None]
    assert any(loss.slug == "log-undated" and "undated.log" in loss.what for loss in timeline.losses)


def test_years_and_dates_that_one_log_leaves_out_come_from_the_others(tmp_path: Path) -> None:
    timeline = tell(
        tmp_path, worker=minutes(BRAKE, 0, 60), syslog="Feb 15 00:20:00 station a[1]: MemoryError\n",
        screen="23:59:50 Worker 1 died\n00:10:00 MemoryError\n",
    )  # fmt: skip

    told = {
        event.source: clock_utc(event.wall) for event in timeline.events if event.kind in ("error", "death")
    }
    assert told == {
        "syslog.log:1": "2026-02-15 00:20:00",
        "screen.log:1": "2026-02-14 23:59:50",
        "screen.log:2": "2026-02-15 00:10:00",
    }


def test_a_time_zone_that_is_named_is_that_of_times_without_one(tmp_path: Path) -> None:
    timeline = tell(
        tmp_path,
        zone="Europe/Berlin",
        a="2026-07-01 12:00:00 MemoryError\n",
        b="2026-07-01T10:00:05Z Killed\n",
    )

    assert [clock_utc(event.wall) for event in timeline.events if event.kind in ("error", "death")] == [
        "2026-07-01 10:00:00", "2026-07-01 10:00:05",
    ]  # fmt: skip
    assert not [loss for loss in timeline.losses if loss.slug == "log-zone"]


def test_a_time_zone_that_nobody_knows_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(LeakhuntError, match="no time zone 'Mars/Olympus' is known here"):
        tell(tmp_path, zone="Mars/Olympus", a="x\n")


def test_logs_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    for host in ("one", "two"):
        (tmp_path / host).mkdir()
        (tmp_path / host / "train.log").write_text("2026-02-15 01:00:00 MemoryError\n")

    timeline = tell_logs([tmp_path / "one" / "train.log", tmp_path / "two" / "train.log"], zone="UTC")

    assert timeline.sources == ["train.log", "train.log (2)"]


@pytest.mark.parametrize(("content", "slug"), [
    ("", "log-empty"), ("2026-02-15 01:00:00 hello\n", "log-not-understood"), ("[ 12.345678] x\n", "log-boot-clock"),
    ("03/02/2026 10:00:00 MemoryError\n", "log-date-order"),
    (b"2026-02-15 01:00:00 a\n" + bytes(900) + b"2026-02-15 01:00:01 b\n", "log-zeros"),
])  # fmt: skip
def test_what_a_log_cannot_say_is_a_loss(tmp_path: Path, content: str | bytes, slug: str) -> None:
    timeline = tell(tmp_path, a=content)

    assert slug in {loss.slug for loss in timeline.losses}


def test_a_log_whose_times_go_back_is_told(tmp_path: Path) -> None:
    timeline = tell(tmp_path, a="2026-02-15 02:00:00 MemoryError\n2026-02-15 01:00:00 Worker 1 died\n")

    assert [event.kind for event in timeline.events] == ["note", "death", "error"]


PIECES = [
    "2026-02-15 01:00:00 ", "2026-02-14 23:59:59,123 ", "Feb 14 23:30:12 station kernel: ", "[   12.345678] ",
    "01:02:03 ",
    "[Sun Feb 15 01:23:31 2026] ", "03/04/2026 01:00:00 PM ", "1771117200 ", "\n", "\n", "\n", "-- Reboot --\n",
    "Linux version 6.1.0\n", "Out of memory: Killed process 5 (py) total-vm:1kB, anon-rss:1kB\n", "watchdog started\n",
    "EMERGENCY BRAKE ACTIVATED\n" * 12, "Memory usage: 29 GB / 31 GB (94%)\n", "Worker 1 PID 7 healthy\n" * 4,
    "Worker 1 PID 7 died\n", "Worker 1 restarted as PID 8\n" * 6, "watchdog: not running\n", "System is rebooting.\n",
    "sending SIGTERM to process 9 uid 0 \"x\": badness 3, VmRSS 4 MiB\n", "\x1b[31m<b>*_`[x](y)\n", "\0" * 9,
]  # fmt: skip
LOGS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@settings(deadline=None, derandomize=True, max_examples=60, suppress_health_check=list(HealthCheck))
@given(LOGS, LOGS)
def test_any_two_logs_are_told_and_drawn(
    tmp_path_factory: pytest.TempPathFactory, one: str, two: str
) -> None:
    timeline = tell(tmp_path_factory.getbasetemp(), one=f"a\n{one}", two=f"b\n{two}")

    walls = [event.wall for event in timeline.events if event.wall is not None]
    assert walls == sorted(walls)
    assert [event.wall for event in timeline.events[len(walls) :]] == [None] * (
        len(timeline.events) - len(walls)
    )
    for form in ("json", "markdown", "svg"):
        draw_timeline(timeline, form)


# ---- the command -----------------------------------------------------------------------------------


def leakhunt(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "leakhunt", "timeline", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


HOSTILE = (
    "2026-02-15 01:00:00 MemoryError <script>alert(1)</script> [bold red]x[/] \x1b]0;owned\x07\x1b[2J "
    "![x](http://evil/) | `code` \u202edesrever\n"
)


def test_hostile_text_is_drawn_as_text_in_every_form(tmp_path: Path) -> None:
    log = tmp_path / "<img src=x onerror=alert(2)>.log"
    log.write_text(HOSTILE)
    files = {form: tmp_path / f"story.{form}" for form in ("html", "json", "markdown", "svg")}

    done = leakhunt("--log", log, *(part for form, path in files.items() for part in (f"--{form}", path)))

    assert done.returncode == 0, done.stderr.decode()
    for drawn in (done.stdout.decode(), *(path.read_text() for path in files.values())):
        assert "\x1b" not in drawn
        assert "\u202e" not in drawn
    for form in ("html", "svg"):
        drawn = files[form].read_text()
        assert "<script>alert(1)" not in drawn
        assert "<img src=x" not in drawn
    assert "<script>alert(1)" not in files["markdown"].read_text().replace("`", "")
    assert json.loads(files["json"].read_text())["events"]


def test_a_log_is_read_from_standard_input(tmp_path: Path) -> None:
    done = leakhunt("--log", "-", "--timezone", "UTC", stdin=b"2026-02-15 01:00:00 MemoryError\n")

    assert done.returncode == 0
    assert b"MemoryError" in done.stdout


@pytest.mark.parametrize(("arguments", "says"), [
    (["--log", "none.log"], "No such file"),
    (["--log", "."], "is a directory"),
    (["--log", "binary.log"], "is not text"),
    (["--log", "good.log", "--rules", "none.toml"], "No such file"),
    (["--log", "good.log", "--rules", "bad.toml"], "is not TOML"),
    (["--log", "good.log", "--timezone", "Mars"], "no time zone"),
    (["--rules", "bad.toml"], "name them with --log"),
    (["some-run", "--log", "good.log"], "no runs in .leakhunt"),
])  # fmt: skip
def test_a_mistake_is_told_in_a_line_and_ends_with_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("binary.log").write_bytes(bytes(range(256)) * 64)
    Path("good.log").write_text("2026-02-15 01:00:00 MemoryError\n")
    Path("bad.toml").write_text("[[rule\n")

    with pytest.raises(SystemExit) as ended:
        main(["timeline", *arguments])

    assert ended.value.code == 2
    assert says in capfd.readouterr().err
