"""The limit that counts is the nearest one, wherever it stands; a kill for memory needs a witness."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from leakhunt.cgroups import control_groups
from leakhunt.guard import limits as limits_module
from leakhunt.guard.limits import limits_now
from leakhunt.guard.outcome import ended


class Machine:
    """A /proc and a control group file system made by hand."""

    def __init__(self, directory: Path) -> None:
        self.proc, self.mount = directory / "proc", directory / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        self.mount.mkdir()

    def is_in(self, *lines: str, root: str = "/", kind: str = "cgroup2", options: str = "rw") -> None:
        (self.proc / "self" / "cgroup").write_text("".join(f"{line}\n" for line in lines))
        mount = f"30 23 0:26 {root} {self.mount} rw,nosuid shared:4 - {kind} {kind} {options}\n"
        (self.proc / "self" / "mountinfo").write_text("22 1 8:1 / / rw - ext4 /dev/vda rw\n" + mount)

    def group(self, path: str, **files: object) -> None:
        directory = self.mount / path
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (directory / name.replace("__", ".")).write_text(f"{content}\n")

    def groups(self):
        return control_groups(proc=self.proc)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_the_fullest_ancestor_decides_the_room(machine):
    machine.is_in("0::/a/b/c")
    machine.group("a/b/c", memory__max="max", memory__current=10)
    machine.group(
        "a/b", memory__max=1_000, memory__current=900, memory__stat="inactive_file 300\nslab_reclaimable 50"
    )
    machine.group("a", memory__max=10_000, memory__current=1_000)

    groups = machine.groups()

    assert [path.name for path in groups.v2] == ["c", "b", "a", "cgroup"]
    assert groups.room() == 450


def test_version_one_groups_count_too(machine):
    machine.is_in("5:cpu:/x", "4:memory:/x/y", "0::/", kind="cgroup", options="rw,memory")
    machine.group("x/y", memory__limit_in_bytes=9_223_372_036_854_771_712, memory__usage_in_bytes=5)
    machine.group(
        "x", memory__limit_in_bytes=700, memory__usage_in_bytes=600, memory__stat="total_inactive_file 100"
    )

    assert machine.groups().room() == 200


def test_a_container_that_sees_only_its_own_group_uses_the_mount_point(machine):
    machine.is_in("0::/", root="/docker/abc")
    machine.group(".", memory__max=500, memory__current=100)

    assert machine.groups().room() == 400


def test_a_group_outside_of_the_mount_falls_back_to_the_mount_point(machine):
    machine.is_in("0::/../other")
    machine.group(".", memory__max=500, memory__current=100)

    assert machine.groups().room() == 400


def test_no_limit_is_unknown_and_not_zero(machine):
    machine.is_in("0::/a")
    machine.group("a", memory__max="max", memory__current=10)

    assert machine.groups().room() is None
    assert machine.groups().kills() is None


def test_the_nearest_limit_is_taken_with_its_source(monkeypatch):
    class Memory:
        total, available = 1_000, 600

    class Groups:
        def room(self):
            return 300

    monkeypatch.setattr(limits_module.psutil, "virtual_memory", Memory)

    assert limits_now(50, Groups()) == limits_module.Limits(1_000, 600, 350, "cgroup")


def test_kills_are_counted_by_the_groups_of_either_version(machine):
    machine.is_in("0::/a")
    machine.group("a", memory__events="low 0\noom 3\noom_kill 2")
    assert machine.groups().kills() == 2

    machine.is_in("4:memory:/a", kind="cgroup", options="rw,memory")
    machine.group("a", memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 4")
    assert machine.groups().kills() == 4


@pytest.mark.parametrize(
    ("returncode", "oom_kills", "outcome", "shell_code"),
    [
        (0, 0, "completed", 0),
        (137, 0, "failed", 137),
        (137, 1, "failed", 137),
        (130, 0, "interrupted", 130),
        (-signal.SIGINT, 0, "interrupted", 130),
        (-signal.SIGKILL, 0, "killed", 137),
        (-signal.SIGKILL, None, "killed", 137),
        (-signal.SIGKILL, 1, "oom-killed", 137),
        (-signal.SIGTERM, 1, "killed", 143),
        (-signal.SIGSEGV, 0, "killed", 139),
        (-64, 0, "killed", 192),
    ],
)
def test_an_end_is_called_out_of_memory_only_with_proof(returncode, oom_kills, outcome, shell_code):
    end = ended(returncode, oom_kills=oom_kills, peak_rss=None, seconds=1.0)

    assert (end.outcome, end.shell_code) == (outcome, shell_code)
