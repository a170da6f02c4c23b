"""A ledger whose process, disk or memory fails at any of its steps keeps what it said was saved."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import sqlite3
import tempfile
import time
import warnings
from pathlib import Path

import pytest
from crashing import at, die, forked, in_a_child

from leakhunt.protect.ledger import Ledger, LedgerError

UNITS = range(4)


def fill(path, promised=None):
    """Save what is pending; note what `save` promised in a file that nothing disturbs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Ledger(path, key="seed") as ledger:
            for seed in ledger.pending(UNITS):
                # another column now and then: the table is then written anew
                ledger.save(seed=seed, **{f"column{seed // 2}": seed * seed})
                if promised is not None:
                    os.pwrite(promised, b"%d" % seed, seed)


def steps(path):
    with at(0, lambda name: None) as seen:
        fill(path)
    return len(seen)


@pytest.fixture
def tmp_path(tmp_path):
    """In memory where there is such a place: nothing here depends on how long a disk takes."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="leakhunt-", dir="/dev/shm") as directory:
        yield Path(directory)


@pytest.fixture
def promised(tmp_path):
    handle = os.open(tmp_path / "promised", os.O_RDWR | os.O_CREAT)
    yield handle
    os.close(handle)


def kept(promised):
    return {int(chr(byte)) for byte in os.pread(promised, 100, 0) if byte}


def result(path):
    with Ledger(path, key="seed") as ledger:
        return ledger.rows(), path.read_text()


def test_a_crash_at_any_step_loses_nothing_that_was_saved_and_the_rest_is_done_later(tmp_path, promised):
    count = steps(tmp_path / "whole.csv")
    whole = result(tmp_path / "whole.csv")
    assert count > 40
    for number in range(1, count + 1):
        path = tmp_path / f"{number}.csv"
        os.ftruncate(promised, 0)

        def crash(path=path, number=number):
            with at(number, lambda name: die()):
                fill(path, promised)

        assert in_a_child(crash) == -signal.SIGKILL
        if path.with_name(path.name + ".ledger").exists():
            with Ledger(path, key="seed") as ledger:
                saved = {row["seed"] for row in ledger.rows()}
            # the one whose save was under way may be in it
            assert kept(promised) <= saved, number
            assert saved - kept(promised) <= {len(kept(promised))}, number
        fill(path)
        assert result(path) == whole, number


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(errno.ENOSPC, id="full"),
        pytest.param(errno.EIO, id="broken"),
        pytest.param(errno.EDQUOT, id="quota"),
    ],
)
def test_a_disk_that_fails_at_any_step_is_said_and_loses_nothing_that_was_saved(tmp_path, promised, code):
    count = steps(tmp_path / "whole.csv")
    whole = result(tmp_path / "whole.csv")

    def fail(name):
        if name == "sql":
            raise sqlite3.OperationalError(
                "database or disk is full" if code == errno.ENOSPC else "disk I/O error"
            )
        raise OSError(code, os.strerror(code))

    for number in range(1, count + 1):
        path = tmp_path / f"{number}.csv"
        os.ftruncate(promised, 0)
        # whatever SQLite or the system says comes as an error of the ledger, or as a warning
        with contextlib.suppress(LedgerError), at(number, fail):
            fill(path, promised)
        fill(path)
        rows, table = result(path)
        assert {row["seed"] for row in rows} == set(UNITS) >= kept(promised), number
        assert (sorted(map(str, rows)), len(table)) == (sorted(map(str, whole[0])), len(whole[1])), number


def test_sigterm_in_the_middle_of_saving_leaves_whole_rows(tmp_path, promised):
    chance = random.Random(24)
    for number in range(20):
        path = tmp_path / f"{number}.csv"

        def save(path=path):
            with Ledger(path, key="seed") as ledger:
                for seed in range(100_000):
                    ledger.save(seed=seed, text="x" * 50)

        pid = forked(save)
        deadline = time.monotonic() + 60
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(chance.uniform(0.0, 0.05))
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        with Ledger(path, key="seed") as ledger:
            rows = ledger.rows()
            assert [row["seed"] for row in rows] == list(range(len(rows)))
        assert path.read_text().count("\n") == len(rows) + 1


def test_a_ledger_of_a_later_format_is_refused_and_left_alone(tmp_path):
    fill(tmp_path / "results.csv")
    with sqlite3.connect(tmp_path / "results.csv.ledger") as store:
        store.execute("update header set value = '2' where name = 'format'")
    store.close()
    with pytest.raises(LedgerError, match="has format 2, this leakhunt reads format 1: upgrade it"):
        Ledger(tmp_path / "results.csv", key="seed")

    with sqlite3.connect(tmp_path / "results.csv.ledger") as store:
        assert store.execute("select count(*) from rows").fetchone() == (4,)
    store.close()
