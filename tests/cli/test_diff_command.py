"""`leakhunt diff` as a person types it, on runs that recorded every iteration and on those that did not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest
from click.testing import CliRunner

from leakhunt.cli.main import commands, main
from leakhunt.journal.rundir import create_run, list_runs
from leakhunt.journal.text import write_text

SWEEP = """
import sqlite3, time
rows, connections, cache = [], [], {}
for lam in [1e-8, 3e-8, 1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5]:
    rows.append([bytes(1000) for _ in range(100)])
    connections.append(sqlite3.connect(":memory:"))
    connections[-1].execute("create table t (x)")
    cache[len(rows) % 2] = [lam] * 100
    time.sleep(0.02)
print(len(rows))
"""


def profiled_in(directory, *options):
    (directory / "sweep.py").write_text(textwrap.dedent(SWEEP))
    environment = {
        name: value for name, value in os.environ.items() if name not in ("LEAKHUNT_HOME", "VIRTUAL_ENV")
    }
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "profile", "--no-live", *options, "sweep.py"],
        cwd=directory, capture_output=True, text=True, timeout=110, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    directory = tmp_path_factory.mktemp("every")
    return directory, profiled_in(directory, "--every-iteration")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    directory = tmp_path_factory.mktemp("plain")
    profiled_in(directory)
    return directory


def diff(directory, *arguments):
    result = CliRunner().invoke(
        commands,
        ["diff", "--home", str(directory / ".leakhunt"), *map(str, arguments)],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    return result.output


def difference(directory, *arguments):
    file = directory / "out" / "difference.json"
    diff(directory, *arguments, "--quiet", "--json", file)
    return json.loads(file.read_text())


def test_the_cost_is_said_before_the_run_and_the_programs_output_stays_its_own(every):
    _, done = every

    assert done.stderr.startswith("leakhunt: --every-iteration takes a census at every boundary")
    assert done.stdout == "8\n"
    assert "traced from the first iteration on" in done.stderr.replace("\n           ", " ")


def test_every_iteration_is_recorded(every):
    directory, _ = every

    assert difference(directory)["loop"]["recorded"] == list(range(1, 9))


def test_two_iterations_are_compared_by_owner_type_and_line(every):
    directory, _ = every

    found = difference(directory, "last", 2, 6)

    owners = {owner["path"]: owner for owner in found["owners"]}
    assert (owners["sweep.rows"]["items_before"], owners["sweep.rows"]["items_after"]) == (2, 6)
    assert 400_000 < owners["sweep.rows"]["bytes_after"] - owners["sweep.rows"]["bytes_before"] < 450_000
    assert "sweep.cache" not in owners
    types = {one["type"]: one["count_after"] - one["count_before"] for one in found["types"]}
    assert 390 <= types["bytes"] <= 410
    line = max(found["lines"], key=lambda line: line["bytes_after"] - line["bytes_before"])
    assert (line["file"], line["line"]) == (str(directory / "sweep.py"), 5)
    assert line["code"].startswith("rows.append(")


def test_what_native_code_allocates_is_told_apart(every):
    directory, _ = every

    found = difference(directory, "last", 2, 6)

    if found["native_lines"] is None:
        pytest.skip("memray is not installed here")
    lines = {line["line"]: line["bytes_after"] - line["bytes_before"] for line in found["native_lines"]}
    assert lines[7] > 4 * 1_000
    assert 5 not in lines


def test_backwards_is_the_same_with_the_sign_turned(every):
    directory, _ = every

    there, back = difference(directory, "last", 2, 6), difference(directory, "last", 6, 2)

    first, second = there["owners"][0], back["owners"][0]
    assert first["bytes_after"] - first["bytes_before"] == second["bytes_before"] - second["bytes_after"]


def test_iterations_are_named_by_a_loop_variables_value(every):
    directory, _ = every

    found = difference(directory, "last", "lam=1e-08", "lam=0.000001")

    assert (found["before"]["iteration"], found["after"]["iteration"]) == (1, 5)
    assert found["after"]["label"] == "lam = 1e-06"


def test_the_tables_name_the_owner_the_line_and_the_rate(every):
    directory, _ = every

    text = diff(directory, "last", "first", "last")

    assert "from iteration 1 (lam = 1e-08) to 8 (lam = 3e-05) of the loop over lam (sweep.py:4)" in text
    assert "sweep.rows" in text
    assert "sweep.py:5" in text
    assert "By type (own sizes, from pympler)" in text


def test_a_run_with_a_few_censuses_is_compared_by_owner_and_says_what_would_show_lines(plain):
    found = difference(plain)

    assert any(owner["path"] == "sweep.rows" for owner in found["owners"])
    assert found["types_from"] == "census"
    assert found["lines"] is None
    assert found["native_lines"] is None
    (loss,) = [loss for loss in found["losses"] if loss["slug"] == "diff-no-lines"]
    assert "--every-iteration" in loss["what"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["last", "first", "first"], "both first and first are iteration 1: name two"),
        (["last", "99", "last"], "iteration 99 was not recorded (recorded: 1, 2, 3, 4, 5, 6, 7, 8)"),
        (["last", "soon", "last"], "'soon' is no iteration: write first, last, a number"),
        (["last", "beta=1", "last"], "'beta' is no variable of the loop on line 4 (its variables: lam)"),
        (["last", "lam=7", "last"], "no recorded turn had lam = 7"),
        (["--loop", "sweep.py:99"], "--loop sweep.py:99 names no loop that ran (loops: sweep.py:4"),
        (["nothing", "1", "2"], "no run 'nothing' in"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_could_be_meant(every, capsys, arguments, message):
    directory, _ = every

    with pytest.raises(SystemExit) as left:
        main(["diff", "--home", str(directory / ".leakhunt"), *arguments])

    error = capsys.readouterr().err
    assert left.value.code == 2
    assert error.startswith(f"leakhunt: {message}")
    assert error.count("\n") == 1


def test_a_run_without_two_censuses_says_how_to_get_them(tmp_path, capsys):
    run = create_run(tmp_path / "home", "x")
    write_text(run.supervisor_journal, "header t=0\n")

    with pytest.raises(SystemExit) as left:
        main(["diff", str(run.path)])

    assert left.value.code == 2
    assert (
        "no heap census, and two are needed: profile it again with --every-iteration"
        in capsys.readouterr().err
    )


def test_the_run_with_every_iteration_is_judged_as_ever(every):
    directory, _ = every

    (run,) = list_runs(directory / ".leakhunt")
    result = CliRunner().invoke(commands, ["report", str(run.path), "--json", str(directory / "r.json")])

    assert result.exit_code == 0
    findings = json.loads((directory / "r.json").read_text())["findings"]
    assert findings[0]["owner"]["path"] == "sweep.rows"
