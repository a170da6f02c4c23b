"""What is written down of a death: who it was, what the counters counted, what the kernel said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leakhunt.cgroups import ControlGroups
from leakhunt.evidence.kernel_lines import KernelLine
from leakhunt.guard import witness as witness_module
from leakhunt.guard.witness import Witness
from leakhunt.journal.reader import read_journal
from leakhunt.journal.writer import JournalWriter

KILLED = "Memory cgroup out of memory: Killed process {pid} ({comm}) total-vm:1kB, anon-rss:1kB"


class Machine:
    """A /proc and a control group of version 1, made by hand."""

    def __init__(self, place: Path) -> None:
        self.proc, self.group = place / "proc", place / "group"
        (self.proc / "7").mkdir(parents=True)
        (self.proc / "self" / "ns").mkdir(parents=True)
        self.group.mkdir()
        (self.proc / "7" / "status").write_text("Name:\tpython\nNSpid:\t7\t3\n")
        (self.proc / "7" / "comm").write_text("python\n")
        (self.proc / "7" / "cgroup").write_text("4:memory:/job\n1:cpu:/\n0::/\n")
        (self.proc / "self" / "ns" / "pid").symlink_to("pid:[4026531836]")
        self.count(0)

    def count(self, kills: int) -> None:
        (self.proc / "vmstat").write_text(f"nr_free 1\noom_kill {kills}\n")
        (self.group / "memory.oom_control").write_text(f"oom_kill_disable 0\noom_kill {kills}\n")

    def witness(self) -> Witness:
        return Witness(ControlGroups(v1=(self.group,)), proc=self.proc)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def journal(tmp_path: Path):
    writer = JournalWriter(tmp_path / "supervisor.jsonl", {"writer": "supervisor"})
    writer.records = lambda: [one.fields for one in read_journal(writer.path).of("witness")]
    yield writer
    writer.close()


def kernel_says(monkeypatch: pytest.MonkeyPatch, *lines: str, readable: bool = True) -> None:
    said = [KernelLine(line, boot=1.0) for line in lines] if readable else None
    monkeypatch.setattr("leakhunt.evidence.kmsg.read_kmsg", lambda **_: said)
    monkeypatch.setattr(witness_module, "_KERNEL_WAIT", 0.1)


def test_who_the_program_is_is_written_down_at_once(machine, journal) -> None:
    machine.witness().begin(7, journal)

    (start,) = journal.records()
    assert (start["moment"], start["pids"], start["pids_are_global"]) == ("start", [7, 3], True)
    assert (start["comm"], start["groups"]) == ("python", ["/job"])


def test_a_kill_that_the_kernel_names_is_counted(machine, journal, monkeypatch) -> None:
    kernel_says(monkeypatch, KILLED.format(pid=7, comm="python"))
    witness = machine.witness()
    witness.begin(7, journal)
    machine.count(1)

    assert witness.end(journal, killed=True) == 1
    end = journal.records()[-1]
    assert end["kernel_lines"] == [[1.0, KILLED.format(pid=7, comm="python")]]
    assert [counter[3:5] for counter in end["counters"]] == [[0, 1], [0, 1]]


def test_a_kill_of_a_census_is_not_the_programs(machine, journal, monkeypatch) -> None:
    kernel_says(monkeypatch, KILLED.format(pid=55, comm="leakhunt-census"))
    witness = machine.witness()
    witness.begin(7, journal)
    machine.count(1)

    assert witness.end(journal, killed=True) == 0


def test_counters_decide_where_the_kernel_log_cannot_be_read(machine, journal, monkeypatch) -> None:
    kernel_says(monkeypatch, readable=False)
    witness = machine.witness()
    witness.begin(7, journal)
    machine.count(1)

    assert witness.end(journal, killed=True) == 1
    assert journal.records()[-1]["kernel_read"] is False


def test_what_was_counted_long_before_the_death_does_not_count(machine, journal, monkeypatch) -> None:
    kernel_says(monkeypatch, readable=False)
    witness = machine.witness()
    witness.begin(7, journal)
    machine.count(1)
    monkeypatch.setattr(witness_module, "LOOK_EVERY", 0.0)
    witness.look()

    assert witness.end(journal, killed=True) == 0


def test_the_kernel_is_not_asked_about_a_program_that_exited(machine, journal, monkeypatch) -> None:
    kernel_says(monkeypatch, KILLED.format(pid=7, comm="python"))
    witness = machine.witness()
    witness.begin(7, journal)

    witness.end(journal, killed=False)

    assert journal.records()[-1]["kernel_lines"] is None


def test_a_machine_without_counters_makes_nobody_count(tmp_path, journal, monkeypatch) -> None:
    kernel_says(monkeypatch, readable=False)
    witness = Witness(ControlGroups(), proc=tmp_path / "nothing")
    witness.begin(os.getpid(), journal)

    assert witness.end(journal, killed=True) is None
