"""Census copies that outlive their run are ended, and nobody else."""

import os
import signal
import subprocess
import sys
import time

import pytest

from leakhunt.guard.copies import copies_of, end_copies
from leakhunt.guard.supervise import outstanding_censuses
from leakhunt.journal.rundir import create_run
from leakhunt.journal.writer import JournalWriter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux only")

SLEEPER = """
import ctypes, time
ctypes.CDLL(None).prctl(15, {name!r}, 0, 0, 0)
print("named", flush=True)
time.sleep(60)
"""


def sleeper(run, name=b"leakhunt-census"):
    environment = {**os.environ, "LEAKHUNT_AGENT": str(run.path / "agent.json")}
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER.format(name=name)], env=environment, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"named\n"
    return process


def test_a_copy_that_hangs_is_killed_after_a_little_grace(tmp_path):
    mine, other = create_run(tmp_path, "mine"), create_run(tmp_path, "other")
    hanging, foreign, target = sleeper(mine), sleeper(other), sleeper(mine, b"python")
    try:
        assert copies_of(mine) == [hanging.pid]

        began = time.monotonic()
        assert end_copies(mine, grace_seconds=0.2) == 1

        assert hanging.wait(5) == -signal.SIGKILL
        assert time.monotonic() - began >= 0.2
        assert foreign.poll() is None
        assert target.poll() is None
    finally:
        for process in (hanging, foreign, target):
            process.kill()
            process.wait()
            process.stdout.close()


def test_a_run_without_copies_is_not_kept_waiting(tmp_path):
    assert end_copies(create_run(tmp_path, "quiet")) == 0


def test_the_censuses_of_a_worker_are_waited_for_like_those_of_the_program(tmp_path):
    run = create_run(tmp_path, "pool")
    worker = run.path / "workers" / "77"
    (worker / "checkpoints").mkdir(parents=True)
    computing = sleeper(run)
    try:
        journal = JournalWriter(worker / "agent-77.jsonl", {"writer": "agent"})
        journal.write(
            "checkpoint",
            1,
            "pool.py:1:worker",
            1,
            3,
            "checkpoints/0001.json",
            "fork",
            0.01,
            computing.pid,
            None,
        )

        assert outstanding_censuses(run) == {computing.pid}

        (worker / "checkpoints" / "0001.json").write_text("{}")
        assert outstanding_censuses(run) == set()
    finally:
        computing.kill()
        computing.wait()
        computing.stdout.close()
