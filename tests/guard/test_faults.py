"""Guarded runs that are disturbed: what hangs, floods memory, hides, or is killed with its supervisor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from guarding import wait_until
from invariants import broken

from leakhunt.guard.lineage import marked

#: Saves units 0 to 5; `{turn}` happens before each, `once(name)` is true in the first attempt only.
UNITS = """
    import ctypes, os, signal, subprocess, sys, time
    import leakhunt

    def once(name):
        try:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL))
            return True
        except FileExistsError:
            return False

    {start}
    with leakhunt.Ledger("results.csv", key="seed") as ledger:
        for seed in ledger.pending(range(6)):
            {turn}
            ledger.save(seed=seed)
"""
IGNORE = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def units(turn, start="pass"):
    return UNITS.format(turn=turn, start=start)


def check(guarding, **more):
    """The results are those of an undisturbed run, and every invariant holds."""
    assert guarding.rows() == ["seed", *map(str, range(6))]
    assert broken(
        guarding.run_directory, ledger=guarding.directory / "results.csv", units=range(6), **more
    ) == []  # fmt: skip


HANGS = [
    pytest.param("os.kill(os.getpid(), signal.SIGSTOP)", id="stopped"),
    pytest.param("ctypes.PyDLL(None).sleep(600)", id="lock-held-in-c", marks=pytest.mark.slow),
    pytest.param("[None for _ in iter(int, 1)]", id="endless-loop", marks=pytest.mark.slow),
]


@pytest.mark.slow
@pytest.mark.parametrize("hang", HANGS)
def test_a_program_that_hangs_in_a_unit_is_ended_and_goes_on(guarding, hang):
    program = units(f"seed == 3 and once('hung') and {hang}", IGNORE)
    done = guarding.run(program, "--stale-after", "4s", "--grace", "1s")

    assert done.returncode == 0, done.stderr
    assert "no unit was saved for" in done.stderr
    assert guarding.kinds("intent", "kill", "restart")[:3] == ["intent", "kill", "restart"]
    check(guarding)


@pytest.mark.slow
def test_a_program_that_gives_no_sign_of_life_is_ended_though_its_unit_may_take_longer(guarding):
    program = units(
        "once('long') and [(leakhunt.heartbeat('long'), time.sleep(0.2)) for _ in range(60)];"
        " seed == 3 and once('hung') and time.sleep(600)"
    )
    done = guarding.run(program, "--hung-after", "8s", "--grace", "1s")

    assert done.returncode == 0, done.stderr
    assert "no sign of life for" in done.stderr
    assert guarding.rows() == ["seed", *map(str, range(6))]
    # the long unit was left in peace
    assert (guarding.journal.of("exit")[0].fields["seconds"] or 0) > 12
    check(guarding)


def test_a_supervisor_that_stood_still_goes_on_with_its_program(guarding):
    process = guarding.start(units("seed == 2 and once('there') and time.sleep(2)"), "--stale-after", "60s")
    wait_until(lambda: (guarding.directory / "there").exists())
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: len(guarding.rows()) == 7)
    process.send_signal(signal.SIGCONT)

    assert process.wait(60) == 0
    assert guarding.kinds("intent", "restart") == []
    check(guarding)


FAMILY = """
    import os, subprocess, sys, time
    def tell(name):
        open(name + ".new", "w").write(str(os.getpid()) + chr(10))
        os.rename(name + ".new", name)
    def sleeper(name):
        tell(name)
        time.sleep(600)
    if os.fork() == 0:                      # a daemon: its parent is gone, its session its own
        os.setsid()
        if os.fork() == 0:
            sleeper("daemon")
        os._exit(0)
    os.wait()
    if os.fork() == 0:                      # a worker of a worker
        if os.fork() == 0:
            sleeper("grandchild")
        time.sleep(600)
    subprocess.Popen(
        [sys.executable, "-c", "import os, time; open('bare', 'w').write(str(os.getpid()) + chr(10)); time.sleep(600)"],
        start_new_session=True, env={},     # has lost the mark, and nothing else
    )
    held = bytearray(b"x") * 30_000_000
    sleeper("main")
"""
NAMES = ("daemon", "grandchild", "bare", "main")


def test_what_leaves_the_process_tree_is_counted_and_ended_with_its_program(guarding):
    process = guarding.start(FAMILY, "--restarts", "0")
    pids = [int(guarding.file(name)) for name in NAMES]
    wait_until(lambda: {record.fields["pid"] for record in guarding.journal.of("process")} >= set(pids))
    os.kill(pids[-1], signal.SIGTERM)
    process.wait(60)

    assert not [pid for pid in pids if alive(pid)]
    assert set(pids[:-1]) <= set(guarding.journal.of("orphans")[0].fields["pids"])


def test_nothing_of_a_run_outlives_its_killed_supervisor(guarding):
    process = guarding.start(FAMILY)
    pids = [int(guarding.file(name)) for name in NAMES if name != "bare"]
    process.kill()

    wait_until(lambda: not [pid for pid in pids if alive(pid)])
    wait_until(lambda: guarding.run_directory not in marked().values())
    os.kill(int(guarding.file("bare")), signal.SIGKILL)


def test_what_outlived_a_supervisor_killed_with_its_keeper_is_ended_by_the_next_run(guarding):
    process = guarding.start(FAMILY)
    pids = [int(guarding.file(name)) for name in NAMES]
    keeper = next(pid for pid in children(process.pid) if name_of(pid) == "leakhunt-keeper")
    for pid in (keeper, process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not alive(pids[-1]))
    assert alive(pids[0])
    time.sleep(0.01)  # the next run is a later one
    guarding.run("print('hello')")

    assert not [pid for pid in pids[:2] if alive(pid)]
    assert set(guarding.journal.of("orphans")[0].fields["pids"]) >= set(pids[:2])
    os.kill(pids[2], signal.SIGKILL)


def test_a_run_whose_supervisor_was_killed_goes_on_and_shows_the_gap(guarding):
    process = guarding.start(units("seed == 3 and once('there') and time.sleep(600)"))
    wait_until(lambda: (guarding.directory / "there").exists())
    process.kill()
    process.wait()
    done = guarding.resume()

    assert done.returncode == 0, done.stderr
    assert guarding.kinds("header", "start", "exit") == ["header", "start", "header", "start", "exit"]
    check(guarding)


def test_a_second_supervisor_of_one_run_is_refused(guarding):
    process = guarding.start("import time; open('up', 'w'); time.sleep(600)")
    wait_until(lambda: (guarding.directory / "up").exists())
    done = guarding.resume()

    assert done.returncode == 78
    assert "another supervisor runs in" in done.stderr
    assert process.poll() is None
    assert json.loads((guarding.run_directory / "run.json").read_text())["supervisor_pid"] == process.pid
    assert guarding.kinds("header", "start") == ["header", "start"]


def test_a_program_that_dies_at_once_is_given_up(guarding):
    done = guarding.run("import os, time; time.sleep(0.2); os.abort()", "--restarts", "1")

    assert done.returncode == 78
    assert guarding.kinds("start", "exit", "circuit") == ["start", "exit", "start", "exit", "circuit"]
    assert broken(guarding.run_directory) == []


FLOOD = (
    "once('flooded') and [(hoard.append(bytearray(b'x') * 3_000_000), time.sleep(0.05)) for _ in range(130)]"
)


@pytest.mark.parametrize(
    "start",
    [
        pytest.param("pass", id="goes-when-asked", marks=pytest.mark.slow),
        pytest.param(IGNORE, id="ignores-sigterm"),
    ],
)
def test_a_unit_that_floods_memory_is_ended_before_the_kernel_has_to(guarding, machine, start):
    group = machine(320_000_000)
    program = units(f"seed == 3 and {FLOOD}", f"{start}; hoard = []")
    done = guarding.run(
        program, "--min-available", "150MB", "--grace", "100s", preexec_fn=group.inside
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    ending = [
        record.fields["why"] for record in guarding.journal.records if record.kind in ("intent", "kill")
    ]
    assert ending == (["min-available"] if start == "pass" else ["min-available", "floor"])
    assert guarding.rows() == ["seed", *map(str, range(6))]


FOREIGN = "import sys, time; held = bytearray(b'x') * 150_000_000; print('up', flush=True); time.sleep(600)"


def test_memory_that_a_foreign_program_holds_ends_nobody(guarding, machine):
    group = machine(300_000_000)
    foreign = subprocess.Popen(
        [sys.executable, "-c", FOREIGN], stdout=subprocess.PIPE, preexec_fn=group.inside, text=True
    )
    try:
        assert foreign.stdout.readline() == "up\n"
        done = guarding.run(units("time.sleep(0.3)"), "--min-available", "150MB", preexec_fn=group.inside)
    finally:
        foreign.kill()
        foreign.communicate()

    assert done.returncode == 0, done.stderr
    assert "memory is short, but other programs hold it: not ended for that" in done.stderr
    assert guarding.kinds("intent", "kill", "restart") == []
    check(guarding)


CLOCK = """
import time
real, calls = time.clock_gettime, []
def jumping(clock):
    calls.append(clock)
    jump = 3600 * (-1) ** len(calls) if clock == time.CLOCK_REALTIME else 0
    return real(clock) + jump
time.clock_gettime = jumping
"""


def test_an_age_does_not_jump_with_the_wall_clock(guarding):
    (guarding.directory / "sitecustomize.py").write_text(CLOCK)
    environment = {**os.environ, "PYTHONPATH": str(guarding.directory)}
    done = guarding.run(
        units("seed == 3 and once('old') and time.sleep(600)"), "--max-age", "4s", "--grace", "1s", env=environment
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    ends = guarding.journal.of("exit")
    assert guarding.kinds("intent", "restart")[:2] == ["intent", "restart"]
    assert 3.6 <= ends[0].fields["seconds"] < 60
    walls = [record.wall for record in guarding.journal.records if record.wall is not None]
    assert max(walls) - min(walls) > 7000  # it did jump
    check(guarding)


def test_a_stop_is_passed_on_once_and_the_second_one_kills(guarding):
    process = guarding.start(units("open('up', 'w').write(chr(10)); time.sleep(600)", IGNORE))
    guarding.file("up")
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: guarding.kinds("signal") == ["signal"])
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)

    assert process.wait(60) == 137
    assert broken(guarding.run_directory) == []


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as stream:
        return list(map(int, stream.read().split()))


def name_of(pid):
    with open(f"/proc/{pid}/comm") as stream:
        return stream.read().strip()
