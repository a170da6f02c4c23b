"""When censuses are taken: enough of them in a short run, few in a long one."""

from dataclasses import dataclass

import pytest

from leakhunt.capture.schedule import (
    Schedule,
    charged,
    expected_pause,
    measured_levels,
    most_at_once,
    pause_allowed,
    worth_measuring,
)


@dataclass
class OpenLoop:
    total: int | None
    completed: int = 0
    started: float = 0.0


def censuses(total, turns):
    plan = Schedule()
    for done in range(1, turns + 1):
        if plan.due(done, total):
            plan.took(done, total)
    return plan.taken


@pytest.mark.parametrize(
    ("total", "turns", "expected"),
    [
        (12, 12, [3, 5, 7, 9, 11]),
        (40, 40, [8, 14, 20, 26, 32, 38]),
        (None, 100, [3, 4, 6, 8, 11, 15, 21, 29, 41, 57, 80]),
    ],
)
def test_censuses_start_after_warm_up_and_spread_over_the_run(total, turns, expected):
    assert censuses(total, turns) == expected


def test_a_long_loop_gets_few_censuses_and_some_of_them_early():
    taken = censuses(100_000, 100_000)

    assert len(taken) < 40
    assert taken[:4] == [3, 4, 6, 8]
    assert taken[-1] > 80_000


def test_a_loop_that_ends_between_two_censuses_gets_one_at_its_end():
    plan = Schedule()
    for done in range(1, 31):
        if plan.due(done, 40):
            plan.took(done, 40)

    assert plan.wanted_at_end(30)
    assert not plan.wanted_at_end(26)


def test_the_outermost_loop_with_enough_turns_is_measured():
    assert measured_levels([OpenLoop(total=3), OpenLoop(total=50)], [1, 20], now=5.0) == [1]
    assert measured_levels([OpenLoop(total=10), OpenLoop(total=50)], [1, 20], now=5.0) == [0]


def test_an_endless_outer_loop_gives_way_to_the_loop_that_does_the_work():
    loops = [OpenLoop(total=None), OpenLoop(total=50)]

    assert measured_levels(loops, [0, 20], now=5.0) == [0]
    assert measured_levels(loops, [0, 20], now=60.0) == [0, 1]
    assert measured_levels(loops, [2, 20], now=60.0) == [0]


def test_a_pause_that_other_programs_made_long_counts_by_its_processor_time():
    assert charged(0.5, 0.004, alone=True) == pytest.approx(0.012)
    assert charged(0.006, 0.004, alone=True) == 0.006
    assert charged(0.5, 0.004, alone=False) == 0.004


def test_a_census_that_is_spared_moves_the_next_one_on():
    plan = Schedule()
    plan.took(8, 40)
    assert plan.due(14, 40)

    plan.spared(14, 40)

    assert not plan.due(19, 40)
    assert plan.due(20, 40)
    assert plan.taken == [8]


def test_pauses_stay_a_small_share_of_the_run():
    assert pause_allowed(0.0, 0.01, elapsed_seconds=0.1)
    assert not pause_allowed(0.4, 0.01, elapsed_seconds=0.1)
    assert pause_allowed(0.4, 0.01, elapsed_seconds=10.0)


def test_a_quick_preparing_loop_is_not_measured_until_it_lasts():
    assert not worth_measuring(OpenLoop(total=100_000, completed=50_000), now=0.5)
    assert worth_measuring(OpenLoop(total=40, completed=20), now=0.5)
    assert worth_measuring(OpenLoop(total=None, completed=1_000_000), now=2.5)


@pytest.mark.parametrize(
    ("taken", "resident_bytes", "at_end", "expected"),
    [
        (7, 50_000_000, False, 16),
        (7, 400_000_000, False, 8),
        (8, 50_000_000, False, 2),
        (8, 50_000_000, True, 8),
    ],
)
def test_the_first_censuses_compute_side_by_side_and_fewer_later(taken, resident_bytes, at_end, expected):
    assert most_at_once(taken, resident_bytes, at_end=at_end) == expected


def test_a_process_that_grew_tenfold_is_expected_to_stand_still_ten_times_as_long():
    assert expected_pause(0.01, 200_000_000, 2_000_000_000) == 0.1
    assert expected_pause(0.01, 200_000_000, 100_000_000) == 0.01
    assert expected_pause(0.0, 0, 2_000_000_000) == 0.0


def test_where_pauses_are_dear_one_is_kept_for_the_known_end():
    plan = Schedule()
    for turns in (8, 14):
        assert not plan.has_end_ahead(40, at_end=False)
        plan.took(turns, 40)

    assert plan.has_end_ahead(40, at_end=False)
    assert not plan.has_end_ahead(40, at_end=True)
    assert not plan.has_end_ahead(None, at_end=False)
