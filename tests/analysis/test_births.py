"""What survives of each turn tells a leak from warm-up, a ring and a last result."""

import pytest

from leakhunt.analysis.births import births, pattern_of, settled
from leakhunt.model.run import AllocationSite, Capture


@pytest.mark.parametrize(
    ("born", "pattern"),
    [
        ({0, 1, 2, 3, 4, 5, 6, 7}, "every-turn"),
        ({0, 1, 3, 4, 5, 6}, "every-turn"),
        ({7}, "last-turns"),
        ({5, 6, 7}, "last-turns"),
        ({0, 1}, "first-turns"),
        ({3}, "once"),
        ({1, 4, 7}, "some-turns"),
    ],
)
def test_births_by_turn_have_a_pattern(born, pattern):
    assert pattern_of(born, turns=8) == pattern


def site(line, survivors):
    return AllocationSite([("work.py", line, "main")], survivors, "MALLOC")


def test_sites_come_with_their_rate_most_bytes_first():
    leak = site(10, {turn: [1, 100_000] for turn in range(8)})
    cache = site(20, {0: [1, 5_000_000]})
    capture = Capture(list(range(10, 19)), [cache, leak], 0, python_allocators=False, native=False)

    assert [
        (seen.site.stack[0][1], seen.pattern, seen.born_in, seen.bytes_per_turn) for seen in births(capture)
    ] == [
        (20, "once", 1, 625_000.0),
        (10, "every-turn", 8, 100_000.0),
    ]


def test_a_window_of_few_turns_says_nothing():
    capture = Capture(
        [1, 2, 3], [site(10, {0: [1, 100], 1: [1, 100]})], 0, python_allocators=False, native=False
    )

    assert births(capture) == []


def test_a_birth_counted_in_the_turn_beside_it_is_put_right():
    assert settled({0: 1, 1: 1, 3: 2, 4: 1}, turns=5) == {0, 1, 2, 3, 4}
    assert settled({4: 1}, turns=5) == {4}
    assert settled({0: 5}, turns=5) == {0, 1}


def test_what_leakhunt_allocates_itself_is_left_out():
    ours = AllocationSite(
        [("/x/leakhunt/capture/gauges.py", 3, "read"), ("/x/leakhunt/capture/turns.py", 9, "tick")],
        {turn: [1, 100_000] for turn in range(8)},
        "MALLOC",
    )

    assert births(Capture(list(range(9)), [ours], 0, python_allocators=False, native=False)) == []
