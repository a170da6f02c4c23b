"""`leakhunt check` and `leakhunt compare` as a person types them, on real programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

PROGRAM = """
import math, os, sys
rows, hold = [], bytearray(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
for i in range(40):
    sum(math.sqrt(i + k) for k in range(8_000))
    data = os.urandom(20_000)
    if sys.argv[1] == "leak":
        rows.append(data)
print("done")
"""


def leakhunt(directory: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    without = ("LEAKHUNT_HOME", "VIRTUAL_ENV", "GITHUB_STEP_SUMMARY")
    environment = {name: value for name, value in os.environ.items() if name not in without}
    environment |= {"COLUMNS": "140", **variables}
    return subprocess.run(
        [sys.executable, "-m", "leakhunt", *arguments],
        cwd=directory, capture_output=True, text=True, timeout=110, env=environment,
    )  # fmt: skip


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "job.py").write_text(PROGRAM)
    return tmp_path


def test_a_leak_fails_the_check_and_is_written_for_every_reader(here: Path) -> None:
    done = leakhunt(
        here, "check", "--github", "--junit", "j.xml", "--sarif", "s.json", "--json", "c.json", "job.py", "leak",
        GITHUB_STEP_SUMMARY="summary.md",
    )  # fmt: skip

    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("done\n::error file=job.py,line=8,title=leakhunt%3A leak::job.rows grows")
    assert "FAILED  job.py leak: 1 problem in 1 run" in done.stderr
    assert "job.py:8" in (here / "summary.md").read_text()
    assert ElementTree.parse(here / "j.xml").find(".//failure") is not None
    assert json.loads((here / "s.json").read_text())["runs"][0]["results"][0]["ruleId"] == "leak"
    assert json.loads((here / "c.json").read_text())["failed"] is True


def test_a_clean_program_passes(here: Path) -> None:
    done = leakhunt(here, "check", "job.py", "clean")

    assert done.returncode == 0, done.stderr
    assert "PASSED  job.py clean: nothing leaks in 1 run" in done.stderr


@pytest.mark.slow
def test_a_baseline_is_written_kept_to_and_exceeded(here: Path) -> None:
    (here / "small.py").write_text("import sys; sys.argv[1:] = ['clean']\n" + PROGRAM)
    first = leakhunt(here, "check", "--baseline", "base.json", "small.py", "--update")
    again = leakhunt(here, "check", "--baseline", "base.json", "small.py")
    (here / "small.py").write_text("import sys; sys.argv[1:] = ['clean', '40000000']\n" + PROGRAM)
    more = leakhunt(here, "check", "--baseline", "base.json", "small.py")

    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert "peak memory" in first.stderr
    assert "nothing worse than the baseline" in again.stderr
    assert more.returncode == 1, more.stderr
    assert "REGRESSION: Peak memory is higher" in more.stderr


@pytest.mark.slow
def test_an_accepted_leak_passes_until_it_expires(here: Path) -> None:
    leakhunt(here, "check", "--runs", "1", "--baseline", "b.json", "--update", "job.py", "leak")
    accepted = leakhunt(here, "check", "--runs", "1", "--baseline", "b.json", "job.py", "leak")
    text = (here / "b.json").read_text()
    (here / "b.json").write_text(text.replace('"until": null', '"until": "2020-01-01"'))
    expired = leakhunt(here, "check", "--runs", "1", "--baseline", "b.json", "job.py", "leak")

    assert accepted.returncode == 0, accepted.stderr
    assert "accepted: job.rows grows" in accepted.stderr
    assert expired.returncode == 1, expired.stderr
    assert "it was accepted until 2020-01-01" in expired.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["job.py", "clean", "--baseline", "none.json"], "write it with --update"),
        (["none.py"], "no such script: none.py"),
        (["--update", "job.py"], "name it with --baseline"),
        (["--fail-on", "everything", "job.py"], "none of leak, regression, cannot-tell"),
        (["--baseline", "b.json", "--update", "--accept-until", "soon", "job.py"], "write 2027-01-31"),
        (["--baseline", "job.py", "job.py"], "it is not JSON"),
        ([], "what is to be run?"),
    ],
)
def test_a_mistake_is_one_line_and_code_two(here: Path, arguments: list[str], said: str) -> None:
    if arguments[:3] == ["job.py", "clean", "--baseline"]:
        arguments = ["--baseline", "none.json", "job.py", "clean"]

    done = leakhunt(here, "check", *arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (here / ".leakhunt" / "runs").exists()


def test_a_target_that_fails_is_not_checked(here: Path) -> None:
    (here / "broken.py").write_text("for i in range(30): pass\nraise SystemExit(3)\n")

    done = leakhunt(here, "check", "broken.py")

    assert done.returncode == 2
    assert "run 1 of 1 of broken.py failed with exit code 3: nothing was checked" in done.stderr


def test_runs_are_compared_before_and_after_a_change(here: Path) -> None:
    for word, name in (("leak", "before.json"), ("clean", "after.json")):
        leakhunt(here, "profile", "--quiet", "--json", name, "job.py", word)

    done = leakhunt(here, "compare", "before.json", "after.json", "--html", "c.html", "--json", "c.json")
    same = leakhunt(here, "compare", "before.json", "before.json")

    assert done.returncode == 0, done.stderr
    assert "job.rows grows" in done.stdout
    assert "gone" in done.stdout
    assert (here / "c.html").stat().st_size > 1_000_000
    assert json.loads((here / "c.json").read_text())["comparisons"][0]["findings"][0]["standing"] == "gone"
    assert ": no difference" in same.stdout


def test_a_run_that_is_not_there_is_one_line(here: Path) -> None:
    done = leakhunt(here, "compare", "nothing", "nothing")

    assert done.returncode == 2
    assert "no runs in .leakhunt" in done.stderr
