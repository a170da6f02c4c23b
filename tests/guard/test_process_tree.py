"""Children are told apart, also those that are caught between fork and exec."""

from __future__ import annotations

import os
import sys

import pytest

from leakhunt.guard import tree as tree_module
from leakhunt.guard.tree import ProcessTree, role_of

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("python -c from multiprocessing.spawn import spawn_main; spawn_main()", "spawn-pool-worker"),
        ("python -m joblib.externals.loky.backend.popen_loky_posix", "spawn-pool-worker"),
        ("python sweep.py", "fork-child"),
        ("git status", "subprocess"),
        ("", "subprocess"),
    ],
)
def test_a_childs_role_is_read_from_its_command(command, role):
    assert role_of(command, "python sweep.py") == role


@pytest.fixture
def child():
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(0)
    os.close(read_end)
    yield pid
    os.close(write_end)
    os.waitpid(pid, 0)


def test_a_copy_of_the_target_that_becomes_a_program_is_told_again(child, monkeypatch):
    commands = {os.getpid(): "python sweep.py", child: "python sweep.py"}
    monkeypatch.setattr(tree_module, "_command", lambda pid: commands.get(pid, "of another test"))
    tree = ProcessTree(os.getpid())

    tree.read()
    first = {process.pid: process.role for process in tree.read().began}
    assert tree.read().began == []
    commands[child] = "git status"
    later = {process.pid: process.role for process in tree.read().began}

    assert first[child] == "fork-child"
    assert later == {child: "subprocess"}


def test_a_copy_of_the_target_counts_from_the_second_reading_on(child):
    tree = ProcessTree(os.getpid())

    first, second = tree.read(), tree.read()

    assert child not in {process.pid for process in first.began}
    assert child in {process.pid for process in second.began}
    assert second.processes == first.processes + 1
    assert second.tree_rss > first.tree_rss


def test_a_census_copy_that_has_not_named_itself_yet_is_never_counted(child, monkeypatch):
    tree = ProcessTree(os.getpid())
    looked_at_once = tree.read()
    resident = tree_module._resident
    monkeypatch.setattr(tree_module, "_resident", lambda pid: None if pid == child else resident(pid))

    then = tree.read()

    assert child not in {process.pid for process in (*looked_at_once.began, *then.began, *then.gone)}
    assert tree.peak_tree < looked_at_once.tree_rss + resident(child)[0] / 2


def test_a_process_that_ended_is_gone_once(child):
    tree = ProcessTree(child)

    assert tree.read().processes == 1
    os.kill(child, 9)
    while tree.read().processes:
        pass

    assert tree.read().main_rss is None
    assert tree.peak_tree > 0
