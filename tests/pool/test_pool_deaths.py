"""Workers that die, stand still, swell or leave children behind cost the unit they were at, and nobody else's."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pool_units as units
import pytest

import leakhunt
from leakhunt.journal.reader import read_journal
from leakhunt.pool.cards import read_cards
from leakhunt.pool.errors import PoolError
from leakhunt.pool.processes import resident
from leakhunt.protect.headroom import Headroom

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
MB = 1_000_000


@pytest.fixture(autouse=True)
def _deadpool() -> None:
    pytest.importorskip("deadpool", reason="needs deadpool-executor")


def is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {what}")


@pytest.fixture
def journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """What this process writes into a run directory, by kind of record."""
    monkeypatch.setenv("LEAKHUNT_RUN", str(tmp_path))
    monkeypatch.setattr("leakhunt.protect.notes._WRITERS", {})

    def of(kind: str) -> list[dict[str, Any]]:
        records = read_journal(tmp_path / f"work-{os.getpid()}.jsonl")
        return [record.fields for record in records.of(kind)]

    return of


def test_each_way_to_die_costs_one_more_run_of_that_unit_alone(tmp_path: Path) -> None:
    ways = ["SIGKILL", "SIGSEGV", "abort", "exit 0", "C exit", "sys.exit"]
    items = [
        (ways[number // 4] if number % 4 == 1 else "", str(tmp_path / f"{number}"), number)
        for number in range(4 * len(ways))
    ]

    with leakhunt.Pool(2, backend="deadpool") as pool:
        assert sorted(pool.imap_unordered(units.die_once, items)) == list(range(len(items)))
        assert pool.quarantined == []


def test_the_causes_of_deaths_are_written_down_by_name(
    tmp_path: Path, journal: Callable[[str], list[dict[str, Any]]]
) -> None:
    ways = ["SIGKILL", "SIGSEGV", "exit 0", "sys.exit"]
    with leakhunt.Pool(2, backend="deadpool") as pool:
        list(pool.imap(units.die_once, [(how, str(tmp_path / how), 0) for how in ways]))

    causes = {record["unit"]: record["cause"] for record in journal("retry")}
    assert causes == {
        0: "its worker was ended by SIGKILL",
        1: "its worker was ended by SIGSEGV",
        2: "its worker ended with exit code 0",
        3: "it called sys.exit(4)",
    }


def test_loky_workers_may_die_too_and_innocent_units_are_not_blamed(tmp_path: Path) -> None:
    pytest.importorskip("loky", reason="needs loky")
    items = [("SIGKILL" if n == 3 else "", str(tmp_path / str(n)), n) for n in range(8)]

    with leakhunt.Pool(2, backend="loky", tasks_per_worker=3) as pool:
        assert sorted(pool.imap_unordered(units.die_once, items)) == list(range(8))
        with pytest.warns(RuntimeWarning, match="unit 2 was given up"):
            assert sorted(pool.imap_unordered(units.poison, range(6))) == [0, 1, 3, 4, 5]
        assert [one.item for one in pool.quarantined] == [2]


@pytest.mark.parametrize("ordered", [False, True])
def test_a_unit_whose_worker_dies_three_times_is_given_up_beside_healthy_ones(
    ordered: bool, journal: Callable[[str], list[dict[str, Any]]]
) -> None:
    with leakhunt.Pool(2, backend="deadpool") as pool:
        run = pool.imap if ordered else pool.imap_unordered
        with pytest.warns(RuntimeWarning, match="unit 2 was given up: 3 workers died of it"):
            found = list(run(units.poison, range(8)))
        (given_up,) = pool.quarantined

    assert sorted(found) == [0, 1, 3, 4, 5, 6, 7]
    assert not ordered or found == sorted(found)
    assert (given_up.index, given_up.item) == (2, 2)
    assert given_up.causes == ("its worker was ended by SIGKILL",) * 3
    assert [record["unit"] for record in journal("quarantine")] == [2]
    assert {record["unit"] for record in journal("retry")} == {2}


def test_a_unit_that_runs_again_does_not_wait_for_results_that_wait_for_it(tmp_path: Path) -> None:
    with leakhunt.Pool(2, backend="deadpool") as pool:
        assert list(pool.imap(units.square, range(4))) == [0, 1, 4, 9]
        results = pool.imap(
            units.die_once, [("SIGKILL", str(tmp_path / "mark"), 0), *[("", "", n) for n in (1, 2, 3)]]
        )

        def halve(_now: float) -> bool:
            window.size = window.most = 1
            return True

        window = pool._crew.admission
        window.halve = halve
        assert list(results) == [0, 1, 2, 3]


def test_workers_killed_while_idle_or_starting_are_nobodys_fault() -> None:
    with leakhunt.Pool(2, backend="deadpool") as pool:
        assert len(list(pool.imap(units.square, range(4)))) == 4
        for card in read_cards(pool._crew.directory):
            os.kill(card.pid, signal.SIGKILL)
        assert list(pool.imap(units.square, range(20))) == [n * n for n in range(20)]
        assert pool.quarantined == []


def test_a_worker_killed_as_it_starts_is_replaced() -> None:
    before = set(children())
    with leakhunt.Pool(2, backend="deadpool") as pool:
        new = wait_until(lambda: set(children()) - before, "a worker")
        os.kill(min(new), signal.SIGKILL)
        assert sorted(pool.imap_unordered(units.square, range(10))) == [n * n for n in range(10)]


def children() -> list[int]:
    found: list[int] = []
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):
            found += map(int, Path(f"/proc/self/task/{thread}/children").read_text().split())
    return found


def test_items_and_results_that_end_the_worker_as_they_are_unpickled_or_pickled_are_given_up() -> None:
    mine = os.getpid()
    with leakhunt.Pool(2, backend="deadpool") as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert (
            list(pool.imap(units.take, ["x", units.Trouble("unpickle", mine, "exit"), "x"])) == ["taken"] * 2
        )
        assert list(pool.imap(units.give, [("", 0, ""), ("pickle", mine, "exit")])) == ["given"]
        assert {one.causes[0] for one in pool.quarantined} == {"its worker ended with exit code 7"}


def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import leakhunt\n"
        "def work(one): return one\n"
        "with leakhunt.Pool(2) as pool:\n"
        "    print(list(pool.imap(work, range(3))))\n"
    )

    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=250)

    assert done.returncode == 1
    assert '`if __name__ == "__main__":`' in done.stderr.splitlines()[-1]


def test_an_initializer_that_fails_is_said_once() -> None:
    with (
        leakhunt.Pool(2, backend="deadpool", initializer=units.fail) as pool,
        pytest.raises(PoolError, match="the initializer failed in a worker: RuntimeError: no licence"),
    ):
        list(pool.imap(units.square, range(4)))


def test_a_worker_is_replaced_after_so_many_units(journal: Callable[[str], list[dict[str, Any]]]) -> None:
    with leakhunt.Pool(2, backend="deadpool", tasks_per_worker=3) as pool:
        pids = list(pool.imap_unordered(units.pid_of, range(18)))

    assert max(pids.count(pid) for pid in pids) <= 3
    assert {record["why"] for record in journal("recycle")} == {"tasks"}


def test_workers_that_leak_are_replaced_and_their_size_stays_bounded(
    journal: Callable[[str], list[dict[str, Any]]],
) -> None:
    with leakhunt.Pool(2, backend="deadpool", max_worker_rss="150MB") as pool:
        pids = list(pool.imap_unordered(units.leak, [20 * MB] * 30))

    recycled = journal("recycle")
    assert len(set(pids)) > 2
    assert {record["why"] for record in recycled} == {"resident"}
    assert all(record["resident"] < 200 * MB for record in recycled)


@pytest.mark.slow
def test_all_workers_may_reach_their_limit_at_once_and_the_run_goes_on() -> None:
    with leakhunt.Pool(3, backend="deadpool", max_worker_rss="150MB") as pool:
        pids = list(pool.imap_unordered(units.leak, [150 * MB] * 9))

        assert len(set(pids)) == 9
        assert pool.recycled == 9
        assert pool.quarantined == []


def test_a_worker_that_is_too_large_before_its_first_unit_ends_the_run() -> None:
    with (
        leakhunt.Pool(2, backend="deadpool", max_worker_rss="2MB") as pool,
        pytest.raises(PoolError, match="before its first unit, max_worker_rss is 2 MB: raise it") as refused,
    ):
        list(pool.imap(units.square, range(4)))

    assert refused.value.exit_code == 78


def test_a_worker_that_stands_still_is_ended_and_its_unit_runs_again(
    tmp_path: Path, journal: Callable[[str], list[dict[str, Any]]]
) -> None:
    with leakhunt.Pool(2, backend="deadpool", unit_timeout=2.0) as pool:
        found = list(pool.imap(units.stop_once, [str(tmp_path / "mark")]))

    assert found == ["went on"]
    assert {record["why"] for record in journal("pool-intent")} == {"time"}
    assert all("at most 2 s" in record["cause"] for record in journal("retry"))


def test_a_unit_that_swells_and_ignores_sigterm_is_killed_and_runs_again(
    tmp_path: Path, journal: Callable[[str], list[dict[str, Any]]]
) -> None:
    with leakhunt.Pool(2, backend="deadpool", max_worker_rss="150MB") as pool:
        (pid,) = pool.imap(units.swallow_term, [(str(tmp_path / "mark"), 300 * MB)])
        (intent,) = journal("pool-intent")

    assert intent["why"] == "size"
    assert intent["pid"] != pid


def test_memory_that_others_hold_slows_the_pool_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, journal: Callable[[str], list[dict[str, Any]]]
) -> None:
    others = Headroom(10 * MB, 25_000 * MB, "host")
    monkeypatch.setattr("leakhunt.protect.headroom.HeadroomReader.read", lambda _reader: others)

    with leakhunt.Pool(2, backend="deadpool") as pool:
        results = pool.imap(units.take_for, [(4096, 0.3)] * 5)
        for _ in range(5):
            next(results)
            assert len(pool._crew.watch.running) <= 1

    assert journal("pool-intent") == []
    assert journal("retry") == []


def test_memory_that_the_units_hold_ends_the_largest_before_the_kernel_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: Callable[[str], list[dict[str, Any]]]
) -> None:
    def read(_reader: Any) -> Headroom:
        """A machine of 400 MB whose only programs are this process's children."""
        used = sum(resident(pid)[0] or 0 for pid in children())
        return Headroom(max(0, 400 * MB - used), 400 * MB, "host")

    monkeypatch.setattr("leakhunt.protect.headroom.HeadroomReader.read", read)

    with leakhunt.Pool(1, backend="deadpool", max_in_flight=1) as pool:
        (pid,) = pool.imap(units.swallow_term, [(str(tmp_path / "mark"), 390 * MB)])

    assert {record["why"] for record in journal("pool-intent")} == {"memory"}
    assert [record["unit"] for record in journal("retry")] == [0]
    assert pid not in [record["pid"] for record in journal("pool-intent")]


def test_what_units_started_ends_with_the_pool(tmp_path: Path) -> None:
    (tmp_path / "at once").touch()
    with leakhunt.Pool(2, backend="deadpool") as pool:
        folder = str(tmp_path)
        results = pool.imap_unordered(
            units.start_or_wait, [("at once", folder), ("start", folder), ("ready", folder)]
        )
        assert [next(results), next(results)] == [f"{folder}/at once", f"{folder}/ready"]
        watch = pool._crew.watch
        wait_until(lambda: any(len(one.tree) >= 3 for one in watch.running), "the watch to have seen it")

    family = [int(path.name[4:]) for path in tmp_path.glob("pid-*")]
    assert len(family) == 3
    wait_until(lambda: not any(map(is_running, family)), "its end")


PARENT = """
import sys
sys.path.insert(0, {tests!r})
import leakhunt, pool_units
if __name__ == "__main__":
    with leakhunt.Pool(2, backend={backend!r}) as pool:
        print(pool._crew.directory, flush=True)
        list(pool.imap(pool_units.start_a_family, [{folder!r}]))
"""


@pytest.mark.parametrize("backend", ["deadpool", "loky"])
def test_a_killed_parent_leaves_no_worker_no_child_of_one_and_no_file(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend, reason=f"needs {backend}")
    script = tmp_path / "parent.py"
    tests = str(Path(__file__).parent)
    script.write_text(PARENT.format(tests=tests, backend=backend, folder=str(tmp_path)))
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    directory = Path(parent.stdout.readline().strip())
    wait_until((tmp_path / "ready").exists, "a family")
    wait_until(lambda: len(read_cards(str(directory))) == 2, "both workers")
    workers = [card.pid for card in read_cards(str(directory))]
    parent.kill()
    parent.wait()
    parent.stdout.close()

    family = [int(path.name[4:]) for path in tmp_path.glob("pid-*")]
    wait_until(lambda: not any(map(is_running, workers + family)), "their end")
    wait_until(lambda: not directory.exists(), "its files to go")


@pytest.mark.slow
def test_random_kills_lose_nothing(tmp_path: Path) -> None:
    """Jepsen's way: a worker is killed again and again, and the results are those of a quiet run."""
    stop = threading.Event()
    with leakhunt.Pool(3, backend="deadpool") as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)

        def kill_now_and_then() -> None:
            turn = 0
            while not stop.wait(0.3):
                cards = sorted(read_cards(pool._crew.directory), key=lambda card: card.pid)
                if cards:
                    turn += 1
                    with contextlib.suppress(OSError):
                        os.kill(cards[turn % len(cards)].pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_now_and_then)
        killer.start()
        found = list(pool.imap_unordered(units.take_for, [(4096, 0.02)] * 150))
        stop.set()
        killer.join()

        assert len(found) + len(pool.quarantined) == 150
        assert set(found) == {4096}
