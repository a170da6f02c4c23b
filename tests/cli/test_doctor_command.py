"""`leakhunt doctor` from the outside: what it prints, in which order, and with which code it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from leakhunt.findings.concerns import Concern
from leakhunt.findings.diagnosis import Where
from leakhunt.report.console import PlainConsole
from leakhunt.report.doctor import concerns_as_json, print_concerns, verdict

FIXTURES = Path(__file__).parents[2] / "fixtures"


def doctor(tmp_path, *words):
    command = [sys.executable, "-m", "leakhunt", "doctor", "--home", str(tmp_path / "home"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_script_in_order_is_safe_to_start(tmp_path):
    done = doctor(tmp_path, FIXTURES / "t3b_sweep" / "fixed.py")

    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("safe to start")
    assert not (tmp_path / "home").exists()  # looked at, not made


def test_a_script_that_would_lose_its_results_is_not(tmp_path):
    done = doctor(tmp_path, FIXTURES / "t3b_sweep" / "leaking.py")

    assert done.returncode == 78
    assert "all_lam_results is saved once, after the last" in " ".join(done.stdout.split())
    assert 'with leakhunt.Ledger("results.csv", key=("lam",)) as ledger:' in done.stdout
    assert done.stdout.splitlines()[-1] == "unsafe: 1 thing to change before it is started"


def test_a_script_is_read_and_never_run(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")

    assert doctor(tmp_path, script).returncode == 0
    assert not (tmp_path / "ran").exists()


def test_a_plan_is_held_against_this_machine(tmp_path):
    done = doctor(tmp_path, "--workers", "1000", "--memory-per-worker", "1TB", "--json")

    found = json.loads(done.stdout)
    assert done.returncode == 78
    assert found["safe"] is False
    assert found["concerns"][0]["slug"] == "workers-do-not-fit"
    assert found["machine"]["memory_total"] > 0
    assert found["machine"]["hard_limit"]["kind"] in ("cgroup-v1", "cgroup-v2", "rlimit", "none")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--memory-per-worker", "1G"], "--memory-per-worker is for each of --workers: give that too"),
        (["--max-rss", "much"], "not a size: 'much'"),
        (["nosuch.py"], "no such script: nosuch.py"),
        (["."], ". is a directory: name a script in it"),
    ],
)
def test_what_cannot_be_examined_is_said(tmp_path, words, said):
    done = doctor(tmp_path, *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


CONCERNS = [
    Concern(
        "workers-do-not-fit", "unsafe", "4 workers do not fit", "4 x 9 GB = 36.0 GB; 21.4 GB to share out",
        "start 2 workers",
    ),
    Concern(
        "pool-per-turn", "risky", "a pool of processes is made in every turn", "Pool(4)",
        "make one pool, around the loop",
        why="Each turn starts new workers.", code="with Pool(4) as pool:  # after\n    for chunk in chunks:",
        where=Where("/home/ada/labels.py", 31),
    ),
    Concern("no-swap", "note", "there is no swap", "0 B", "nothing to do; set --max-rss"),
]  # fmt: skip


def drawn(concerns, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    with open(tmp_path / "drawn", "w+", encoding="utf-8") as stream:
        print_concerns(concerns, "23.6 GB of 25.3 GB memory free · swap 0 B", PlainConsole(stream, width=100))
        stream.seek(0)
        return stream.read()


def test_the_table_is_the_accepted_one(tmp_path, monkeypatch, accept):
    text = drawn(CONCERNS, tmp_path, monkeypatch)

    golden = Path(__file__).parents[1] / "golden" / "doctor.txt"
    if accept:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_markup_in_a_script_is_shown_as_it_is(tmp_path, monkeypatch):
    concern = Concern(
        "x", "risky", "[bold]rows[/bold]", ":smile:", "[red]", where=Where("/a.py", 1), code="[/]"
    )

    text = drawn([concern], tmp_path, monkeypatch)

    assert all(part in text for part in ("[bold]rows[/bold]", ":smile:", "[red]", "[/]"))


@pytest.mark.parametrize(
    ("severities", "said"),
    [((), "safe to start"), (("note",), "safe to start"), (("risky", "note"), "safe to start; 1 risk"),
     (("unsafe", "unsafe", "risky"), "unsafe: 2 things to change before it is started")],
)  # fmt: skip
def test_the_last_line_says_whether_to_start(severities, said):
    assert verdict([Concern("x", one, "", "", "") for one in severities]) == said


def test_the_json_has_every_concern_with_its_place():
    found = json.loads(concerns_as_json(CONCERNS, {"memory_total": 1}))

    assert found["format"] == 1
    assert [one["slug"] for one in found["concerns"]] == ["workers-do-not-fit", "pool-per-turn", "no-swap"]
    assert (found["concerns"][1]["file"], found["concerns"][1]["line"]) == ("/home/ada/labels.py", 31)
    assert found["concerns"][0]["file"] is None
