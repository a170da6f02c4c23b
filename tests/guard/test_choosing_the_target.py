"""What is run, with which interpreter, and what counts as the user's own code."""

from __future__ import annotations

import os
import sys

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.guard.target import ProfileOptions, agent_config, find_target, project_root
from leakhunt.journal.rundir import RunDirectory


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "sweep.py"
    path.write_text("pass")
    return path


def make_environment(path, version="3.12"):
    python = path / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho {version.replace('.', ' ')}\n")
    python.chmod(0o755)
    return python


def test_a_script_runs_under_this_interpreter_by_default(script):
    target = find_target(ProfileOptions(target="sweep.py", arguments=("-x",)))

    assert (target.mode, target.python, target.notice) == ("script", sys.executable, None)
    assert target.label == "sweep"


def test_a_function_and_a_module_are_told_from_a_script(script):
    assert find_target(ProfileOptions(target="pkg.jobs:night")).mode == "function"
    assert find_target(ProfileOptions(target="pkg.jobs", module=True)).mode == "module"

    (script.parent / "a:b").write_text("pass")
    assert find_target(ProfileOptions(target="a:b")).mode == "script"


def test_an_active_environment_that_is_not_leakhunts_own_is_taken_and_said(script, tmp_path):
    python = make_environment(tmp_path / "env")

    target = find_target(ProfileOptions(target="sweep.py", virtual_env=str(tmp_path / "env")))

    assert target.python == str(python)
    assert str(tmp_path / "env") in target.notice


def test_leakhunts_own_environment_is_nothing_to_speak_of(script):
    target = find_target(ProfileOptions(target="sweep.py", virtual_env=sys.prefix))

    assert (target.python, target.notice) == (sys.executable, None)


def test_a_named_interpreter_goes_first(script, tmp_path):
    python = make_environment(tmp_path / "named")
    make_environment(tmp_path / "active")

    options = ProfileOptions(target="sweep.py", python=str(python), virtual_env=str(tmp_path / "active"))

    assert find_target(options).python == str(python)


def test_an_interpreter_that_is_too_old_or_none_at_all_is_one_line(script, tmp_path):
    old = make_environment(tmp_path / "old", "3.8")
    broken = make_environment(tmp_path / "broken", "what")

    for python, message in (
        (str(old), "is Python 3.8"),
        (str(broken), "does not run"),
        ("/no/python", "no interp"),
    ):
        with pytest.raises(LeakhuntError, match=message) as caught:
            find_target(ProfileOptions(target="sweep.py", python=python))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mark", ["pyproject.toml", "setup.py", ".git"])
def test_the_project_is_the_nearest_marked_directory(tmp_path, mark):
    project = tmp_path / "project"
    (project / "src" / "deep").mkdir(parents=True)
    (project / mark).touch()

    assert project_root(project / "src" / "deep" / "job.py") == project


def test_a_script_without_a_project_is_its_own(tmp_path, monkeypatch):
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    monkeypatch.chdir(lonely)

    found = project_root(lonely / "job.py")

    assert found == lonely or any((found / mark).exists() for mark in (".git", "pyproject.toml", "setup.py"))


def test_the_agent_is_told_everything_it_needs(script, tmp_path):
    options = ProfileOptions(
        target="sweep.py", arguments=("a", "--b"), primary="sweep.py:3", follow=("lib/*",)
    )

    config = agent_config(find_target(options), options, RunDirectory(tmp_path / "run"))

    assert config["argv"] == ["a", "--b"]
    assert config["primary"] == "sweep.py:3"
    assert config["follow"] == ["lib/*"]
    assert config["parent_pid"] == os.getpid()
    assert config["options"]["primary"] == "sweep.py:3"
    assert set(config) == {
        "format", "run_dir", "package_dir", "mode", "target", "argv", "iterations", "follow", "primary",
        "project_root", "parent_pid", "options",
    }  # fmt: skip
