"""Runs are made, found by what a person remembers of them, and thrown away only on purpose."""

from __future__ import annotations

import os
import stat

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.journal import rundir as rundir_module
from leakhunt.journal.rundir import RunDirectory, create_run, delete_run, find_run, list_runs, prune_runs


@pytest.fixture
def home(tmp_path):
    return tmp_path / ".leakhunt"


def test_a_new_run_is_private_and_named_after_time_and_script(home):
    run = create_run(home, "Über sweep.py", now=1_795_302_000)

    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700
    assert run.id.split("-")[0].isdigit()
    assert "-ber-sweep-py-" in run.id
    assert run.path.is_absolute()
    assert (home / ".gitignore").read_text() == "*\n"
    assert run.checkpoint(1).parent.is_dir()


def test_two_runs_of_the_same_second_do_not_meet(home):
    ids = {create_run(home, "sweep", now=1_795_302_000).id for _ in range(20)}

    assert len(ids) == 20


def test_runs_are_listed_with_the_latest_first(home):
    old, new = create_run(home, "b", now=1_000), create_run(home, "a", now=2_000)

    assert [run.id for run in list_runs(home)] == [new.id, old.id]
    assert find_run(home) == new


def test_a_run_is_found_by_id_by_its_beginning_and_by_path(home, tmp_path):
    create_run(home, "other", now=1_000_000)
    run = create_run(home, "sweep", now=2_000_000)

    assert find_run(home, run.id) == run
    assert find_run(home, run.id[:12]) == run
    assert find_run(tmp_path / "nowhere", str(run.path)) == run


def test_an_ambiguous_beginning_names_the_choices(home):
    create_run(home, "a", now=2_000_000), create_run(home, "b", now=2_000_000)

    with pytest.raises(LeakhuntError, match="begins 2 runs") as caught:
        find_run(home, "1970")

    assert caught.value.slug == "run-ambiguous"


@pytest.mark.parametrize("reference", [None, "20261121"])
def test_no_run_says_how_to_make_one(home, reference):
    with pytest.raises(LeakhuntError, match="leakhunt profile"):
        find_run(home, reference)


def test_pruning_keeps_the_latest(home):
    runs = [create_run(home, "x", now=float(number)) for number in range(1, 6)]

    deleted = prune_runs(home, keep=2)

    assert set(deleted) == {run.id for run in runs[:3]}
    assert {run.id for run in list_runs(home)} == {run.id for run in runs[3:]}


def test_pruning_by_age_keeps_what_is_younger(home):
    old, young = create_run(home, "x", now=1_000.0), create_run(home, "x", now=5_000.0)

    assert prune_runs(home, older_than=1_000.0, now=5_500.0) == [old.id]
    assert list_runs(home) == [young]


def test_a_run_that_is_going_on_is_not_deleted(home):
    run = create_run(home, "x", now=1_000.0)
    run.write_info(supervisor_pid=os.getpid())

    assert prune_runs(home, keep=0) == []
    with pytest.raises(LeakhuntError, match="still going on"):
        delete_run(run)

    run.write_info(outcome="completed")
    assert prune_runs(home, keep=0) == [run.id]


def test_a_home_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(LeakhuntError, match="choose another with --home") as caught:
        create_run(tmp_path / "file", "x")

    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_one_line_and_leaves_nothing(home, monkeypatch):
    monkeypatch.setattr(rundir_module, "ROOM_NEEDED", 10**30)

    with pytest.raises(LeakhuntError, match="free space or use --home"):
        create_run(home, "x")

    assert list_runs(home) == []


def test_a_lost_run_file_leaves_the_run_findable(home):
    run = create_run(home, "x")
    run.supervisor_journal.touch()
    run.run_file.write_text("{")

    assert run.info() == {}
    assert find_run(home) == RunDirectory(run.path)
