"""A plan tries a few settings, predicts the others, and names the fastest one that fits."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.findings.diagnosis import Loss
from leakhunt.findings.plan import Choice, Memory, RunPlan, Term, Trial
from leakhunt.planning.fit import fit, parts_of_peak
from leakhunt.planning.plan import memory_for
from leakhunt.planning.settings import as_options, calibrating, checking, grid, parse_vary
from leakhunt.report.console import PlainConsole
from leakhunt.report.plan import plan_json, print_plan

MB = 1_000_000
BOTH = {"workers": [1.0, 2.0, 4.0], "max_in_flight": [1.0, 2.0, 4.0, 10.0]}

SCRIPT = """
import argparse, time
parser = argparse.ArgumentParser()
parser.add_argument("--workers", type=int)
parser.add_argument("--max-in-flight", type=int)
parser.add_argument("--units", type=int, default=8)
options = parser.parse_args()
running = min(options.workers, options.max_in_flight)
size = 60 + 20 * options.workers + 40 * running + 10 * max(0, options.max_in_flight - options.workers)
held = bytearray(b"x") * (size * 1_000_000)
for unit in range(options.units):
    time.sleep(0.2 / running)
print("done")
"""


def peak_of(values: dict[str, float]) -> float:
    """The rule by which the tests' program takes memory (MB)."""
    workers, flying = values["workers"], values["max_in_flight"]
    return 60 + 20 * workers + 40 * min(workers, flying) + 10 * max(0, flying - workers)


def leakhunt(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "leakhunt", *arguments], capture_output=True, text=True, cwd=cwd, timeout=250
    )


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_options_and_their_values_are_read() -> None:
    assert parse_vary(["workers=4,1,2,2", "--rate=0.5,1"]) == {"workers": [1, 2, 4], "rate": [0.5, 1]}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([], "give --vary workers=1,2,4"),
        (["workers"], "write it as name=1,2,4"),
        (["workers=a,b"], "write it as name=1,2,4"),
        (["workers=1,inf"], "write it as name=1,2,4"),
        (["workers=3"], "two values at least"),
        (["workers=1,2", "workers=3,4"], "give each option once"),
        ([f"{name}={','.join(map(str, range(50)))}" for name in "abc"], "more than 10000 settings"),
    ],
)
def test_options_that_cannot_be_read_are_said_in_one_line(texts: list[str], words: str) -> None:
    with pytest.raises(LeakhuntError, match=re.escape(words)):
        parse_vary(texts)


def test_the_corners_are_run_the_smallest_first_and_checks_lie_far_from_them() -> None:
    corners = calibrating(BOTH)
    checks = checking(BOTH, corners, 2)

    assert corners[0] == {"workers": 1, "max_in_flight": 1}
    assert {tuple(one.values()) for one in corners} == {(1, 1), (1, 10), (4, 1), (4, 10)}
    assert all(one not in corners for one in checks)
    assert checks[0]["workers"] == 2


def test_with_many_options_each_is_raised_alone() -> None:
    assert len(calibrating({name: [1.0, 2.0] for name in "abcde"})) == 7


def test_an_option_is_spelled_as_the_script_spells_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("add_argument('--max_in_flight')")

    assert as_options({"max_in_flight": 4.0, "n_jobs": 0.5}, script) == [
        "--max_in_flight",
        "4",
        "--n-jobs",
        "0.5",
    ]


def test_the_model_finds_the_parts_that_there_are() -> None:
    corners = calibrating(BOTH)

    model = fit(parts_of_peak(list(BOTH)), corners, [peak_of(one) for one in corners])

    assert {term.what: term.bytes for term in model.terms()} == {
        "base": 60, "worker": 20, "unit that a worker runs": 40, "unit that waits": 10,
    }  # fmt: skip
    assert [model.at(one) for one in grid(BOTH)] == pytest.approx([peak_of(one) for one in grid(BOTH)])


def test_no_part_of_a_model_is_negative() -> None:
    settings = [{"workers": 1.0}, {"workers": 2.0}, {"workers": 4.0}]

    model = fit(parts_of_peak(["workers"]), settings, [100.0, 90.0, 80.0])

    assert min(model.amounts) >= 0
    assert model.at({"workers": 8.0}) == pytest.approx(90, rel=0.1)


@pytest.mark.parametrize("asked", ["", "0%", "120%", "lots"])
def test_memory_is_a_share_or_a_size(asked: str) -> None:
    with pytest.raises(LeakhuntError, match=re.escape("write a share (70%) or a size (8G)")):
        memory_for(asked)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_settings_that_were_not_fitted_are_predicted_and_the_best_that_fits_is_named(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)

    done = leakhunt(
        "plan", "script.py", "--vary", "workers=1,2,4", "--vary", "max_in_flight=1,4,10", "--memory", "330M",
        "--runs", "5", "--json", "plan.json", "--", "--units", "7", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "plan.json").read_text())

    (check,) = [trial for trial in plan["trials"] if not trial["calibrated"]]
    assert abs(check["error"]) < 0.15
    assert {trial["iterations"] for trial in plan["trials"]} == {7}
    best = plan["recommended"]
    assert best["fits"]
    assert best["peak"] <= 330 * MB
    assert not any(choice["fits"] for choice in plan["choices"] if peak_of(choice["values"]) > 330)
    assert f"Recommended: workers {best['values']['workers']:g}" in done.stdout


@pytest.mark.timeout(200)
def test_a_script_without_the_option_is_said_with_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)

    done = leakhunt("plan", "script.py", "--vary", "threads=1,2", cwd=tmp_path)

    assert done.returncode == 2
    assert "ended with exit code 2" in done.stderr
    assert "unrecognized arguments: --threads 1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_long_run_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '500'])\n"
        "open(f'child-{child.pid}', 'w').close()\n"
        "for turn in range(10**9): time.sleep(0.01)\n"
    )

    done = leakhunt(
        "plan", "script.py", "--vary", "n=1,2", "--runs", "2", "--seconds", "4s", "--json", "plan.json",
        cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert [trial["finished"] for trial in plan["trials"]] == [False, False]
    children = [int(path.name.partition("-")[2]) for path in tmp_path.glob("child-*")]
    deadline = time.monotonic() + 60
    while any(map(is_running, children)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, children))


def a_plan(**changed: Any) -> RunPlan:
    small, large = {"workers": 1.0}, {"workers": 4.0}
    choices = [
        Choice(small, 200 * MB, 1.5, True, True),
        Choice({"workers": 2.0}, 300 * MB, 2.9, True, False),
        Choice(large, 500 * MB, 3.1, False, True),
    ]
    made: dict[str, Any] = {
        "leakhunt": "1.0", "target": "sweep.py", "arguments": [],
        "memory": Memory(1000 * MB, 300 * MB, 400 * MB, "cgroup", "70%"),
        "terms": [Term("base", 100 * MB), Term("worker", 100 * MB), Term("iteration", 0)],
        "trials": [
            Trial(small, True, 200 * MB, 9.5, True, 40, 40, 1.5, 0.0, 200 * MB, 0.0),
            Trial(large, False, 500 * MB, 30.0, False, 90, None, 3.1, 0.0, 450 * MB, -0.1),
        ],
        "choices": choices, "recommended": choices[1],
        "losses": [Loss("plan-no-loop", "no loop was followed", None)],
    }  # fmt: skip
    return RunPlan(**{**made, **changed})


def printed(plan: RunPlan, tmp_path: Path) -> str:
    file = tmp_path / "printed.txt"
    with open(file, "w", encoding="utf-8") as stream:
        print_plan(plan, PlainConsole(stream, width=80))
    return file.read_text(encoding="utf-8")


def test_the_answer_comes_first_and_nothing_is_cut(tmp_path: Path) -> None:
    assert printed(a_plan(), tmp_path) == (
        "Recommended: workers 2 (300 MB, ~2.9 iterations a second)\n"
        "Memory: 400 MB for the program (70% of the control group's 1 GB, 300 MB used by others)\n"
        "Peak   = 100 MB + 100 MB per worker + 0 B per iteration\n"
        "\n"
        "Tried\n"
        " workers     peak    model   error   per second\n"
        " ─────────────────────────────────────────────────────────────────\n"
        "       1   200 MB   200 MB     +0%          1.5   fitted\n"
        "       4   500 MB   450 MB    -10%          3.1   checked, stopped\n"
        "\n"
        "All settings\n"
        " workers     peak   per second   fits\n"
        " ──────────────────────────────────────────────────\n"
        "       2   300 MB         ~2.9   yes  (recommended)\n"
        "       1   200 MB          1.5   yes\n"
        "       4   500 MB          3.1   no\n"
        "Not seen  no loop was followed\n"
    )


def test_when_nothing_fits_the_smallest_is_named(tmp_path: Path) -> None:
    text = printed(a_plan(recommended=None), tmp_path)

    assert text.startswith("None of these settings fits: the smallest takes 200 MB\n")


def test_the_plan_as_json_holds_all_that_was_printed() -> None:
    held = json.loads(plan_json(a_plan()))

    assert held["format"] == 1
    assert held["recommended"]["values"] == {"workers": 2.0}
    assert held["trials"][1]["error"] == -0.1
