"""What a program gets from a pool: every result once, its own exceptions, one clear line where that cannot be."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pool_units as units
import pytest

import leakhunt
from leakhunt.pool.errors import PoolError, UnitError


def everything(results: Iterator[Any]) -> list[Any]:
    """Return the results, with the exceptions of units in their place, as text."""
    found: list[Any] = []
    while True:
        try:
            found.append(next(results))
        except StopIteration:
            return found
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}".splitlines()[0])


def counted(items: Iterator[int], read: list[int]) -> Iterator[int]:
    for item in items:
        read.append(item)
        yield item


def test_every_result_comes_once(pool: leakhunt.Pool) -> None:
    assert sorted(pool.imap_unordered(units.square, range(50))) == [n * n for n in range(50)]


def test_imap_keeps_the_order_of_the_items(pool: leakhunt.Pool) -> None:
    assert list(pool.imap(units.square, range(50))) == [n * n for n in range(50)]


def test_nothing_in_gives_nothing(pool: leakhunt.Pool) -> None:
    assert list(pool.imap(units.square, [])) == []


def test_the_exception_of_a_unit_is_raised_here_and_the_others_go_on(pool: leakhunt.Pool) -> None:
    found = everything(pool.imap(units.raise_at_three, range(6)))

    assert found == [0, 1, 2, "KeyError: 'three'", 4, 5]


def test_an_exception_says_where_in_the_worker_it_was_raised(pool: leakhunt.Pool) -> None:
    with pytest.raises(KeyError) as caught:
        list(pool.imap(units.raise_at_three, [3]))

    assert "raise_at_three" in str(caught.value.__cause__)


def test_an_endless_input_is_read_no_further_than_the_window(pool: leakhunt.Pool, tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    read: list[int] = []
    windows: list[int] = []
    Path(gate).touch()

    def gates() -> Iterator[str]:
        while True:
            windows.append(pool.window)  # as it is when one more is read: it follows how long units take
            yield gate

    results = pool.imap(units.wait_for_file, counted(gates(), read))

    for taken in range(1, 30):
        next(results)
        assert len(read) - taken <= max(windows)

    results.abandon()


@pytest.mark.parametrize("most", [1, 3])
def test_a_fixed_window_is_the_most_that_is_read_ahead(most: int) -> None:
    pytest.importorskip("deadpool", reason="needs deadpool-executor")
    read: list[int] = []
    with leakhunt.Pool(2, max_in_flight=most) as pool:
        results = pool.imap_unordered(units.square, counted(itertools.count(), read))
        for taken in range(1, 40):
            next(results)
            assert len(read) - (taken - 1) <= most
        assert pool.window == most


def test_an_error_of_the_input_comes_after_the_results_before_it(pool: leakhunt.Pool) -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise OSError("the disk is gone")

    assert everything(pool.imap(units.square, items())) == [0, 1, 4, 9, 16, "OSError: the disk is gone"]


def test_large_items_and_results_travel_as_files_that_are_removed(pool: leakhunt.Pool) -> None:
    def parcels() -> list[str]:
        return [name for name in os.listdir(pool._crew.directory) if name.startswith("parcel-")]

    results = pool.imap(units.blob, [3_000_000] * 6)
    assert len(next(results)) == 3_000_000
    seen = parcels()
    assert [len(one) for one in results] == [3_000_000] * 5
    assert list(pool.imap(units.length, [bytes(2_000_000)] * 4)) == [2_000_000] * 4
    assert seen  # results that nobody had asked for yet
    assert parcels() == []


def test_a_function_that_cannot_be_pickled_is_refused_at_once(pool: leakhunt.Pool) -> None:
    with pytest.raises(UnitError, match="define it at the top of a module"):
        pool.imap(lambda one: one, range(3))


def test_an_item_that_cannot_be_pickled_is_that_units_error(pool: leakhunt.Pool) -> None:
    lock = units.lock_of(None)

    found = everything(pool.imap(units.take, [1, lock, 3]))

    assert [found[0], found[2]] == ["taken", "taken"]
    assert found[1].startswith("UnitError: unit 1: the item cannot be pickled (TypeError")


def test_a_result_that_cannot_be_pickled_is_that_units_error(pool: leakhunt.Pool) -> None:
    (found,) = everything(pool.imap(units.lock_of, [1]))

    assert found.startswith("UnitError: unit 0: the result cannot be pickled: TypeError")


def test_an_exception_that_cannot_be_read_back_is_told_in_words(pool: leakhunt.Pool) -> None:
    with pytest.raises(UnitError, match=re.escape("1 and 2")):
        list(pool.imap(units.raise_odd, [1]))


@pytest.mark.parametrize("when", ["pickle", "unpickle"])
def test_an_item_that_fails_on_its_way_fails_alone(pool: leakhunt.Pool, when: str) -> None:
    trouble = units.Trouble(when, os.getpid(), "error")

    found = everything(pool.imap(units.take, ["plain", trouble, "plain"]))

    assert [found[0], found[2]] == ["taken", "taken"]
    assert f"no {when}" in found[1]


@pytest.mark.parametrize("when", ["pickle", "unpickle"])
def test_a_result_that_fails_on_its_way_fails_alone(pool: leakhunt.Pool, when: str) -> None:
    trouble = (when, os.getpid(), "error")

    found = everything(pool.imap(units.give, [("", 0, ""), trouble, ("", 0, "")]))

    assert [found[0], found[2]] == ["given", "given"]
    assert f"no {when}" in found[1]


def test_a_brake_in_a_unit_defers_it(pool: leakhunt.Pool, tmp_path: Path) -> None:
    marks = [str(tmp_path / str(number)) for number in range(3)]

    assert list(pool.imap(units.brake_once, marks)) == ["ran"] * 3


def test_a_unit_that_brakes_even_alone_says_so(pool: leakhunt.Pool) -> None:
    with pytest.raises(leakhunt.MemoryBrake, match="before unit 0"):
        list(pool.imap(units.brake_always, [0]))


def test_a_second_iteration_ends_the_first(pool: leakhunt.Pool) -> None:
    first = pool.imap(units.square, range(100))
    next(first)
    second = pool.imap(units.square, range(3))

    assert list(second) == [0, 1, 4]
    with pytest.raises(PoolError, match="began another"):
        next(first)


def test_inline_needs_no_process() -> None:
    with leakhunt.Pool(backend="inline") as pool:
        assert set(pool.imap(units.pid_of, range(3))) == {os.getpid()}
        assert everything(pool.imap(units.raise_at_three, [3, 4])) == ["KeyError: 'three'", 4]


def test_a_ledger_gives_the_units_and_keeps_the_results(pool: leakhunt.Pool, tmp_path: Path) -> None:
    for _ in range(2):
        with leakhunt.Ledger(tmp_path / "results.csv", key="number") as ledger:
            pending = list(ledger.pending(range(20)))
            for number, square in zip(pending, pool.imap(units.square, pending), strict=True):
                ledger.save(number=number, square=square)
                if number == 12:
                    break
            saved = len(ledger)

    assert (saved, pending[0]) == (20, 13)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"workers": 0}, "workers is a whole number from 1 on, not 0"),
        ({"max_in_flight": -2}, "max_in_flight is a whole number"),
        ({"max_in_flight": "many"}, "max_in_flight is a whole number"),
        ({"target_memory": 70}, "target_memory is a share between 0 and 1"),
        ({"tasks_per_worker": 1.5}, "tasks_per_worker is a whole number"),
        ({"max_worker_rss": "much"}, "max_worker_rss is not a size: 'much'"),
        ({"max_worker_rss": "900TB"}, "is more than there is here"),
        ({"unit_timeout": "soon"}, "unit_timeout is not a duration: 'soon'"),
        ({"backend": "threads"}, "no backend 'threads': choose auto"),
        ({"initializer": lambda: None}, "the initializer cannot be handed to a worker"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_one_line(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(PoolError) as refused:
        leakhunt.Pool(**{"workers": 2, "backend": "inline", **settings})

    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_a_backend_the_pool_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leakhunt.pool.choice._is_there", lambda _name: False)

    with pytest.raises(PoolError, match=re.escape("pip install 'leakhunt-memory[pool]'")):
        leakhunt.Pool(2)


def test_a_closed_pool_says_so() -> None:
    with leakhunt.Pool(backend="inline") as pool:
        pass

    with pytest.raises(PoolError, match="the pool is closed"):
        pool.imap(units.square, [1])
