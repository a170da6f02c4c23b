"""What the system's journal and the kernel's ring say of a death, from the real ones or from stand-ins."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import settled

from leakhunt.evidence.kernel_lines import parse_kills
from leakhunt.evidence.kmsg import read_kmsg
from leakhunt.evidence.system_log import parse_entries, read_system_log

KILLED = "Out of memory: Killed process 50 (python) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB"
BOOT = "0d1f5a1e-0000-4000-8000-000000000001"


def entry(text: object, **fields: object) -> bytes:
    known = {"MESSAGE": text, "__REALTIME_TIMESTAMP": "1771118092000000", "_BOOT_ID": BOOT.replace("-", "")}
    return json.dumps({**known, **fields}).encode()


def kernel(text: object, **fields: object) -> bytes:
    base = {"_TRANSPORT": "kernel", "SYSLOG_FACILITY": "0", "_SOURCE_MONOTONIC_TIMESTAMP": "9183120000"}
    return entry(text, **{**base, **fields})


def test_a_kill_in_the_journal_has_both_clocks() -> None:
    kill = parse_kills(parse_entries([kernel(KILLED)], boot_id=BOOT).kernel)[0]

    assert (kill.pid, kill.boot, kill.wall) == (50, 9183.12, 1771118092.0)


def test_a_line_of_an_earlier_boot_has_no_time_on_this_boots_clock() -> None:
    line = parse_entries([kernel(KILLED, _BOOT_ID="a" * 32)], boot_id=BOOT).kernel[0]

    assert (line.boot, line.wall) == (None, 1771118092.0)


def test_what_a_program_wrote_into_the_kernels_log_is_not_the_kernels_word() -> None:
    assert (
        parse_entries([kernel(KILLED, SYSLOG_FACILITY="1"), entry(KILLED, SYSLOG_IDENTIFIER="x")]).kernel
        == ()
    )


def test_a_message_that_is_no_text_comes_as_numbers() -> None:
    lines = parse_entries([kernel([*b"Out of memory: Killed process 50 (\xffx)"])]).kernel

    assert parse_kills(lines)[0].comm == r"\xffx"


def test_other_killers_are_heard() -> None:
    log = parse_entries([
        entry('sending SIGTERM to process 50 uid 0 "py": badness 900, VmRSS 4514 MiB', SYSLOG_IDENTIFIER="earlyoom"),
        entry("Killed /user.slice/x.scope due to memory pressure for /user.slice", SYSLOG_IDENTIFIER="systemd-oomd"),
        entry("train.service: Failed with result 'oom-kill'.", SYSLOG_IDENTIFIER="systemd"),
        entry("Started Daily apt upgrade.", SYSLOG_IDENTIFIER="systemd"),
    ])  # fmt: skip

    assert [(one.kind, one.source, one.pid) for one in log.others] == [
        ("oom-daemon", "earlyoom", 50), ("oom-daemon", "systemd-oomd", None), ("oom-report", "systemd", None),
    ]  # fmt: skip
    assert log.others[0].bytes_ == 4514 * 2**20


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program named journalctl before all others."""
    program = folder / "journalctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_the_journal_is_asked_for_the_time_around_the_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "answer").write_bytes(kernel(KILLED) + b"\n")
    stand_in(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/asked; cat {tmp_path}/answer')

    log = read_system_log(1000.0, 1002.0)

    assert log is not None
    assert len(log.kernel) == 1
    asked = (tmp_path / "asked").read_text()
    assert "--since=@940 --until=@1063 _TRANSPORT=kernel + _PID=1 + SYSLOG_IDENTIFIER=earlyoom" in asked


def test_a_journal_that_may_not_be_read_or_is_not_there_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, "exit 1")
    assert read_system_log(1000.0, 1002.0) is None

    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert read_system_log(1000.0, 1002.0) is None


def test_a_journal_that_writes_nonsense_is_read_as_saying_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, "head -c 100000 /dev/urandom")

    log = read_system_log(1000.0, 1002.0)

    assert log is not None
    assert (log.kernel, log.others) == ((), ())


@settled
@given(st.lists(st.one_of(st.binary(max_size=60), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.dictionaries(st.sampled_from(["MESSAGE", "_TRANSPORT", "__REALTIME_TIMESTAMP"]), inner),
    max_leaves=6).map(lambda value: json.dumps(value).encode())), max_size=6))  # fmt: skip
def test_any_entries_are_read_without_an_error(lines: list[bytes]) -> None:
    parse_entries(lines, boot_id=BOOT)


def test_the_kernels_ring_is_read_without_waiting_where_it_may_be() -> None:
    if not os.access("/dev/kmsg", os.R_OK):
        pytest.skip("the kernel's ring may not be read here")

    lines = read_kmsg()

    assert lines is None or all(line.boot is not None and line.text for line in lines)


def test_a_ring_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert read_kmsg(str(tmp_path / "kmsg")) is None
