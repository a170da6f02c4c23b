"""Deaths whose killer is only known to the system's journal: the kernel without the right to ask it, and daemons."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from leakhunt.evidence.happening import Happening
from leakhunt.evidence.kernel_kill import KernelKill
from leakhunt.journal.text import write_text
from leakhunt.timeline.ending import Machine
from leakhunt.timeline.joined import tell_with_logs
from leakhunt.timeline.story import tell

#: A run that was killed by SIGKILL at wall clock 1,700,000,020, by whom its supervisor could not find out.
KILLED = """
header t=0 writer=supervisor pid=400 argv=["train.py"] cwd="/srv" target=train.py boot_id=boot-1
start t=0.1 pid=401 argv=["python","train.py"]
witness t=0.2 moment=start pids=[401] pids_are_global={globally} comm=python groups=["/user.slice/run.scope"]
tree t=19.5 tree_rss=900MB main_rss=900MB processes=1 available=1MB
witness t=20 moment=end kernel_read=false boot=20
exit t=20 signal=SIGKILL seconds=20
"""
WALL = 1_700_000_020.0
KILL = KernelKill(
    401, "python", "Out of memory: Killed process 401 (python)", wall=WALL - 0.2, scope="machine"
)


def told(folder: Path, machine: Machine, *, globally: str = "true") -> tuple[str, str, list[str]]:
    write_text(folder / "supervisor.jsonl", KILLED.replace("{globally}", globally))
    death = tell(folder, machine=machine).death
    return death.certainty, death.cause, death.proof


def test_without_the_journal_it_stays_unknown(tmp_path: Path) -> None:
    assert told(tmp_path, Machine("boot-1"))[:2] == ("unknown", "unknown")


def test_the_kernels_line_in_the_journal_is_proof(tmp_path: Path) -> None:
    certainty, cause, proof = told(tmp_path, Machine("boot-1", (KILL,)))

    assert (certainty, cause) == ("proven", "kernel-oom")
    assert "Killed process 401" in proof[0]


def test_the_kernels_line_is_found_after_a_restart_of_the_machine(tmp_path: Path) -> None:
    assert told(tmp_path, Machine("boot-2", (KILL,)))[:2] == ("proven", "kernel-oom")


def test_a_kill_on_another_boots_clock_is_not_compared(tmp_path: Path) -> None:
    of_today = dataclasses.replace(KILL, wall=None, boot=19.9)

    assert told(tmp_path, Machine("boot-2", (of_today,)))[1] == "unknown"


@pytest.mark.parametrize(("pid", "globally", "expected"), [
    (401, "true", ("proven", "oom-daemon")),
    (999, "true", ("unknown", "unknown")),
    (401, "false", ("probable", "oom-daemon")),
])  # fmt: skip
def test_a_daemons_words_in_the_journal_are_heard(
    tmp_path: Path, pid: int, globally: str, expected: tuple[str, str]
) -> None:
    said = Happening(WALL - 1, None, "oom-daemon", f"sending SIGKILL to process {pid}", "earlyoom", pid)

    assert told(tmp_path, Machine("boot-1", others=(said,)), globally=globally)[:2] == expected


def test_a_run_and_logs_are_told_in_one_story(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    write_text(run / "supervisor.jsonl", KILLED.replace("{globally}", "true"))
    kernel, guard = tmp_path / "kernel.log", tmp_path / "guard.log"
    kernel.write_text(
        "2023-11-14T22:13:39,800000+00:00 station kernel: Out of memory: Killed process 401 (python)\n"
    )
    guard.write_text("22:13:25 Worker 1 PID 401 healthy, mem: 3 GB\n22:13:45 Worker 1 PID 401 died\n")

    timeline = tell_with_logs(run, [kernel, guard], zone="UTC")

    assert (timeline.death.certainty, timeline.death.cause) == ("proven", "kernel-oom")
    told = [(event.source, event.kind) for event in timeline.events]
    assert ("kernel.log", "kernel-oom") in told
    assert told.index(("guard.log:1", "alive")) < told.index(("guard.log:2", "death"))
    walls = [event.wall for event in timeline.events if event.wall is not None]
    assert walls == sorted(walls)
    assert {"guard.log", "kernel.log"} < set(timeline.sources)


def test_a_daemon_that_repeats_itself_is_heard_at_the_death_too(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    write_text(run / "supervisor.jsonl", KILLED.replace("{globally}", "true"))
    log = tmp_path / "earlyoom.log"
    said = 'station earlyoom[9]: sending SIGKILL to process 401 uid 0 "python": badness 9, VmRSS 4 MiB'
    log.write_text(f"2023-11-14T22:00:00Z {said}\n2023-11-14T22:13:39Z {said}\n")

    death = tell_with_logs(run, [log], zone="UTC").death

    assert (death.certainty, death.cause) == ("proven", "oom-daemon")
