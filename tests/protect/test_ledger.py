"""A ledger keeps each saved unit, whatever happens next."""

import csv
import errno
import multiprocessing
import os
import pickle
import sqlite3
import subprocess
import sys
import textwrap
import threading
from datetime import datetime, timedelta

import pytest

from leakhunt.protect.ledger import Ledger, LedgerError

GRID = [(lam, beta) for lam in (1e-08, 3e-08, 1e-07) for beta in (3.1, 3.2)]


def filled(path, units):
    with Ledger(path, key=("lam", "beta")) as ledger:
        for lam, beta in units:
            ledger.save(lam=lam, beta=beta, error=lam * beta)
    return path


def read_csv(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def test_what_is_saved_is_not_pending_any_more(tmp_path):
    path = filled(tmp_path / "results.csv", GRID[:4])

    with Ledger(path, key=("lam", "beta")) as ledger:
        assert list(ledger.pending(GRID)) == GRID[4:]
        assert len(ledger) == 4
        assert GRID[0] in ledger
        assert GRID[5] not in ledger


def test_the_table_for_reading_has_every_row_while_the_run_goes_on(tmp_path):
    ledger = Ledger(tmp_path / "results.csv", key="seed")
    ledger.save(seed=1, loss=0.5)
    ledger.save(seed=2, loss=0.25, note='two, "quoted"\nlines')

    assert read_csv(tmp_path / "results.csv") == [
        {"seed": "1", "loss": "0.5", "note": ""},
        {"seed": "2", "loss": "0.25", "note": 'two, "quoted"\nlines'},
    ]


def test_a_key_is_saved_once(tmp_path):
    with Ledger(tmp_path / "results.csv", key="seed") as ledger:
        ledger.save(seed=1, loss=0.5)
        with pytest.raises(LedgerError, match="seed = 1 is saved already"):
            ledger.save(seed=1, loss=0.1)

        assert ledger.rows() == [{"seed": 1, "loss": 0.5}]


def test_the_first_of_two_processes_wins(tmp_path):
    mine, theirs = (Ledger(tmp_path / "results.csv", key="seed") for _ in range(2))

    assert theirs.save(seed=1, by="them") is True
    assert mine.save(seed=1, by="me") is False
    assert mine.rows() == [{"seed": 1, "by": "them"}]
    assert list(mine.pending([1, 2])) == [2]


@pytest.mark.parametrize("unit", [7, 7.0, (7,), {"seed": 7, "other": 1}])
def test_equal_numbers_are_equal_keys(tmp_path, unit):
    ledger = Ledger(tmp_path / "results.csv", key="seed")
    ledger.save(seed=7)

    assert list(ledger.pending([unit])) == []


def test_numpy_and_pandas_values_come_back(tmp_path):
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    with Ledger(tmp_path / "results.parquet", key="seed") as ledger:
        ledger.save(
            seed=numpy.int64(3), loss=numpy.float32(0.5), ok=numpy.bool_(True), label=numpy.str_("a"),
            at=pandas.Timestamp("2026-01-05 10:00"), lost=pandas.NaT, none=pandas.NA, inf=float("inf"),
        )  # fmt: skip
        frame = ledger.frame()

    assert list(ledger.pending([numpy.float64(3.0)])) == []
    assert ledger.rows()[0] == {
        "seed": 3, "loss": 0.5, "ok": True, "label": "a", "at": datetime(2026, 1, 5, 10), "lost": None, "none": None,
        "inf": float("inf"),
    }  # fmt: skip
    assert frame["at"].dtype.kind == "M"
    pytest.importorskip("pyarrow")
    assert pandas.read_parquet(tmp_path / "results.parquet")["loss"].tolist() == [0.5]


def test_durations_and_other_numbers_of_numpy_and_pandas_come_back(tmp_path):
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    ledger = Ledger(tmp_path / "results.csv", key="seed")
    ledger.save(
        seed=1, a=pandas.Timedelta("1s"), b=timedelta(days=-2, microseconds=3), c=numpy.timedelta64(3, "s"),
        d=numpy.timedelta64("NaT", "s"), e=numpy.longdouble(1.5), f=pandas.Categorical(["x"])[0],
    )  # fmt: skip

    assert ledger.rows() == [
        {
            "seed": 1, "a": timedelta(seconds=1), "b": timedelta(days=-2, microseconds=3), "c": timedelta(seconds=3),
            "d": None, "e": 1.5, "f": "x",
        }
    ]  # fmt: skip


def test_whole_numbers_stay_whole_where_some_are_missing(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    with Ledger(tmp_path / "results.parquet", key="seed") as ledger:
        ledger.save(seed=1, count=2**60 + 1)
        ledger.save(seed=2)
        assert str(ledger.frame()["count"].dtype) == "Int64"

    assert pandas.read_parquet(tmp_path / "results.parquet")["count"][0] == 2**60 + 1


def test_what_parquet_cannot_hold_is_said_at_the_end_and_costs_no_row(tmp_path):
    pytest.importorskip("pyarrow")
    ledger = Ledger(tmp_path / "results.parquet", key="seed")
    ledger.save(seed=1, note="text")
    ledger.save(seed=2, note=1.5)
    with pytest.warns(UserWarning, match=r"a column must be of one kind.*its rows are safe in"):
        ledger.close()

    with pytest.warns(UserWarning, match="a column must be of one kind"):
        again = Ledger(tmp_path / "results.parquet", key="seed")
    assert list(again.pending([1, 2, 3])) == [3]
    assert again.export(tmp_path / "results.csv").read_text() == "seed,note\n1,text\n2,1.5\n"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"seed": 1, "fitter": object()}, "fitter: builtins.object is no single value; save numbers, text or dates"),
        ({"seed": [1]}, "builtins.list is no single value"),
        ({"loss": 1.0}, "needs the key column 'seed'"),
    ],
)  # fmt: skip
def test_what_no_table_holds_is_refused_and_nothing_is_lost(tmp_path, row, said):
    ledger = Ledger(tmp_path / "results.csv", key="seed")
    ledger.save(seed=0, loss=1.0)
    with pytest.raises(LedgerError, match=said):
        ledger.save(**row)

    assert ledger.rows() == [{"seed": 0, "loss": 1.0}]


def test_other_keys_and_foreign_files_are_refused(tmp_path):
    path = filled(tmp_path / "results.csv", GRID[:1])
    with pytest.raises(LedgerError, match=r"has the key \('lam', 'beta'\), not \('seed',\)"):
        Ledger(path, key="seed")
    (tmp_path / "old.csv").write_text("seed,loss\n1,2\n")
    with pytest.raises(LedgerError, match="no ledger wrote it"):
        Ledger(tmp_path / "old.csv", key="seed")
    (tmp_path / "new.csv.ledger").write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(LedgerError, match="is damaged or no ledger"):
        Ledger(tmp_path / "new.csv", key="seed")
    other = sqlite3.connect(tmp_path / "their.csv.ledger")
    other.execute("create table things (a)")
    other.close()
    with pytest.raises(LedgerError, match="was not written by a ledger"):
        Ledger(tmp_path / "their.csv", key="seed")


def test_a_flipped_byte_makes_its_row_pending_again(tmp_path):
    path = filled(tmp_path / "results.csv", GRID)
    store = tmp_path / "results.csv.ledger"
    data = store.read_bytes()
    store.write_bytes(data.replace(b'"lam":3e-08,"beta":3.2', b'"lam":4e-08,"beta":3.2'))
    with pytest.warns(UserWarning, match="1 rows of .* were damaged and are pending again"):
        ledger = Ledger(path, key=("lam", "beta"))

    assert list(ledger.pending(GRID)) == [(3e-08, 3.2)]
    assert len(read_csv(path)) == 5


def test_a_torn_tail_costs_at_most_the_rows_in_it(tmp_path):
    path = tmp_path / "results.csv"
    program = f"""
        import os, signal
        from leakhunt.protect.ledger import Ledger
        ledger = Ledger({str(path)!r}, key="seed")
        for seed in range(20):
            ledger.save(seed=seed)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)])
    log = tmp_path / "results.csv.ledger-wal"
    whole = log.read_bytes()
    kept = []
    for length in range(len(whole), 0, -len(whole) // 40):
        for left in tmp_path.glob("torn*"):
            left.unlink()
        (tmp_path / "torn.csv.ledger").write_bytes((tmp_path / "results.csv.ledger").read_bytes())
        (tmp_path / "torn.csv.ledger-wal").write_bytes(whole[:length])
        with Ledger(tmp_path / "torn.csv", key="seed") as ledger:
            kept.append(len(ledger))
            assert list(ledger.pending(range(20))) == list(range(kept[-1], 20))
            assert ledger.save(seed=100) is True

    assert kept[0] == 20
    assert kept == sorted(kept, reverse=True)


def test_a_killed_run_resumes_to_the_same_rows(tmp_path):
    program = """
        import sys
        from leakhunt.protect.ledger import Ledger
        with Ledger(sys.argv[1], key="seed") as ledger:
            for seed in ledger.pending(range(400)):
                ledger.save(seed=seed, square=seed * seed)
                print(seed, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "results.csv")]
    for kill_after in (3, 40, 7):
        run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said = [run.stdout.readline() for _ in range(kill_after)]
        run.kill()
        run.communicate()
        with Ledger(tmp_path / "results.csv", key="seed") as ledger:
            assert int(said[-1]) in ledger
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    expected = [{"seed": str(seed), "square": str(seed * seed)} for seed in range(400)]
    assert read_csv(tmp_path / "results.csv") == expected


def _save_all(ledger, start):
    for seed in list(range(start, 30)) + list(range(start)):
        ledger.save(seed=seed, by=os.getpid())


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_several_processes_save_into_one_ledger(tmp_path, method):
    ledger = Ledger(tmp_path / "results.csv", key="seed")
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=_save_all, args=(ledger, start)) for start in (0, 10, 20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0

    assert sorted(row["seed"] for row in ledger.rows()) == list(range(30))
    assert sorted(int(row["seed"]) for row in read_csv(tmp_path / "results.csv")) == list(range(30))


def test_threads_may_save(tmp_path):
    ledger = Ledger(tmp_path / "results.csv", key="seed")
    threads = [threading.Thread(target=_save_all, args=(ledger, 0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ledger) == 30


def test_a_full_disk_loses_nothing_that_was_saved(tmp_path):
    resource = pytest.importorskip("resource")
    program = f"""
        import resource, signal
        from leakhunt.protect.ledger import Ledger, LedgerError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        ledger = Ledger({str(tmp_path / "results.csv")!r}, key="seed")
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        for seed in range(10_000):
            try:
                ledger.save(seed=seed, text="x" * 100)
            except LedgerError as error:
                print(seed, error.slug)
                break
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    failed, slug = done.stdout.split()

    assert slug == "ledger-unwritable"
    assert resource is not None
    with Ledger(tmp_path / "results.csv", key="seed") as ledger:
        assert sorted(row["seed"] for row in ledger.rows()) == list(range(int(failed)))
    assert len(read_csv(tmp_path / "results.csv")) == int(failed)


def test_a_table_that_cannot_be_written_at_the_end_is_said_and_costs_no_row(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "results.csv", key="seed")
    ledger.save(seed=1)
    monkeypatch.setattr("leakhunt.protect.ledger.write_table", full_disk)
    with pytest.warns(UserWarning, match="cannot write .*No space left.*its rows are safe in"):
        ledger.close()
    monkeypatch.undo()

    assert Ledger(tmp_path / "results.csv", key="seed").rows() == [{"seed": 1}]


def full_disk(*_arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_ledger_can_be_pickled(tmp_path):
    ledger = Ledger(tmp_path / "results.csv", key="seed")
    ledger.save(seed=1)

    assert pickle.loads(pickle.dumps(ledger)).rows() == [{"seed": 1}]


def test_two_that_make_the_same_ledger_at_once_both_have_it(tmp_path, monkeypatch):
    class Interrupted(sqlite3.Connection):
        """Lets another process make the ledger after the first look at the file."""

        statements = 0

        def execute(self, *arguments):
            self.statements += 1
            if self.statements == 2:
                monkeypatch.undo()
                filled(tmp_path / "results.csv", GRID[:1])
            return super().execute(*arguments)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *path, **more: connect(*path, factory=Interrupted, **more))

    with Ledger(tmp_path / "results.csv", key=("lam", "beta")) as ledger:
        assert list(ledger.pending(GRID)) == GRID[1:]
