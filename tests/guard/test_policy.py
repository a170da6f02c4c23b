"""When a guarded program has to go, on a clock that the test moves."""

import pytest

from leakhunt.guard.policy import Bounds, Budget, Order, Policy, Reading, Room, hopeless

GB = 10**9


def course(bounds, *readings, jitter=0.0):
    """Feed (second, resident GB[, last unit at[, last sign at]]) and return why it had to go at each."""
    policy = Policy(bounds, jitter)
    orders = [policy.decide(Reading(now, 0.0, int(rss * GB), *clocks)) for now, rss, *clocks in readings]
    return [order.why if order else None for order in orders]


def chosen(room, now, available, *holders):
    """Say which of the holders, (resident GB, age), has to go on a machine of 32 GB."""
    seen = [Reading(now, now - age, int(rss * GB)) for rss, age in holders]
    found = room.choose(now, int(available * GB), 32 * GB, seen)
    return None if found is None else found[0]


def test_one_high_reading_is_a_moment_and_the_second_a_state():
    bounds = Bounds(max_rss=8 * GB)

    assert course(bounds, (1, 9), (2, 7), (3, 9), (4, 9)) == [None, None, None, "max-rss"]


def test_memory_that_runs_short_ends_the_program_that_holds_it():
    room = Room(Bounds(min_available=2 * GB))

    assert [chosen(room, now, 1.9, (20, 60)) for now in (1, 2)] == [None, 0]


def test_memory_that_others_hold_ends_nobody():
    room = Room(Bounds(min_available=2 * GB))

    assert [chosen(room, now, 1.5, (1, 60), (2, 60)) for now in (1, 2, 3)] == [None, None, None]
    assert room.others_hold


def test_the_largest_goes_and_of_two_that_are_about_as_large_the_faster_one():
    def after_two_looks(*holders):
        room = Room(Bounds(min_available=2 * GB))
        return [chosen(room, now, 1.9, *holders) for now in (1, 2)][-1]

    assert after_two_looks((5, 10), (12, 600), (3, 1)) == 1
    assert after_two_looks((10, 600), (11, 3600), (3, 1)) == 0


def test_nobody_else_goes_before_it_shows_what_the_first_end_changed_unless_memory_runs_out():
    room = Room(Bounds(min_available=2 * GB))
    room.gone(100)

    assert [chosen(room, now, 1.9, (20, 60)) for now in (101, 102, 114, 115)] == [None, None, None, 0]
    room.gone(200)
    assert [chosen(room, now, 0.9, (20, 60)) for now in (201, 202)] == [None, 0]


def test_under_the_floor_nobody_waits():
    assert [Bounds(min_available=2 * GB).under_floor(left) for left in (GB, GB - 1, None)] == [
        False,
        True,
        False,
    ]
    assert not Bounds().under_floor(0)


@pytest.mark.parametrize(("jitter", "ends"), [(-1, 3241), (0, 3601), (1, 3961)])
def test_the_age_limit_is_drawn_once_within_ten_percent(jitter, ends):
    bounds = Bounds(max_age=3600)

    assert course(bounds, (ends - 2, 1), (ends, 1), jitter=jitter) == [None, "max-age"]


def test_a_program_that_saves_nothing_any_more_is_stale_and_one_that_never_did_is_not():
    bounds = Bounds(stale_after=60)

    assert course(bounds, (100, 1, 50.0), (111, 1, 50.0), (999, 1)) == [None, "stale", None]


def test_a_program_that_saves_units_is_alive_and_one_that_says_nothing_any_more_hangs():
    bounds = Bounds(hung_after=60)

    assert course(bounds, (100, 1, 10.0, 50.0), (111, 1, 10.0, 50.0), (999, 1)) == [None, "hung", None]


def test_it_looks_sooner_the_less_memory_is_left():
    room = Room(Bounds(min_available=2 * GB))

    assert [round(room.next_look(int(left * GB)), 2) for left in (30, 4, 1.6, 0.5)] == [1.0, 0.5, 0.1, 0.1]
    assert room.next_look(None) == 1.0


def test_it_looks_sooner_at_a_program_that_comes_near_its_size():
    policy, looks = Policy(Bounds(max_rss=10 * GB)), []
    for now, rss in [(1, 1), (2, 8), (3, 11)]:
        seen = Reading(now, 0.0, rss * GB)
        policy.decide(seen)
        looks.append(policy.look_within(seen))

    assert looks == [1.0, 0.25, 0.1]


def test_only_restarts_that_brought_nothing_count():
    budget = Budget(restarts=2)

    waits = [
        budget.after(now, 5.0, units) for now, units in [(0, 0), (10, 0), (20, 3), (30, 0), (40, 0), (50, 0)]
    ]
    assert waits == [1.0, 2.0, 0.0, 1.0, 2.0, None]


def test_wasted_restarts_are_forgotten_after_ten_minutes():
    budget = Budget(restarts=1)

    assert [budget.after(now, 5.0, 0) for now in (0, 700, 800)] == [1.0, 1.0, None]


def test_a_program_that_never_saves_units_got_somewhere_when_it_ran_for_long():
    budget = Budget(restarts=0)

    assert budget.after(0, 301.0, None) == 0.0
    assert budget.after(400, 20.0, None) is None


def test_a_program_that_fills_its_limit_at_once_is_hopeless():
    assert hopeless(Order("max-rss", ""), 3.0, None)
    assert not hopeless(Order("max-rss", ""), 30.0, None)
    assert not hopeless(Order("max-rss", ""), 3.0, 2)
    assert not hopeless(None, 3.0, None)
