"""What the kernel's lines about its out-of-memory killer say, whichever kernel wrote them and in whatever state."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_corpus import CASES
from properties import settled

from leakhunt.evidence.kernel_lines import (
    KernelLine,
    KillReader,
    parse_kills,
)


def kills_in(lines: list[str], start: float | None = 100.0) -> list[Any]:
    return parse_kills(
        KernelLine(line, None if start is None else start + n / 1e6) for n, line in enumerate(lines)
    )


@pytest.mark.parametrize(("kernel", "lines", "said"), CASES, ids=[case[0] for case in CASES])
def test_a_kill_is_read_from_the_lines_of_every_kernel(
    kernel: str, lines: list[str], said: dict[str, Any]
) -> None:
    kills = kills_in(lines)

    assert len(kills) == 1
    assert {name: getattr(kills[0], name) for name in said} == said


@pytest.mark.parametrize(("kernel", "lines", "said"), CASES, ids=[case[0] for case in CASES])
def test_a_kill_is_told_once_when_its_lines_have_no_times(
    kernel: str, lines: list[str], said: dict[str, Any]
) -> None:
    kills = kills_in(lines, start=None)

    assert [kill.pid for kill in kills] == [said["pid"]]


def test_interleaved_lines_of_two_kills_are_taken_apart() -> None:
    summary = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/g{0}," \
        "task_memcg=/g{0},task=python,pid={0},uid=0"  # fmt: skip
    killed = "Memory cgroup out of memory: Killed process {0} (python) total-vm:9kB, anon-rss:{0}kB, file-rss:0kB, " \
        "shmem-rss:0kB, UID:0 pgtables:8kB oom_score_adj:0"  # fmt: skip
    lines = [summary.format(71), summary.format(72), killed.format(72), killed.format(71)]

    kills = kills_in(lines)

    assert {kill.pid: (kill.task_group, kill.anon_rss) for kill in kills} == {
        71: ("/g71", 71 * 1024), 72: ("/g72", 72 * 1024),
    }  # fmt: skip


def test_a_choice_of_another_time_is_not_joined_to_a_later_kill_of_the_same_pid() -> None:
    reader = KillReader()
    reader.feed(KernelLine(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/old,task_memcg=/old,"
        "task=python,pid=5,uid=0", boot=10.0,
    ))  # fmt: skip
    reader.feed(
        KernelLine("Out of memory: Killed process 5 (python) total-vm:1kB, anon-rss:1kB", boot=9000.0)
    )

    assert [kill.task_group for kill in reader.kills()] == [None]


@pytest.mark.parametrize("line", [
    "python invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0",
    "oom_reaper: reaped process 9181 (python), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
    "memory: usage 204800kB, limit 204800kB, failcnt 4563",
    "[  15615]     0 15615   163399    67931    51070    16861         0   868352        0             0 python",
    "Tasks in /job.slice are going to be killed due to memory.oom.group set",
    "Killed by signal 15.",
    "the user killed process 12 with kill -9",
])  # fmt: skip
def test_a_line_that_names_no_victim_is_no_kill(line: str) -> None:
    assert kills_in([line]) == []


PIECES = [line for _, lines, _ in CASES for line in lines]


@settled
@given(st.lists(st.one_of(st.text(max_size=200), st.sampled_from(PIECES)), max_size=12), st.randoms())
def test_any_lines_in_any_state_are_read_without_an_error(lines: list[str], chance: random.Random) -> None:
    mangled = []
    for line in lines:
        cut = chance.randrange(len(line) + 1)
        mangled.append(
            chance.choice([line, line[:cut], line[cut:], line[:cut] + chance.choice(lines) + line[cut:]])
        )

    for kill in parse_kills(
        KernelLine(line, boot=chance.choice([None, chance.random() * 1e6])) for line in mangled
    ):
        assert kill.pid >= 0
        assert kill.resident is None or kill.resident >= 0
        assert kill.line


@settled
@given(st.integers(0, 1 << 40), st.text(max_size=30))
def test_a_line_as_long_as_a_log_is_read_quickly(size: int, text: str) -> None:
    line = "Out of memory: Killed process (" * 1000 + text + "9" * (size % 5000)

    assert parse_kills([KernelLine(line)]) == []
