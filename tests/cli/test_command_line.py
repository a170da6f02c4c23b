"""The commands as a person types them."""

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
from leakhunt.journal.text import parse_text, write_text

SWEEP = """
import sys, time
held = []
for lam in range(40):
    held.append(bytearray(50_000))
    time.sleep(0.01)
print("out", sys.argv[1:])
sys.exit(int(sys.argv[1]))
"""


def leakhunt(directory, *arguments, **options):
    environment = {
        name: value for name, value in os.environ.items() if name not in ("LEAKHUNT_HOME", "VIRTUAL_ENV")
    }
    environment.update(options.pop("environment", {}))
    return subprocess.run(
        [sys.executable, "-m", "leakhunt", *map(str, arguments)],
        cwd=directory, capture_output=True, text=True, timeout=100, env=environment, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    directory = tmp_path_factory.mktemp("profiled")
    (directory / "sweep.py").write_text(textwrap.dedent(SWEEP))
    done = leakhunt(
        directory, "profile", "--no-live", "--json", "out/r.json", "--html", "r.html", "--markdown", "r.md",
        "sweep.py", "3", "--json", "mine",
    )  # fmt: skip
    return directory, done


def test_profile_ends_with_the_targets_code_and_leaves_its_output_alone(profiled):
    _, done = profiled

    assert done.returncode == 3, done.stderr
    assert done.stdout == "out ['3', '--json', 'mine']\n"


def test_profile_says_where_the_run_is_and_writes_every_report(profiled):
    directory, done = profiled

    (run,) = list_runs(directory / ".leakhunt")
    assert str(run.path) in done.stderr
    assert json.loads((directory / "out" / "r.json").read_text())["run"]["id"] == run.id
    assert "<html" in (directory / "r.html").read_text().lower()
    assert (directory / "r.md").read_text().strip()


def test_report_says_the_same_again(profiled):
    directory, _ = profiled

    again = leakhunt(directory, "report", "--json", "again.json")

    assert again.returncode == 0
    assert again.stdout.strip()
    first, second = ((directory / name).read_text() for name in ("out/r.json", "again.json"))
    assert json.loads(first)["findings"] == json.loads(second)["findings"]


def test_dump_is_text_that_reads_back(profiled):
    directory, _ = profiled

    dump = leakhunt(directory, "dump").stdout

    kinds = {record.kind for record in parse_text(dump)}
    assert {"header", "start", "tree", "exit", "loop", "sample", "end"} <= kinds
    assert "# supervisor.jsonl\n" in dump


def test_runs_lists_outcome_and_target(profiled):
    directory, _ = profiled

    (line,) = leakhunt(directory, "runs").stdout.splitlines()

    assert "failed" in line
    assert line.endswith("sweep.py")


def test_quiet_prints_nothing_of_its_own(tmp_path):
    (tmp_path / "sweep.py").write_text(textwrap.dedent(SWEEP))

    done = leakhunt(
        tmp_path, "profile", "--quiet", "sweep.py", "0", environment={"LEAKHUNT_HOME": "elsewhere"}
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "out ['0']\n", "")
    assert len(list_runs(tmp_path / "elsewhere")) == 1
    assert not (tmp_path / ".leakhunt").exists()


def test_a_module_runs_as_under_python_m(tmp_path):
    package = tmp_path / "jobs"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "night.py").write_text("import sys\nprint(__name__, sys.argv[1:])")

    done = leakhunt(tmp_path, "profile", "--quiet", "-m", "jobs.night", "-x", "y")

    assert (done.returncode, done.stdout) == (0, "__main__ ['-x', 'y']\n"), done.stderr


def test_a_function_is_called_the_wanted_number_of_times(tmp_path):
    (tmp_path / "jobs.py").write_text(
        "calls = []\ndef night():\n    calls.append(1)\n    print(len(calls))\n"
    )

    done = leakhunt(tmp_path, "profile", "--quiet", "--iterations", "7", "jobs:night")

    assert (done.returncode, done.stdout.split()) == (0, list("1234567")), done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["profile", "missing.py"], "leakhunt: no such script: missing.py\n"),
        (["profile", "."], "leakhunt: . is a directory: name a script in it, or `-m package`\n"),
        (["profile", "--python", "/no/python", "sweep.py"], "leakhunt: no interpreter '/no/python'"),
        (
            ["report", "nothing"],
            "leakhunt: no runs in .leakhunt: make one with `leakhunt profile script.py`\n",
        ),
        (["dump"], "leakhunt: no runs in .leakhunt"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEAKHUNT_HOME", raising=False)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    (tmp_path / "sweep.py").touch()

    with pytest.raises(SystemExit) as left:
        main(arguments)

    error = capsys.readouterr().err
    assert left.value.code == 2
    assert error.startswith(message)
    assert error.count("\n") == 1
    assert not (tmp_path / ".leakhunt").exists()


def test_a_home_that_cannot_be_made_stops_before_the_target_starts(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "sweep.py").write_text("print('ran')")

    done = leakhunt(tmp_path, "profile", "--home", "file/home", "sweep.py")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_profile_without_a_target_says_what_to_give(capsys):
    with pytest.raises(SystemExit) as left:
        main(["profile"])

    assert left.value.code == 2
    assert "give script.py, -m module or package.module:function" in capsys.readouterr().err


def test_help_names_every_verb_and_the_exit_codes():
    text = CliRunner().invoke(commands, ["--help"]).output

    for word in ("profile", "report", "dump", "runs", "Exit codes"):
        assert word in text


def test_runs_prunes_and_deletes_by_name(tmp_path):
    home = tmp_path / "home"
    ids = [create_run(home, "x", now=float(number) * 1e6).id for number in range(1, 5)]

    def runs(*arguments):
        result = CliRunner().invoke(commands, ["runs", "--home", str(home), *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert runs("--delete", ids[3]) == f"deleted {ids[3]}\n"
    assert runs("--keep", "1").split() == ["deleted", ids[1], "deleted", ids[0]]
    assert runs("--older-than", "1d") == f"deleted {ids[2]}\n"
    assert runs() == ""


def test_a_broken_pipe_is_no_error(tmp_path):
    run = create_run(tmp_path / "home", "x")
    write_text(run.supervisor_journal, "header t=0\n" + "event name=again\n" * 20_000)

    command = f"{sys.executable} -m leakhunt dump --home {tmp_path / 'home'} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)

    assert (done.stdout, done.stderr) == ("# supervisor.jsonl\n", "")


def test_a_damaged_journal_is_dumped_as_far_as_it_goes(tmp_path):
    run = create_run(tmp_path / "home", "x")
    write_text(run.supervisor_journal, "header t=0\nevent t=1 name=kept\nevent t=2 name=torn")
    run.supervisor_journal.write_bytes(run.supervisor_journal.read_bytes()[:-5])

    result = CliRunner().invoke(commands, ["dump", str(run.path)])

    assert "name=kept" in result.output
    assert "# loss journal-torn" in result.output
