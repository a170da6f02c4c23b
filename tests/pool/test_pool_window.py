"""The admission rule: the target is kept from what units took before, and fewer run where that was wrong."""

from __future__ import annotations

from leakhunt.pool.window import Window

GB = 10**9


def admitted(window: Window, used: float, *, growth: float) -> int:
    """Return how many units are admitted from `used` GB of 100 on, each of which then takes `growth` GB at once."""
    count = 0
    while count < 50:
        running = [(1.0, int(growth * GB))] * min(count, window.workers)
        taken = used + growth * len(running)
        if not window.admits(count, running, int((100 - taken) * GB), 100 * GB):
            break
        count += 1
    return count


def experienced(growth: float, *, workers: int = 8, target: float = 0.7) -> Window:
    window = Window(workers, target)
    window.ended(int(growth * GB), 0.0)
    return window


def test_the_first_unit_runs_alone_whatever_the_memory() -> None:
    window = Window(4, 0.7)

    assert admitted(window, 95, growth=0) == 1


def test_what_the_first_unit_took_says_how_many_fit() -> None:
    assert admitted(experienced(10), 20, growth=10) == 5
    assert admitted(experienced(20), 20, growth=20) == 2


def test_small_units_fill_all_workers_and_two_more_wait() -> None:
    assert admitted(experienced(0.01), 20, growth=0.01) == 10


def test_memory_that_running_units_will_still_take_is_counted() -> None:
    window = experienced(10)

    just_begun = [(0.1, 0)] * 4
    assert not window.admits(4, just_begun, 75 * GB, 100 * GB)
    assert window.admits(4, [(9.0, 10 * GB)] * 4, 45 * GB, 100 * GB)


def test_a_unit_that_no_reading_shows_yet_is_counted_in_full() -> None:
    window = experienced(10)

    assert not window.admits(5, [], 80 * GB, 100 * GB)


def test_workers_that_are_still_starting_are_counted_with_what_one_takes_to_start() -> None:
    window = experienced(10)
    window.started(5 * GB)
    just_begun = [(0.1, 0)] * 2

    assert window.admits(2, just_begun, 65 * GB, 100 * GB)
    assert not window.admits(2, just_begun, 65 * GB, 100 * GB, starting=[0] * 6)
    assert window.admits(2, just_begun, 65 * GB, 100 * GB, starting=[4 * GB] * 6)


def test_the_target_is_met_to_the_nearest_unit_and_never_by_more_than_four_points_above() -> None:
    assert admitted(experienced(8), 35, growth=8) == 4  # 67, not 75
    assert admitted(experienced(8), 33, growth=8) == 5  # 73, not 65
    assert admitted(experienced(20), 34, growth=20) == 2  # 74, not 54
    assert admitted(experienced(20), 36, growth=20) == 1  # 56, not 76


def test_one_unit_always_runs_even_when_others_hold_the_memory() -> None:
    window = experienced(10)

    assert window.admits(0, [], 1 * GB, 100 * GB)
    assert not window.admits(1, [(1.0, 0)], 1 * GB, 100 * GB)


def test_without_experience_a_long_unit_is_taken_to_double() -> None:
    window = Window(4, 0.7)
    window.size = 4

    assert not window.admits(1, [(0.5, 0)], 80 * GB, 100 * GB)
    assert window.admits(1, [(3.0, 10 * GB)], 70 * GB, 100 * GB)
    assert not window.admits(1, [(3.0, 20 * GB)], 60 * GB, 100 * GB)


def test_more_than_the_target_and_five_points_halves_the_window_once_per_rest() -> None:
    window = experienced(1)
    size = window.size

    assert not window.measured(26 * GB, 100 * GB, 10.0)
    assert window.measured(24 * GB, 100 * GB, 10.0)
    assert not window.measured(24 * GB, 100 * GB, 11.0)
    assert window.size == size // 2
    assert window.measured(24 * GB, 100 * GB, 13.0)


def test_after_a_halving_the_window_grows_by_one_per_unit() -> None:
    window = experienced(1)
    window.halve(10.0)
    size = window.size

    assert not window.ended(GB, 11.0)
    assert window.ended(GB, 13.0)
    assert window.size == size + 1


def test_a_window_that_was_halved_to_one_grows_slowly_again() -> None:
    window = experienced(1, workers=2)
    for turn in range(3):
        window.halve(10.0 + 3 * turn)

    assert window.size == 1
    window.ended(GB, 30.0)
    assert window.size == 2


def test_a_fixed_window_is_left_alone() -> None:
    window = Window(2, 0.7, fixed=10)

    assert [window.admits(n, [], 0, 100 * GB) for n in (9, 10)] == [True, False]
    assert not window.measured(0, 100 * GB, 10.0)
    assert not window.halve(10.0)


def test_where_nobody_says_how_much_memory_there_is_the_workers_are_kept_busy() -> None:
    window = experienced(1, workers=2)

    assert [window.admits(n, [], None, None) for n in (3, 4)] == [True, False]


def test_there_is_plenty_when_all_workers_could_take_the_most_and_stay_within_the_target() -> None:
    window = experienced(5)

    assert window.has_plenty(70 * GB, 100 * GB, [])
    assert not window.has_plenty(69 * GB, 100 * GB, [])
    assert not window.has_plenty(None, None, [])
    assert not Window(8, 0.7).has_plenty(99 * GB, 100 * GB, [])
