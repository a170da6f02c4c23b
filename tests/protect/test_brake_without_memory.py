"""A brake that itself finds no memory still says what it must, and ends the process with 75."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
from crashing import in_a_child

from leakhunt.journal.reader import read_journal
from leakhunt.protect.brake import Brake, MemoryBrake, MemoryYield
from leakhunt.protect.headroom import Headroom

FULL = """
    import resource, sys
    import leakhunt
    leakhunt.check_memory("the first", min_available="1MB")
    size = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (size + 60_000_000, size + 60_000_000))
    held = None
    for piece in (1_000_000, 10_000, 1_000):  # down to the small gaps
        try:
            while True:
                held = (held, bytearray(piece))
        except MemoryError:
            pass
    leakhunt.check_memory("the last", min_available="1MB")
"""


def test_a_process_at_its_own_limit_yields_and_it_is_in_the_journal(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL)],
        env={**os.environ, "LEAKHUNT_RUN": str(tmp_path)}, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (75, "", "")
    (path,) = tmp_path.glob("work-*.jsonl")
    (told,) = read_journal(path).of("brake")
    assert (told.fields["unit"], told.fields["how"]) == ("the last", "yielded")


class Low:
    def read(self):
        return Headroom(10, 1000, "host")


@pytest.fixture
def quick_path(tmp_path):
    """In memory where there is such a place: every note is brought onto the disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="leakhunt-", dir="/dev/shm") as directory:
        yield Path(directory)


def test_an_allocation_that_fails_anywhere_in_the_brake_changes_nothing(quick_path, monkeypatch):
    testing = pytest.importorskip("_testcapi", reason="this interpreter came without its own test module")
    monkeypatch.setenv("LEAKHUNT_RUN", str(quick_path))
    outcomes = set()
    for number in range(1, 300, 5):

        def brake(number=number):
            brake = Brake(100, reader=Low(), give_back=lambda: None, give_up_after=1, resident=lambda: None)
            testing.set_nomemory(number, number + 1)
            try:
                brake.check("unit")
            except MemoryYield:
                testing.remove_mem_hooks()
                os._exit(75)
            except MemoryBrake:
                testing.remove_mem_hooks()
                os._exit(10)
            finally:
                testing.remove_mem_hooks()

        outcomes.add(in_a_child(brake))
    told = [record for path in quick_path.glob("work-*.jsonl") for record in read_journal(path).of("brake")]

    if sys.version_info >= (3, 12):  # where the interpreter itself crashes at a failed allocation or two
        outcomes.discard(-signal.SIGSEGV)
    assert outcomes == {75}
    assert len(told) >= 55
    assert {record.fields["how"] for record in told} == {"yielded"}
