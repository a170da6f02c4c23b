"""`leakhunt timeline` as a user meets it: the files it writes, and one clear line for what is no run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from described_journals import SUPERVISOR, run_directory, trees
from stories import killed_sweep


def leakhunt(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "leakhunt", "timeline", *arguments]
    wide = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(command, cwd=cwd, env=wide, capture_output=True, text=True, timeout=100)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    killed_sweep(tmp_path / ".leakhunt")
    return tmp_path


def test_the_last_run_is_told_and_written_in_every_form(home: Path) -> None:
    done = leakhunt("--html", "t.html", "--json", "t.json", "--markdown", "t.md", "--svg", "t.svg", cwd=home)

    assert done.returncode == 0, done.stderr
    assert "OUT OF MEMORY" in done.stdout
    assert "lam = 3e-08 (7/10)" in done.stdout
    story = json.loads((home / "t.json").read_text())
    assert story["death"]["cause"] == "kernel-oom"
    assert (home / "t.html").read_text().startswith("<!DOCTYPE html>")
    assert (home / "t.md").read_text().startswith("## ")
    assert ElementTree.parse(home / "t.svg").getroot().tag.endswith("svg")


def test_quiet_prints_nothing(home: Path) -> None:
    done = leakhunt("--quiet", "--json", "t.json", cwd=home)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda place: place.mkdir(), "has no journal in it"),
        (lambda place: (place.mkdir(), (place / "run.json").write_text("{}")), "has no journal in it"),
        (
            lambda place: (place.mkdir(), (place / "trace.jsonl").write_text('{"a": 1}\n')),
            "has no journal in it",
        ),
        (
            lambda place: (place.mkdir(), (place / "supervisor.jsonl").write_text("hello\n")),
            "nothing can be read",
        ),
        (lambda place: (place.mkdir(), (place / "supervisor.jsonl").write_text("")), "nothing can be read"),
        (lambda place: None, "no runs in"),
    ],
    ids=["empty", "another tool's", "other journals", "text", "nothing written", "not there"],
)
def test_what_is_no_run_is_said_in_one_line(make, said: str, tmp_path: Path) -> None:
    make(tmp_path / "there")

    done = leakhunt(str(tmp_path / "there"), cwd=tmp_path)

    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_run_that_goes_on_is_told_so_far(tmp_path: Path) -> None:
    path = run_directory(tmp_path, SUPERVISOR + trees(range(1, 50, 5), 100, 1))
    info = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**info, "supervisor_pid": os.getpid()}))

    done = leakhunt(str(path), cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "STILL RUNNING" in done.stdout
    assert "What to do" not in done.stdout


def test_a_picture_or_page_that_cannot_be_written_is_said_in_one_line(home: Path) -> None:
    done = leakhunt("--quiet", "--svg", str(home / ".leakhunt" / "runs"), cwd=home)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
