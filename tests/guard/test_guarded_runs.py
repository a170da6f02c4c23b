"""`leakhunt run` with real programs: they die, are ended, and go on where they were."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from leakhunt.journal.reader import read_journal

SWEEP = """
    import os, signal, sys
    import leakhunt
    hoard = []
    with leakhunt.Ledger("results.csv", key="seed") as ledger:
        for seed in ledger.pending(range(12)):
            hoard.append(bytearray(40_000_000))
            {turn}
            ledger.save(seed=seed)
"""


@pytest.fixture
def guarded(tmp_path):
    def run(program, *options, arguments=(), timeout=90):
        (tmp_path / "program.py").write_text(textwrap.dedent(program))
        command = [
            sys.executable,
            "-m",
            "leakhunt",
            "run",
            "--home",
            "home",
            *options,
            "program.py",
            *arguments,
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout)
        done.rows = (
            (tmp_path / "results.csv").read_text().split() if (tmp_path / "results.csv").exists() else []
        )
        (journal,) = (tmp_path / "home").glob("runs/*/supervisor.jsonl")
        done.journal = read_journal(journal)
        return done

    return run


def kinds(done, *wanted):
    return [record.kind for record in done.journal.records if record.kind in wanted]


def test_a_program_that_ends_is_left_alone(guarded):
    done = guarded("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")

    assert (done.returncode, done.stdout) == (3, "out\n")
    assert "err\n" in done.stderr
    assert kinds(done, "start", "exit", "restart") == ["start", "exit"]


def test_a_sweep_that_outgrows_its_bound_is_restarted_until_it_is_done(guarded):
    program = SWEEP.format(turn="import time; time.sleep(0.4)")
    done = guarded(program, "--max-rss", "200MB", "--grace", "1s", "--hard-limit", "off")

    assert done.returncode == 0, done.stderr
    assert done.rows == ["seed", *map(str, range(12))]
    assert "resident, 200 MB allowed: asking it to end" in done.stderr
    # what was meant to be done is in the journal before it is done
    assert kinds(done, "intent", "restart")[:2] == ["intent", "restart"]


def test_a_program_that_yields_for_lack_of_memory_is_started_again(guarded):
    done = guarded(SWEEP.format(turn="sys.exit(75) if len(hoard) > 5 else None"))

    assert done.returncode == 0, done.stderr
    assert done.rows == ["seed", *map(str, range(12))]
    assert "it yielded for lack of memory (exit code 75), 5 units saved; attempt 2 begins" in done.stderr


def test_a_program_that_is_killed_is_started_again(guarded):
    done = guarded(SWEEP.format(turn="os.kill(os.getpid(), signal.SIGKILL) if len(hoard) > 5 else None"))

    assert done.returncode == 0, done.stderr
    assert done.rows == ["seed", *map(str, range(12))]
    assert "intent" not in kinds(done, "intent")


def test_attempts_that_save_nothing_come_to_an_end(guarded):
    done = guarded("import os; os.kill(os.getpid(), 9)", "--restarts", "1")

    assert done.returncode == 78
    assert (
        "no other attempt: 2 attempts in a row saved nothing; the last ended: killed by SIGKILL"
        in done.stderr
    )
    assert kinds(done, "start", "circuit") == ["start", "start", "circuit"]


def test_a_program_that_needs_more_than_its_bound_to_start_is_not_tried_again(guarded):
    done = guarded(
        "x = bytearray(300_000_000); import time; time.sleep(60)", "--max-rss", "150MB", "--grace", "1s"
    )

    assert done.returncode == 78
    assert "it needs more than it may have just to start" in done.stderr


def test_a_program_that_ignores_sigterm_is_killed_with_all_that_it_started(guarded, tmp_path):
    program = """
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        open("child", "w").write(str(child.pid))
        time.sleep(600)
    """
    done = guarded(program, "--max-age", "1s", "--grace", "1s", "--restarts", "0")

    assert done.returncode == 78
    assert kinds(done, "intent", "kill") == ["intent", "kill"]
    assert not psutil.pid_exists(int((tmp_path / "child").read_text()))


def test_a_stopped_run_is_not_started_again(tmp_path):
    (tmp_path / "program.py").write_text("import time; print('up', flush=True); time.sleep(600)")
    command = [sys.executable, "-m", "leakhunt", "run", "--home", "home", "program.py"]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "up\n"
    run.send_signal(signal.SIGTERM)
    _, errors = run.communicate(timeout=30)

    assert run.returncode == 143
    assert "attempt" not in errors


def test_nothing_outlives_a_killed_supervisor(tmp_path):
    (tmp_path / "program.py").write_text("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    command = [sys.executable, "-m", "leakhunt", "run", "--home", "home", "program.py"]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    pid = int(run.stdout.readline())
    run.kill()
    run.wait()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--max-rss", "8X"], "not a size: '8X'"),
        (["--max-age", "soon"], "not a duration: 'soon'"),
        (["--max-rss", "900TB"], "is more than there is here"),
        (["--max-rss", "0"], "0 is not more than nothing"),
    ],
)
def test_bounds_that_make_no_sense_are_said(tmp_path, options, said):
    (tmp_path / "program.py").write_text("print('ran')")
    command = [sys.executable, "-m", "leakhunt", "run", "--home", "home", *options, "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_threads_are_capped_for_the_number_of_workers(guarded):
    done = guarded(
        "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['MALLOC_ARENA_MAX'])", "--workers", "1"
    )

    assert done.stdout.split() == [os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())), "2"]
