"""What the kernel holds below the supervisor: real control groups where they can be made, trees of text elsewhere."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from leakhunt.cgroups import ControlGroups, control_groups
from leakhunt.errors import LeakhuntError
from leakhunt.guard.child_group import Counters, GroupMaker, Unavailable
from leakhunt.guard.hard_limit import HardLimit, available_hard_limit
from leakhunt.journal.reader import read_journal

MB = 10**6
#: Takes it at once, and does not go when it is asked: on a busy machine the supervisor may be there first.
GREEDY = (
    "import signal; signal.signal(15, signal.SIG_IGN); hoard = bytearray(600_000_000); print('had it all')"
)


@pytest.fixture
def real_groups():
    """The control groups of this process, where groups can be made below them."""
    groups = control_groups()
    maker = GroupMaker(groups)
    try:
        maker.make(100 * MB).remove()
    except Unavailable as problem:
        pytest.skip(f"no control group can be made here: {problem}")
    finally:
        maker.leave()
    return groups


@pytest.fixture
def guarded(tmp_path):
    def run(program, *options, before=(), timeout=90):
        (tmp_path / "program.py").write_text(textwrap.dedent(program))
        command = [*before, sys.executable, "-m", "leakhunt", "run", "--home", "home", *options, "program.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout)
        done.records = read_journal(next((tmp_path / "home").glob("runs/*/supervisor.jsonl"))).records
        return done

    return run


def fields(done, kind):
    return [record.fields for record in done.records if record.kind == kind]


# ---- for real -------------------------------------------------------------------------------


def test_the_kernel_ends_what_outruns_the_supervisor(real_groups, guarded):
    done = guarded(GREEDY, "--max-rss", "200MB", "--restarts", "0")

    assert "had it all" not in done.stdout
    assert done.returncode == 78
    assert "hard limit 250 MB for all its processes, by cgroup-" in done.stderr
    (limit,), (counted,), (end,) = (fields(done, kind) for kind in ("hard-limit", "hard-limit-end", "exit"))
    assert limit["size"] == 250 * MB
    assert (counted["oom_kills"], end["oom_kills"], end["signal"]) == (1, 1, "SIGKILL")
    assert 200 * MB < counted["peak"] <= 250 * MB
    assert not os.path.exists(limit["path"])


def test_a_worker_that_the_kernel_kills_is_counted(real_groups, guarded):
    program = f"""
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(1 if subprocess.run([sys.executable, "-c", {GREEDY!r}]).returncode == -9 else 0)
    """
    done = guarded(program, "--max-rss", "200MB", "--restarts", "0")

    (end,), (counted,) = fields(done, "exit"), fields(done, "hard-limit-end")
    assert done.returncode == 78  # an ordinary error would be passed on
    assert (end["exit_code"], end["oom_kills"], counted["oom_kills"]) == (1, 1, 1)


def test_the_supervisor_survives_a_kill_in_a_space_of_process_numbers_of_its_own(real_groups, guarded):
    inside = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*inside, "true"], capture_output=True).returncode != 0
    ):
        pytest.skip("no process number space can be made here")

    done = guarded(GREEDY, "--max-rss", "200MB", "--restarts", "0", before=inside)

    (start,), (counted,) = fields(done, "start"), fields(done, "hard-limit-end")
    assert done.returncode == 78
    assert start["pid"] < 100  # not the number that the kernel's log has
    assert counted["oom_kills"] == 1


def test_what_a_killed_supervisor_leaves_behind_is_swept_by_the_next(real_groups, tmp_path):
    (tmp_path / "program.py").write_text(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    (tmp_path / "quick.py").write_text("pass")
    command = [sys.executable, "-m", "leakhunt", "run", "--home", "home", "--max-rss", "300MB"]
    killed = subprocess.Popen([*command, "program.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    child = int(killed.stdout.readline())
    group = Path(group_of(child))
    assert group.name.startswith("leakhunt-")
    killed.kill()
    killed.wait()
    subprocess.run([*command, "quick.py"], cwd=tmp_path, check=True, timeout=60)
    killed.stdout.close()

    assert not group.exists()
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_looking_for_what_could_be_had_ends_nothing(real_groups, monkeypatch):
    swept = []
    monkeypatch.setattr(GroupMaker, "sweep", lambda self: swept.append(self))

    assert available_hard_limit(300 * MB).kind.startswith("cgroup-")
    assert swept == []
    HardLimit(None).begin()
    assert len(swept) == 1


def test_a_group_whose_supervisor_lives_is_left_alone(real_groups):
    one, other = GroupMaker(real_groups), GroupMaker(real_groups)
    first = one.make(100 * MB)
    second = other.make(100 * MB)
    try:
        assert first.path.exists()
    finally:
        first.remove(), second.remove()
        one.leave(), other.leave()


def group_of(pid):
    groups = control_groups(pid)
    return (groups.v1 or groups.v2)[0]


# ---- by resource limit ----------------------------------------------------------------------


def test_a_resource_limit_ends_with_a_memory_error(guarded):
    done = guarded(GREEDY.replace("600", "2_000"), "--max-rss", "200MB", "--hard-limit", "rlimit")

    assert "MemoryError" in done.stderr
    assert "by RLIMIT_DATA" in done.stderr
    assert done.returncode == 1


def test_no_hard_limit_is_set_when_none_is_wanted(guarded):
    program = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    done = guarded(program, "--max-rss", "300MB", "--hard-limit", "off")

    assert int(done.stdout) == resource.getrlimit(resource.RLIMIT_DATA)[0]
    assert [one["what"] for one in fields(done, "hard-limit")] == ["none"]


def test_a_hard_limit_without_a_bound_is_a_mistake(tmp_path):
    (tmp_path / "program.py").write_text("print('ran')")
    command = [sys.executable, "-m", "leakhunt", "run", "--hard-limit", "cgroup", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert "--hard-limit cgroup is 1.25 times --max-rss: give that too" in done.stderr


# ---- groups of version 2, as text -------------------------------------------------------------


@pytest.fixture
def delegated(tmp_path, monkeypatch):
    """A group of version 2 that a service manager has handed to this process alone."""
    # what other tests have left running below this process is not of this story
    monkeypatch.setattr("leakhunt.guard.child_group._children", lambda proc, pid: [])
    own = tmp_path / "leakhunt.service"
    own.mkdir()
    (own / "cgroup.controllers").write_text("cpu memory pids\n")
    (own / "cgroup.subtree_control").write_text("\n")
    (own / "cgroup.procs").write_text(f"{os.getpid()}\n")
    return own


def made_below(own, size=1_000 * MB):
    maker = GroupMaker(ControlGroups(v2=(own,)))
    return maker, maker.make(size)


def test_a_delegated_group_hands_the_controller_on_and_is_limited_below(delegated):
    maker, group = made_below(delegated)

    assert group.path.parent == delegated
    assert (group.path / "memory.max").read_text() == "1000000000\n"
    assert (group.path / "memory.high").read_text() == "900000000\n"
    assert (group.path / "memory.swap.max").read_text() == "0\n"
    # a group that hands a controller on has no processes of its own
    assert (delegated / "leakhunt-supervisor" / "cgroup.procs").read_text() == f"{os.getpid()}\n"
    assert (delegated / "cgroup.subtree_control").read_text() == "+memory\n"
    maker.leave()
    assert (delegated / "cgroup.procs").read_text() == f"{os.getpid()}\n"
    assert (delegated / "cgroup.subtree_control").read_text() == "-memory\n"


def test_what_a_group_of_version_two_counted_is_read(delegated):
    _, group = made_below(delegated)
    (group.path / "memory.events").write_text("low 0\nhigh 7\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n")
    (group.path / "memory.peak").write_text("998000000\n")

    assert group.counters() == Counters(oom_kills=1, peak=998_000_000, hits=3)


def test_a_group_that_is_shared_is_not_taken_over(delegated):
    (delegated / "cgroup.procs").write_text(f"{os.getpid()}\n1\n")
    limit = HardLimit(800 * MB, groups=ControlGroups(v2=(delegated,)))

    limit.begin()

    assert limit.in_force.kind == "rlimit"
    assert "is shared with other programs" in limit.in_force.in_words()
    assert not (delegated / "leakhunt-supervisor").exists()


def test_a_group_without_the_memory_controller_says_so(delegated):
    (delegated / "cgroup.controllers").write_text("cpu pids\n")
    limit = HardLimit(800 * MB, "cgroup", groups=ControlGroups(v2=(delegated,)))

    with pytest.raises(
        LeakhuntError, match="is not given the memory controller: take auto or rlimit"
    ) as raised:
        limit.begin()
    assert raised.value.exit_code == 78


def test_a_machine_without_groups_falls_back(tmp_path):
    limit = HardLimit(800 * MB, processors=4, groups=ControlGroups())

    enter = limit.begin()

    assert enter is not None
    assert (limit.in_force.kind, limit.in_force.size) == ("rlimit", 1_000 * MB + 4 * 40 * MB)
    assert limit.in_force.why == "no control group: this system has no memory control groups"


def test_a_read_only_sys_is_said(delegated, monkeypatch):
    def refuse(path, value):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr("leakhunt.guard.child_group._write", refuse)
    limit = HardLimit(800 * MB, groups=ControlGroups(v2=(delegated,)))
    limit.begin()

    assert (
        limit.in_force.why
        == f"no control group: {delegated}/leakhunt-supervisor/cgroup.procs is mounted read-only"
    )


# ---- when to look -----------------------------------------------------------------------------


def test_a_program_that_grows_is_looked_at_before_it_reaches_its_bound():
    limit = HardLimit(1_000 * MB, "rlimit")
    limit.begin()

    assert limit.next_look(0.0, 100 * MB) == float("inf")
    assert limit.next_look(1.0, 200 * MB) == pytest.approx(4.0)  # full in 8 s
    assert limit.next_look(2.0, 990 * MB) == 0.1
    assert limit.next_look(2.1, 1_100 * MB) == 0.1
    assert limit.next_look(3.1, 500 * MB) == float("inf")


@pytest.mark.parametrize(
    ("shell_code", "kills", "peak", "met"),
    [(0, 1, None, False), (137, 1, None, True), (1, 1, None, True), (137, 0, None, False), (1, None, 900 * MB, True),
     (1, None, 500 * MB, False), (1, None, None, False)],
)  # fmt: skip
def test_an_end_is_put_down_to_the_limit_only_with_evidence(shell_code, kills, peak, met):
    limit = HardLimit(800 * MB, "rlimit")
    limit.begin()

    assert (limit.met(shell_code, kills, peak) is not None) == met


def test_nothing_is_left_when_the_program_cannot_be_started(real_groups):
    limit = HardLimit(300 * MB)
    limit.begin()
    path = Path(limit.in_force.path)
    assert path.exists()
    limit.close()

    assert not path.exists()


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_a_group_is_emptied_before_it_is_removed(real_groups):
    limit = HardLimit(300 * MB, groups=real_groups)
    enter = limit.begin()
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], preexec_fn=enter)
    try:
        assert limit.holds(process.pid)
        limit.end()
        wait_until(lambda: process.poll() is not None)
        assert process.returncode == -signal.SIGKILL
    finally:
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
        limit.close()
