"""The cause of death of a recorded run, from what all its writers left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from described_journals import ELSEWHERE, HERE, KERNEL, SUPERVISOR, run_directory, sweep, trees

from leakhunt.evidence.kernel_lines import KernelLine, parse_kills
from leakhunt.findings.timeline import CauseOfDeath, Timeline
from leakhunt.timeline.ending import Machine
from leakhunt.timeline.story import tell

ALIVE = SUPERVISOR + trees(range(1, 100, 5), 100, 1)


def story(place: Path, ending: str, machine: Machine = HERE, **work: str) -> Timeline:
    return tell(run_directory(place, ALIVE + ending, **work), machine=machine)


def death(place: Path, ending: str, machine: Machine = HERE) -> CauseOfDeath:
    return story(place, ending, machine).death


def witness(
    kernel: str | None, before: int, after: int, since: float = 0.8, source: str = "cgroup-v1"
) -> str:
    lines = json.dumps([[99.5, kernel]] if kernel else [])
    counters = json.dumps([[source, "/job", False, before, after, since]])
    return f"witness t=100 moment=end counters={counters} kernel_read=true kernel_lines={lines} boot=100\n"


def test_the_kernels_line_about_the_program_proves_it(tmp_path: Path) -> None:
    found = death(tmp_path, witness(KERNEL, 0, 1) + "exit t=100 signal=SIGKILL oom_kills=1")

    assert (found.certainty, found.cause) == ("proven", "kernel-oom")


def test_a_kill_of_another_process_in_the_group_is_not_its_own(tmp_path: Path) -> None:
    other = KERNEL.replace("process 101", "process 999")

    assert death(tmp_path, witness(other, 0, 1) + "exit t=100 signal=SIGKILL").cause == "killed-by-user"


def test_sigkill_alone_is_never_out_of_memory(tmp_path: Path) -> None:
    found = death(tmp_path, "exit t=100 signal=SIGKILL oom_kills=3")

    assert (found.certainty, found.cause) == ("unknown", "unknown")


def test_a_kill_at_the_hard_limit_that_we_set_is_ours(tmp_path: Path) -> None:
    summary = (
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/job/leakhunt-5,"
        "task_memcg=/job/leakhunt-5,task=python,pid=101,uid=0"
    )
    lines = json.dumps([[99.4, summary], [99.5, KERNEL]])
    ending = (
        "hard-limit t=0.4 what=cgroup-v1 size=250000000 path=/sys/fs/cgroup/memory/job/leakhunt-5\n"
        f"witness t=100 moment=end kernel_read=true kernel_lines={lines} boot=100\n"
        "exit t=100 signal=SIGKILL oom_kills=1"
    )

    found = death(tmp_path, ending)

    assert (found.certainty, found.cause) == ("proven", "own-limit")
    assert "250 MB" in found.words
    assert any("Killed process 101" in line for line in found.proof)


def test_what_we_meant_to_do_before_we_did_it_is_ours(tmp_path: Path) -> None:
    asked = 'intent t=90 why=max-rss what="9 GB resident, 8 GB allowed" pid=101\n'

    assert death(tmp_path / "term", asked + "exit t=91 signal=SIGTERM").cause == "own-limit"
    killed = death(tmp_path / "kill", asked + "kill t=95 why=grace pids=[101]\nexit t=96 signal=SIGKILL")
    assert (killed.certainty, killed.cause) == ("proven", "own-limit")


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        ("exit t=100 signal=SIGSEGV", "crashed"),
        ("signal t=99 number=15 name=SIGTERM forwarded=true\nexit t=100 signal=SIGTERM", "terminated"),
        ("exit t=100 exit_code=3", "exited"),
        ("exit t=100 exit_code=137", "exited"),
        ("", "supervisor-lost"),
    ],
)
def test_other_ends(tmp_path: Path, ending: str, cause: str) -> None:
    assert death(tmp_path, ending).cause == cause


def test_a_machine_that_was_restarted_lost_its_power_or_was_rebooted(tmp_path: Path) -> None:
    assert death(tmp_path / "lost", "", ELSEWHERE).cause == "power-loss"
    # what the supervisor saw is not touched by a later restart
    assert death(tmp_path / "seen", "exit t=100 signal=SIGSEGV", ELSEWHERE).cause == "crashed"


def test_the_kernel_of_this_machine_is_asked_where_nobody_saw_the_end(tmp_path: Path) -> None:
    kills = tuple(parse_kills([KernelLine(KERNEL, boot=97.0)]))
    here = Machine(boot_id="boot-1", kills=kills, kernel_log_read=True, utc_offset=0)

    found = death(tmp_path, "", here)

    assert (found.certainty, found.cause) == ("proven", "kernel-oom")


def test_an_earlier_attempts_end_says_nothing_about_the_last_one(tmp_path: Path) -> None:
    ending = (
        'intent t=100 why=max-rss what="9 GB" pid=101\nexit t=101 signal=SIGTERM\n'
        "restart t=101 attempt=2 why=max-rss\nstart t=102 pid=102\nexit t=110 signal=SIGSEGV\n"
    )

    timeline = story(tmp_path, ending)

    assert timeline.death.cause == "crashed"
    assert [one.how for one in timeline.attempts] == ["ended by SIGTERM", "ended by SIGSEGV"]


def test_of_several_copies_the_last_to_end_is_told_and_the_others_are_listed(tmp_path: Path) -> None:
    ending = (
        "start t=100 pid=201 copy=1\nstart t=100.1 pid=202 copy=2\nexit t=105 exit_code=0 copy=2\n"
        "exit t=110 signal=SIGSEGV copy=1\n"
    )

    timeline = story(tmp_path, ending)

    assert timeline.death.cause == "crashed"
    assert [one.how for one in timeline.attempts][1:] == ["ended by SIGSEGV", "exit code 0"]


def test_saved_units_are_safe_and_nothing_else_is_called_lost(tmp_path: Path) -> None:
    work = "header t=1 writer=work pid=101\n" + "".join(
        f"unit t={9 + n} ledger=/srv/job/r.csv key=[{n}]\n" for n in range(7)
    )

    kept = story(tmp_path, "exit t=100 signal=SIGKILL", work_101=work).kept

    assert kept is not None
    assert ([one.units for one in kept.units], kept.lost) == ([7], 0)


def test_turns_after_the_last_write_of_every_file_are_lost(tmp_path: Path) -> None:
    files = (
        "file t=101 path=/srv/job/out/full.csv bytes=10 modified=1700000045 rows=4 role=data complete=true\n"
        "file path=/srv/job/run.log bytes=10 modified=1700000099 role=log complete=true\n"
    )
    path = run_directory(
        tmp_path, ALIVE + "exit t=100 signal=SIGKILL\n" + files, sweep([0.1, 0.2, 0.3, 0.4], 20, 100, 1)
    )

    kept = tell(path, machine=HERE).kept

    assert kept is not None
    assert (kept.done, kept.lost) == (3, 1)
    assert [(one.role, one.iterations, one.iterations_after) for one in kept.files] == [
        ("log", 3, 0),
        ("data", 2, 1),
    ]


def test_no_file_at_all_loses_every_turn(tmp_path: Path) -> None:
    path = run_directory(
        tmp_path,
        ALIVE + "exit t=100 signal=SIGKILL\nfile t=101 complete=true\n",
        sweep([0.1, 0.2, 0.3], 20, 100, 1),
    )

    kept = tell(path, machine=HERE).kept

    assert kept is not None
    assert (kept.done, kept.lost) == (2, 2)


def test_a_search_that_was_not_complete_calls_nothing_lost(tmp_path: Path) -> None:
    path = run_directory(
        tmp_path,
        ALIVE + "exit t=100 signal=SIGKILL\nfile t=101 complete=false\n",
        sweep([0.1, 0.2, 0.3], 20, 100, 1),
    )

    kept = tell(path, machine=HERE).kept

    assert kept is not None
    assert kept.lost is None


def test_the_limit_of_a_group_is_its_highest_estimate_and_the_machines_the_last(tmp_path: Path) -> None:
    of_group = "limits t=60 limit=5GB source=cgroup\n"
    of_host = "limits t=61 limit=20GB source=host\nlimits t=62 limit=15GB source=host\n"

    group = story(tmp_path / "group", of_group + "exit t=100 signal=SIGSEGV").reach
    host = story(tmp_path / "host", of_group + of_host + "exit t=100 signal=SIGSEGV").reach

    assert group is not None
    assert host is not None
    assert (group.limit, group.source) == (8_000_000_000, "cgroup")
    assert (host.limit, host.source) == (15_000_000_000, "host")
