"""One holder's counters at the censuses: each shape that leaks, and its look-alike that does not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from described import growth

from leakhunt.analysis.holders import Circumstances, judge_holder
from leakhunt.analysis.source import Usage, read_source, usage
from leakhunt.census.growth import Bound, Growth

TURNS = (8, 14, 20, 26, 32, 40)
SHORT = (3, 5, 7, 9, 12)


def judged(found: Growth, turns: int = 40, **around: object):
    return judge_holder(found, found.turns, Circumstances(turns, **around))  # type: ignore[arg-type]


def used(tmp_path: Path, text: str, name: str) -> Usage:
    file = tmp_path / "script.py"
    file.write_text(text)
    source = read_source(str(file))
    assert source is not None
    return usage(source, name)


def test_a_list_that_grows_in_every_turn_is_a_leak() -> None:
    found = judged(growth())

    assert found.verdict == "leak"
    assert found.items_rate == pytest.approx(1.0)
    assert found.bytes_rate == pytest.approx(20_000)


def test_a_list_that_grows_one_turn_in_three_is_a_leak() -> None:
    assert judged(growth(lengths=(3, 4, 7, 9, 10, 13))).verdict == "leak"


def test_a_leak_that_starts_late_is_a_leak_from_there_on() -> None:
    found = judged(growth(lengths=(0, 0, 5, 11, 17, 25)))

    assert found.verdict == "leak"
    assert found.started_late == 14


def test_one_late_step_is_not_a_leak() -> None:
    assert judged(growth(lengths=(5, 5, 5, 40, 40, 40))).verdict == "no-leak"


def test_growth_in_the_last_interval_only_is_not_decided() -> None:
    assert judged(growth(lengths=(5, 5, 5, 5, 5, 13))).verdict == "cannot-tell"


def test_a_cache_that_stops_growing_is_not_a_leak() -> None:
    found = judged(growth(lengths=(8, 14, 20, 20, 20, 20)))

    assert (found.verdict, found.kind) == ("no-leak", "saturating-cache")


def test_a_cache_whose_growth_dies_away_is_not_a_leak() -> None:
    assert judged(growth(lengths=(60, 90, 108, 118, 124, 127))).verdict == "no-leak"


def test_a_cache_that_fills_from_random_keys_is_not_a_leak() -> None:
    lengths = tuple(int(200 * (1 - 0.95**turn)) for turn in TURNS)

    assert judged(growth(lengths=lengths, type="dict")).verdict == "no-leak"


def test_a_list_that_was_emptied_in_between_is_not_a_leak() -> None:
    assert judged(growth(lengths=(8, 14, 20, 6, 12, 20))).verdict == "no-leak"


def test_a_list_filled_in_places_made_before_is_not_a_leak() -> None:
    assert judged(growth(lengths=[40] * 6, bytes=[turn * 20_000 for turn in TURNS])).verdict == "no-leak"


def test_a_list_of_measurements_is_negligible() -> None:
    found = judged(growth(each=32))

    assert found.verdict == "no-leak"
    assert found.negligible


def test_a_full_ring_is_not_a_leak() -> None:
    full = growth(lengths=(12, 12, 12, 12, 12, 12), bound=Bound("deque maxlen", 12, 12), type="deque")

    assert judged(full).verdict == "no-leak"


def test_a_bounded_cache_says_where_it_stops_and_whether_that_fits() -> None:
    filling = growth(each=1_000_000, bound=Bound("lru_cache maxsize", 1000, 40))

    found = judged(filling, limit=500_000_000)

    assert found.verdict == "no-leak"
    assert "stops at 1,000 entries (lru_cache maxsize), about 1 GB" in found.reasons[0]
    assert "more than the memory limit of 500 MB" in found.reasons[1]


def test_a_bound_in_the_source_is_a_bound(tmp_path: Path) -> None:
    text = (
        "ROOM = 500\n"
        "pages = {}\n"
        "def get(k):\n"
        "    if len(pages) >= ROOM:\n"
        "        pages.popitem()\n"
        "    pages[k] = load(k)\n"
    )

    found = judged(growth(type="dict"), usage=used(tmp_path, text, "pages"))

    assert found.verdict == "no-leak"
    assert "500" in found.reasons[0]


def test_a_cache_sized_by_a_variable_cannot_be_told(tmp_path: Path) -> None:
    text = (
        "def main(n):\n"
        "    pages = {}\n"
        "    for i in range(n):\n"
        "        if len(pages) < n:\n"
        "            pages[i] = load(i)\n"
    )

    found = judged(growth(type="dict"), usage=used(tmp_path, text, "pages"))

    assert found.verdict == "cannot-tell"
    assert found.more_turns is not None
    assert found.more_turns >= 40


def test_a_check_of_the_length_that_only_prints_is_no_bound(tmp_path: Path) -> None:
    text = (
        "def main(n):\n"
        "    rows = []\n"
        "    for i in range(n):\n"
        "        rows.append(work(i))\n"
        "        if len(rows) > 30:\n"
        "            print(i)\n"
    )

    assert judged(growth(), usage=used(tmp_path, text, "rows")).verdict == "leak"


def test_keys_that_can_repeat_make_a_cache_undecided(tmp_path: Path) -> None:
    text = (
        "PAGES = {}\n"
        "def get(k):\n"
        "    if k not in PAGES:\n"
        "        PAGES[k] = load(k)\n"
        "for i in range(40):\n"
        "    get(i % 500)\n"
    )

    assert judged(growth(type="dict"), usage=used(tmp_path, text, "PAGES")).verdict == "cannot-tell"


def test_an_unbounded_cache_with_a_new_key_each_turn_is_a_leak(tmp_path: Path) -> None:
    text = (
        "PAGES = {}\n"
        "def get(k):\n"
        "    if k not in PAGES:\n"
        "        PAGES[k] = load(k)\n"
        "for i in range(40):\n"
        "    get(i)\n"
    )

    assert judged(growth(type="dict"), usage=used(tmp_path, text, "PAGES")).verdict == "leak"


def test_twelve_turns_decide_only_when_exact_counters_and_memory_agree() -> None:
    sure = growth(turns=SHORT)

    assert judged(sure, turns=12, gauges_agree=True).verdict == "leak"
    assert judged(sure, turns=12, gauges_agree=False).verdict == "cannot-tell"


def test_twelve_turns_with_uneven_growth_are_not_decided() -> None:
    found = judged(growth(turns=SHORT, lengths=(3, 4, 6, 6, 9)), turns=12, gauges_agree=True)

    assert found.verdict == "cannot-tell"
    assert found.more_turns == 8


def test_a_dict_that_may_be_a_cache_is_not_called_after_twelve_turns() -> None:
    assert judged(growth(turns=SHORT, type="dict"), turns=12, gauges_agree=True).verdict == "cannot-tell"


def test_three_censuses_of_twelve_turns_are_too_few() -> None:
    assert judged(growth(turns=(4, 8, 12)), turns=12, gauges_agree=True).verdict == "cannot-tell"


def test_two_intervals_decide_when_memory_grows_as_well() -> None:
    few = growth(turns=(20, 30, 40), type="dict")

    assert judged(few).verdict == "cannot-tell"
    assert judged(few, memory_grows=True).verdict == "leak"


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (growth(contents=[("bytes", 40, 800_000)]), "growing-container"),
        (growth(contents=[("numpy.ndarray", 40, 800_000)]), "array-accumulation"),
        (growth(type="numpy.ndarray"), "array-accumulation"),
        (growth(contents=[("numpy.ndarray", 40, 1)], tags=frozenset({"results-dicts"})), "growing-container"),
        (growth(tags=frozenset({"torch-grad"})), "tensor-accumulation"),
        (growth(tags=frozenset({"thread"})), "thread-growth"),
    ],
)
def test_kinds_follow_the_contents(found: Growth, kind: str) -> None:
    assert judged(found).kind == kind


@pytest.mark.parametrize(("turns", "verdict"), [(10, "leak"), (12, "cannot-tell")])
def test_growth_that_nobody_looked_at_to_the_end_of_a_short_run_is_not_a_leak(turns, verdict):
    """A cache of ten entries looks like a leak until turn ten."""
    at = [3, 4, 5, 6, 7, 8, 9, 10]

    judged = judge_holder(growing_list(at), at, Circumstances(turns, gauges_agree=True))

    assert judged.verdict == verdict


def test_growth_unseen_in_the_last_part_of_a_long_run_needs_memory_that_grows():
    at = [8, 12, 16, 20, 24]

    assert judge_holder(growing_list(at), at, Circumstances(40)).verdict == "cannot-tell"
    assert judge_holder(growing_list(at), at, Circumstances(40, memory_grows=True)).verdict == "leak"


def growing_list(at):
    return Growth(
        key="main() local rows", path="main() local rows", root="local", module="job", function="main",
        file="job.py", line=3, type="list", turns=at, lengths=list(at), objects=[1] * len(at),
        bytes=[20_000 * turn for turn in at],
    )  # fmt: skip


def test_entries_that_wait_for_their_weak_keys_to_die_are_not_called_a_leak():
    at = [8, 14, 20, 26, 32, 40]
    weakly = dataclasses.replace(growing_list(at), type="dict", tags=frozenset({"weak-keys"}))

    assert judge_holder(weakly, at, Circumstances(40, memory_grows=True)).verdict == "cannot-tell"
    assert judge_holder(growing_list(at), at, Circumstances(40, memory_grows=True)).verdict == "leak"
