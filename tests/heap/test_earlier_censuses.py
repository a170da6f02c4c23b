"""A census compares itself with those before it, and looks for unreachable objects only where there may be more."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from census_programs import observe

from leakhunt.capture.heap.earlier import earlier_censuses, may_pile_up
from leakhunt.census.format import Census, save_census

FLAT = """
    from census_boundaries import boundary
    for turn in range(1, 41):
        rows = [{"id": k} for k in range(100)]
        boundary(turn)
"""
CYCLES = """
    import gc
    from census_boundaries import boundary
    gc.disable()
    class Node: pass
    for turn in range(1, 41):
        node = Node()
        node.me, node.names = node, [str(k) for k in range(100)]
        boundary(turn)
"""
CYCLES_FROM_TURN_TWENTY = CYCLES.replace("node = Node()", "node = Node() if turn > 20 else boundary")


def census(
    turns: int, tracked: int | None, *, blocks: int | None = None, counted: bool = False, loop: str = "loop"
) -> Census:
    garbage: dict[str, list[int]] | None = {} if counted else None
    return Census(
        turns // 5, loop, turns, 0.0, 0, complete=True, tracked=tracked, blocks=blocks, garbage=garbage
    )


def test_a_program_that_tracks_no_more_objects_is_not_searched_for_unreachable_ones(tmp_path: Path) -> None:
    run = observe(tmp_path, {"program.py": FLAT})

    assert [census.garbage for census in run.censuses] == [None] * 5


@pytest.mark.parametrize(
    ("program", "first_counted"), [(CYCLES, 16), (CYCLES_FROM_TURN_TWENTY, 24)], ids=["always", "later"]
)
def test_cycles_are_counted_from_when_there_may_be_more(
    tmp_path: Path, program: str, first_counted: int
) -> None:
    run = observe(tmp_path, {"program.py": program})

    assert [one.turns for one in run.censuses if one.garbage is not None] == list(range(first_counted, 41, 8))
    assert run.paths == ["Node objects that only reference cycles hold"]


def test_more_objects_in_no_more_memory_are_no_pile() -> None:
    then = census(10, 1000, blocks=50_000)
    then.in_use = 4_000_000
    now = census(20, 1030, blocks=50_060)

    now.in_use = 4_005_000
    assert not may_pile_up(now, [then])
    now.in_use = 4_027_000
    assert may_pile_up(now, [then])


def test_fewer_objects_than_at_any_earlier_census_are_no_pile() -> None:
    assert not may_pile_up(census(20, 900), [census(5, 1000), census(10, 950)])
    assert may_pile_up(census(20, 960), [census(5, 1000), census(10, 950)])


def test_a_pile_that_was_counted_once_is_counted_to_the_end() -> None:
    assert may_pile_up(census(20, 900), [census(5, 1000), census(10, 1100, counted=True)])


def test_what_is_not_known_may_pile_up() -> None:
    assert may_pile_up(census(20, None), [census(5, 1000)])
    assert may_pile_up(census(20, 900), [census(5, None)])


def test_a_census_waits_for_an_earlier_one_that_still_computes(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("1.json", "2.json", "3.json")]
    save_census(census(5, 1), files[0])
    late = threading.Timer(0.2, save_census, [census(10, 2), files[1]])
    save_census(census(15, 3, loop="another"), files[2])

    late.start()
    found = earlier_censuses(files, "loop")

    assert [one.turns for one in found] == [5, 10]


def test_a_census_does_not_wait_for_ever_for_one_that_was_killed(tmp_path: Path) -> None:
    save_census(census(5, 1), str(tmp_path / "1.json"))

    found = earlier_censuses([str(tmp_path / "1.json"), str(tmp_path / "2.json")], "loop", 0.05)

    assert [one.turns for one in found] == [5]
