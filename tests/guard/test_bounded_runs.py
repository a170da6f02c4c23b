"""Several copies under one supervisor, a profiled program within bounds, and the brake in a program's loops."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
from guarding import wait_until
from invariants import broken
from supervision import is_running

from leakhunt.journal.reader import read_journal

SHARED = """
    import os, sys, time
    import leakhunt
    mine = int(os.environ["LEAKHUNT_COPY"])
    hoard = []
    with leakhunt.Ledger("results.csv", key="seed") as ledger:
        for seed in ledger.pending(range(mine, 20, 2)):
            {turn}
            ledger.save(seed=seed, copy=mine)
"""


def profile(directory, program, *options, **more):
    (directory / "program.py").write_text(textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "profile", "--home", "home", *options, "program.py"],
        cwd=directory, capture_output=True, text=True, timeout=110, **more,
    )  # fmt: skip
    found = list((directory / "home").glob("runs/*/supervisor.jsonl"))
    done.journal = read_journal(found[0]) if found else None
    return done


def test_copies_run_at_once_and_each_knows_its_number(guarding):
    program = """
        import os, time
        mine = os.environ["LEAKHUNT_COPY"]
        open("up" + mine, "w").close()
        while not all(os.path.exists(f"up{number}") for number in (1, 2, 3)):
            time.sleep(0.01)
        os.write(1, f"{mine}\\n".encode())
    """
    done = guarding.run(program, "--copies", "3")

    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == ["1", "2", "3"]
    assert [record.fields["copy"] for record in guarding.journal.of("start")] == [1, 2, 3]
    assert broken(guarding.run_directory) == []


def test_a_copy_that_dies_is_started_again_and_the_others_go_on(guarding):
    turn = "mine == 1 and seed == 7 and not os.path.exists('died') and (open('died', 'w'), os.abort())"
    done = guarding.run(SHARED.format(turn=turn), "--copies", "2")

    assert done.returncode == 0, done.stderr
    assert "copy 1: ended: killed by SIGABRT" in done.stderr
    assert [record.fields["copy"] for record in guarding.journal.of("restart")] == [1]
    assert broken(guarding.run_directory, ledger=guarding.directory / "results.csv", units=range(1, 20)) == []


def test_a_copy_that_is_no_use_is_given_up_while_the_other_finishes(guarding):
    done = guarding.run(SHARED.format(turn="mine == 1 and os.abort()"), "--copies", "2", "--restarts", "1")

    assert done.returncode == 78
    assert "copy 1: no other attempt: 2 attempts in a row saved nothing" in done.stderr
    assert sorted(guarding.rows()[1:], key=lambda row: int(row.split(",")[0])) == [
        f"{n},2" for n in range(2, 20, 2)
    ]


@pytest.mark.slow
def test_of_two_copies_the_larger_goes_when_memory_runs_short(guarding, machine):
    group = machine(400_000_000)
    turn = "hoard.append(bytearray(b'x') * (32_000_000 if mine == 2 else 2_000_000)); time.sleep(0.4)"
    done = guarding.run(
        SHARED.format(turn=turn), "--copies", "2", "--min-available", "150MB", "--grace", "5s", preexec_fn=group.inside
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert {record.fields["copy"] for record in guarding.journal.of("intent")} == {2}, done.stderr
    assert broken(guarding.run_directory, ledger=guarding.directory / "results.csv", units=range(1, 20)) == []


@pytest.mark.slow
def test_memory_that_workers_share_counts_once(guarding):
    program = """
        import os, time
        shared = bytearray(b"x") * 150_000_000
        for _ in range(3):
            if os.fork() == 0:
                time.sleep(3)
                os._exit(0)
        for _ in range(3):
            os.wait()
    """
    done = guarding.run(program, "--max-rss", "300MB", "--restarts", "0")

    assert done.returncode == 0, done.stderr
    assert max(record.fields["tree_rss"] for record in guarding.journal.of("tree")) > 500_000_000
    assert guarding.kinds("intent") == []


LEAK = """
    import time
    hoard = []
    for turn in range(100_000):
        hoard.append(bytearray(b"x") * 5_000_000)
        time.sleep(0.05)
"""


def test_a_profiled_program_that_outgrows_its_bound_is_ended_once_and_still_reported(tmp_path):
    done = profile(tmp_path, LEAK, "--max-rss", "200MB", "--grace", "5s", "--json", "report.json")

    assert done.returncode == 143
    assert "resident, 200 MB allowed: asking it to end" in done.stderr
    told = [record.kind for record in done.journal.records if record.kind in ("start", "intent", "exit")]
    assert told == ["start", "intent", "exit"]
    assert (tmp_path / "report.json").exists()


@pytest.mark.slow
def test_a_profiled_program_that_ignores_the_order_is_killed_when_its_grace_is_over(tmp_path):
    program = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n"
    # old enough to have got to that line on a busy machine
    done = profile(tmp_path, program, "--max-age", "10s", "--grace", "1s", "--quiet")

    assert done.returncode == 137
    assert [r.fields["why"] for r in done.journal.records if r.kind in ("intent", "kill")] == [
        "max-age",
        "grace",
    ]


SWEEP = """
    import leakhunt
    hoard = []
    with leakhunt.Ledger("results.csv", key="seed") as ledger:
        for seed in ledger.pending(range(30)):
            hoard.append(bytearray(b"x") * 10_000_000)
            ledger.save(seed=seed)
            __import__("time").sleep(0.03)
"""


def test_a_program_with_the_brake_in_its_loops_is_started_afresh_until_it_is_done(guarding, machine):
    group = machine(300_000_000)
    done = guarding.run(SWEEP, "--brake=100MB", preexec_fn=group.inside)

    assert done.returncode == 0, done.stderr
    assert guarding.rows() == ["seed", *map(str, range(30))]
    assert "leakhunt: before turn" in done.stderr
    assert "of the loop at program.py:5" in done.stderr
    assert "it yielded for lack of memory (exit code 75)" in done.stderr
    assert {record.fields["why"] for record in guarding.journal.of("restart")} == {"died"}
    assert broken(guarding.run_directory, ledger=guarding.directory / "results.csv", units=range(30)) == []


DAEMON = """
    import os, time
    if os.fork() == 0:
        os.setsid()
        open("new", "w").write(str(os.getpid()))
        os.rename("new", "daemon")
    time.sleep(600)
"""
CATCHING = """
    import leakhunt
    hoard, told = [], 0
    for attempt in range(3):
        try:
            for turn in range(60):
                hoard.append(bytearray(b"x") * 10_000_000)
                __import__("time").sleep(0.03)
        except leakhunt.MemoryBrake as problem:
            told += 1
            hoard.clear()
    print("braked", told)
"""


@pytest.mark.slow
def test_a_program_may_catch_the_brake_of_its_loops(guarding, machine):
    group = machine(400_000_000)
    done = guarding.run(CATCHING, "--brake=100MB", preexec_fn=group.inside)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "braked 3\n"
    assert guarding.kinds("restart") == []


@pytest.mark.slow
def test_a_profiled_program_that_brakes_ends_with_75_and_is_reported(tmp_path, machine):
    group = machine(400_000_000)
    done = profile(tmp_path, LEAK, "--brake=150MB", "--no-windows", preexec_fn=group.inside)

    assert done.returncode == 75
    assert "of the loop at program.py:4: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "Growth" in done.stderr
    (notes,) = tmp_path.glob("home/runs/*/work-*.jsonl")
    assert read_journal(notes).of("brake")[-1].fields["how"] == "braked"


def test_what_a_bounded_profile_started_does_not_outlive_its_killed_supervisor(tmp_path):
    (tmp_path / "program.py").write_text(textwrap.dedent(DAEMON))
    command = [sys.executable, "-m", "leakhunt", "profile", "--home", "home", "--max-age", "1h", "program.py"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=tmp_path, **quiet)
    wait_until((tmp_path / "daemon").exists)
    daemon = int((tmp_path / "daemon").read_text())
    process.kill()
    process.wait()

    wait_until(lambda: not is_running(daemon))


def test_without_being_asked_for_nothing_brakes(guarding, machine):
    group = machine(300_000_000)
    done = guarding.run(SWEEP.replace("range(30)", "range(15)"), preexec_fn=group.inside)

    assert done.returncode == 0, done.stderr
    assert guarding.kinds("restart") == []


@pytest.mark.parametrize("verb", ["run", "profile"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--brake=8X"], "not a size: '8X'"),
        (["--brake=900TB"], "--brake 900 TB is more than there is here"),
        (["--max-rss", "900TB"], "--max-rss 900 TB is more than there is here"),
        (["--max-age", "soon"], "not a duration: 'soon'"),
        (["--grace", "0"], "0 is not more than nothing"),
    ],
)
def test_bounds_that_make_no_sense_are_said_by_every_verb(tmp_path, verb, options, said):
    (tmp_path / "program.py").write_text("print('ran')")
    command = [sys.executable, "-m", "leakhunt", verb, "--home", "home", *options, "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--resume", "last"], 2, "no runs in home"),
        (["--resume", "last", "program.py"], 2, "leave out the target"),
        (["--copies", "0", "program.py"], 2, "0 is not in the range"),
        ([], 2, "what is to be run?"),
    ],
)
def test_what_cannot_be_run_is_said(tmp_path, options, code, said):
    (tmp_path / "program.py").write_text("print('ran')")
    command = [sys.executable, "-m", "leakhunt", "run", "--home", "home", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_a_profiled_run_cannot_be_resumed(tmp_path):
    profile(tmp_path, "print('ran')", "--quiet")
    command = [sys.executable, "-m", "leakhunt", "run", "--home", "home", "--resume", "last"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 2
    assert "is no guarded run" in done.stderr


def test_a_module_runs_under_the_brake_as_it_does_without(guarding):
    (guarding.directory / "package").mkdir()
    guarding.write("import sys\nprint(sys.argv[1:], __name__, __package__)", "package/__main__.py")
    environment = {**os.environ, "PYTHONPATH": str(guarding.directory)}
    for options in ([], ["--brake"]):
        done = subprocess.run(
            [*guarding.command(*options, target=""), "-m", "package", "--brake", "x"],
            cwd=guarding.directory, capture_output=True, text=True, env=environment,
        )  # fmt: skip

        assert done.stdout == "['--brake', 'x'] __main__ package\n", done.stderr
