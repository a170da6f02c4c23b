"""The sweep of the incident, killed by the kernel in its seventh lambda: told right, and finished by the plan."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from memory_group import MemoryGroup, memory_group

from leakhunt.findings.timeline import Timeline
from leakhunt.journal.rundir import find_run
from leakhunt.timeline.kept import position_text
from leakhunt.timeline.story import tell

FIXTURE = Path(__file__).parent.parent.parent / "fixtures" / "t3b_sweep"
#: What the copy of the program writes down about itself: where it is, and its resident set after each lambda.
LOGGING = """
def note(*what):
    with open("own.log", "a") as stream:
        print(*what, file=stream)


def resident():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * 4096


"""
CHANGES = (
    ("def fit_beta(", LOGGING + "def fit_beta("),
    ("    fitter = Lepton", "    note(lam, beta)\n    fitter = Lepton"),
    # as in the incident, something was saved once: after the fifth lambda
    (
        '"results_scan": results_scan})  # grows\n',
        '"results_scan": results_scan})  # grows\n'
        '        note("rss", lam, resident())\n'
        "        if len(all_lam_results) == 5:\n"
        "            save(all_lam_results, options.out)\n",
    ),
)


@dataclass
class Killed:
    """The killed run: its place, its story, the group that killed it and the limit of that."""

    place: Path
    story: Timeline
    group: MemoryGroup
    limit: int


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory):
    with memory_group("sweep") as group:
        if group is None:
            pytest.skip("no memory control group can be made here")
        place = tmp_path_factory.mktemp("sweep")
        shutil.copy(FIXTURE / "fitter.py", place)
        program = (FIXTURE / "leaking.py").read_text()
        for old, new in CHANGES:
            assert program.count(old) == 1
            program = program.replace(old, new)
        (place / "leaking.py").write_text(program)
        limit = _limit_of_the_seventh(place, group)
        for left in ("own.log", "results"):
            shutil.rmtree(place / left) if (place / left).is_dir() else (place / left).unlink()
        group.drop_cache()
        group.limit(limit)
        assert _profile(place, group, "home") == 137
        yield Killed(place, tell(find_run(place / "home").path), group, limit)


def _profile(place: Path, group: MemoryGroup, home: str) -> int:
    command = [
        sys.executable,
        "-m",
        "leakhunt",
        "profile",
        "--quiet",
        "--home",
        home,
        "leaking.py",
        "--quick",
    ]
    return group.run(command, cwd=place, stdout=-3).wait(300)


def _limit_of_the_seventh(place: Path, group: MemoryGroup) -> int:
    """Run it once without a limit, and return what the group would have held in the middle of the seventh lambda."""
    command = [sys.executable, "leaking.py", "--quick"]
    assert group.run(command, cwd=place, stdout=-3).wait(300) == 0
    sizes = [
        int(line.split()[2])
        for line in (place / "own.log").read_text().splitlines()
        if line.startswith("rss")
    ]
    shared = _file_pages(group, place)
    agent_and_supervisor = 16_000_000
    return (sizes[5] + sizes[6]) // 2 - shared + agent_and_supervisor


def _file_pages(group: MemoryGroup, place: Path) -> int:
    """Return how much of a resident set is pages of files, which the group can do without."""
    code = (
        "import numpy, pandas, scipy.optimize, re; "
        "print(re.search(r'RssFile:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="control groups"),
]


def test_the_kernel_is_proven_to_have_killed_it(killed: Killed) -> None:
    death = killed.story.death

    assert (death.certainty, death.cause) == ("proven", "kernel-oom")
    assert any("Killed process" in line for line in death.proof)


def test_it_stood_where_the_program_itself_said_last(killed: Killed) -> None:
    logged = [
        line for line in (killed.place / "own.log").read_text().splitlines() if not line.startswith("rss")
    ]
    lam, beta = logged[-1].split()
    at = killed.story.position

    assert [level.variables for level in at[:2]] == [["lam"], ["beta"]][: len(at[:2])]
    assert (at[0].values, at[0].number, at[0].total) == (["3e-08"], 7, 10)
    if len(at) > 1:
        begun = sum(line.split()[0] == "3e-08" for line in logged)
        # the position is noted as a turn begins: the program may have had no time to log that one
        assert at[1].number in (begun, begun + 1)
        if at[1].number == begun:
            assert (lam, [beta]) == ("3e-08", at[1].values)
    assert position_text(at, killed.story.loops).startswith("lam = 3e-08 (7/10)")


def test_the_table_agrees_with_what_the_program_measured(killed: Killed) -> None:
    truth = {
        line.split()[1]: int(line.split()[2])
        for line in (killed.place / "own.log").read_text().splitlines()
        if line.startswith("rss")
    }
    table = [row for row in killed.story.iterations if row.completed]

    assert len(table) == len(truth) == 6
    for row, (lam, size) in zip(table, truth.items(), strict=True):
        assert row.label is not None
        assert float(row.label.removeprefix("lam = ")) == float(lam)
        assert row.end == pytest.approx(size, rel=0.05)


def test_what_was_saved_and_what_was_lost(killed: Killed) -> None:
    kept = killed.story.kept
    assert kept is not None

    data = {Path(one.path).name: one for one in kept.files if one.role == "data"}
    assert {name: one.rows for name, one in data.items()} == {
        "t3b_lambda_full_data.csv": 50,
        "t3b_lambda_summary.csv": 5,
    }
    assert {one.iterations for one in data.values()} <= {4, 5}  # written in the last moment of the fifth turn
    assert (kept.done, kept.total) == (6, 10)
    assert kept.lost in (1, 2)


def test_the_root_cause_names_what_holds_the_memory(killed: Killed) -> None:
    assert any("all_lam_results" in cause.title for cause in killed.story.causes)


def test_the_resume_command_finishes_the_sweep_once_the_program_is_mended(killed: Killed) -> None:
    command = next(
        step.command for step in killed.story.plan if step.command and "leakhunt run" in step.command
    )
    shutil.copy(FIXTURE / "fixed.py", killed.place / "leaking.py")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

    killed.group.drop_cache()
    process = killed.group.run(["sh", "-c", command], env={**os.environ, "PATH": path}, stdout=-3, stderr=-3)

    assert process.wait(300) == 0
    rows = list(csv.DictReader((killed.place / "results" / "t3b_lambda_full_data.csv").open()))
    summary = list(csv.DictReader((killed.place / "results" / "t3b_lambda_summary.csv").open()))
    assert (len(rows), len({(row["lam"], row["beta"]) for row in rows})) == (100, 100)
    assert len(summary) == 10
