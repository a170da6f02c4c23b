"""When an allocation window opens, what it records and what it may cost: the rule, without any window."""

import pytest

from leakhunt.capture.windows_plan import LEAST_TURNS, Levels, Moment, Plan, Wish


def plan(**options):
    return Plan(**{"automatic": True, "asked": False, "native": False, **options})


def moment(turns, **changes):
    defaults = {
        "loop": "job.py:1:main",
        "turns": turns,
        "total": None,
        "turn_seconds": 0.1,
        "elapsed": 30.0,
        "suspects": 0,
        "censuses": 0,
        "inside": True,
    }
    return Moment(**{**defaults, **changes})


def fed(plan, turns, anon=0, in_use=0, blocks=0, noise=0):
    """Feed turns with levels that rise by so much per turn."""
    for turn in range(turns):
        jitter = noise * (turn % 2)
        plan.see(
            "job.py:1:main", turn,
            anon=1e8 + anon * turn + jitter, in_use=5e7 + in_use * turn + jitter, blocks=1e5 + blocks * turn,
        )  # fmt: skip
    return plan


def traced(plan):
    """The plan after a window of tracemalloc's, which comes first."""
    wish = Wish("growing", True, False, 5, 1.0, tracing=True)
    plan.opened(wish)
    plan.closed("job.py:1:main", wish, 5, 0.0)
    return plan


def test_large_blocks_are_recorded_without_pythons_allocators():
    wish = fed(traced(plan()), 12, anon=200_000, in_use=200_000, blocks=5).wish(moment(12))

    assert (wish.reason, wish.python_allocators, wish.native) == ("growing", False, False)


def test_small_objects_are_traced():
    wish = fed(plan(), 12, anon=60_000, in_use=1_000, blocks=900).wish(moment(12))

    assert (wish.reason, wish.tracing, wish.turns) == ("growing", True, LEAST_TURNS)


def test_a_program_that_may_have_millions_of_objects_in_a_turn_is_not_traced_but_recorded():
    wish = fed(plan(), 12, anon=60_000, in_use=1_000, blocks=900).wish(moment(12, swing=200_000_000))

    assert (wish.reason, wish.tracing, wish.python_allocators) == ("growing", False, True)


def test_where_a_turn_was_dear_to_trace_it_is_tried_once_more():
    growing = plan()
    for turns in (12, 20):
        wish = fed(growing, 12, anon=2_000_000, in_use=2_000_000).wish(moment(turns, elapsed=10.0))
        assert wish.tracing
        growing.opened(wish)
        growing.closed("job.py:1:main", wish, 1, 0.1)

    assert fed(growing, 12, anon=2_000_000, in_use=2_000_000).wish(moment(40, elapsed=10.0)) is None


def test_a_long_turn_in_which_something_named_grows_is_recorded_at_once_and_not_traced():
    growing, unnamed = (fed(plan(), 12, anon=2_000_000, in_use=2_000_000) for _ in range(2))
    long = {"turn_seconds": 3.0, "quick_turn_seconds": 3.0, "elapsed": 12.0, "total": 40}

    wish = growing.wish(moment(12, suspects=1, **long))
    growing.opened(wish)
    growing.closed("job.py:1:main", wish, LEAST_TURNS, 1.0)
    fed(growing, 24, anon=2_000_000, in_use=2_000_000)

    assert (wish.tracing, wish.python_allocators) == (False, False)
    assert unnamed.wish(moment(12, **long)).tracing
    assert growing.wish(moment(24, suspects=1, **long)) is None


def test_a_comprehension_is_not_traced_in_a_short_run():
    growing = fed(plan(), 12, anon=2_000_000, in_use=2_000_000)

    assert growing.wish(moment(12, elapsed=10.0, comprehension=True)) is None
    assert growing.wish(moment(12, elapsed=40.0, comprehension=True)).tracing


def test_growth_that_several_censuses_could_not_explain_is_recorded_with_native_stacks():
    growing = fed(traced(plan()), 12, anon=200_000, in_use=200_000)

    assert growing.wish(moment(12, censuses=4)).native
    assert growing.wish(moment(12, censuses=4, suspects=1)) is None


def test_a_suspect_of_a_census_is_reason_enough():
    wish = fed(plan(), 12).wish(moment(12, suspects=1))

    assert (wish.reason, wish.python_allocators) == ("growing", True)


def test_a_container_that_lengthens_and_two_readings_are_reason_enough():
    growing = plan()
    growing.see("job.py:1:main", 2, anon=None, in_use=5e7, blocks=None)
    growing.see("job.py:1:main", 6, anon=None, in_use=5e7 + 80_000, blocks=None)

    assert growing.wish(moment(6)) is None
    assert growing.wish(moment(6, lengthening=True)).reason == "growing"
    assert fed(plan(), 6).wish(moment(6, lengthening=True)) is None


def test_resident_memory_that_no_allocator_counts_is_not_traced():
    assert fed(plan(), 12, anon=300_000).wish(moment(12, elapsed=10.0)) is None
    assert not fed(plan(), 12, anon=300_000).wish(moment(12, elapsed=40.0)).tracing
    assert fed(plan(), 12, anon=300_000, in_use=300_000).wish(moment(12, elapsed=10.0)).tracing


def test_memory_that_only_swings_or_rose_once_is_not_growing():
    swinging = fed(plan(), 12, noise=5_000_000)
    stepped = plan()
    for turn in range(12):
        stepped.see("job.py:1:main", turn, anon=1e8 + 2e7 * (turn >= 4), in_use=None, blocks=None)

    assert swinging.wish(moment(12)).reason == "audit"
    assert stepped.wish(moment(12)).reason == "audit"


def test_one_audit_per_run_where_it_costs_little():
    audited = fed(plan(), 12)
    wish = audited.wish(moment(12))
    audited.opened(wish)
    audited.closed("job.py:1:main", wish, 8, 0.1)

    assert wish.reason == "audit"
    assert audited.wish(moment(60)) is None


def test_a_run_that_cannot_pay_has_no_window():
    assert fed(plan(), 12, anon=200_000).wish(moment(12, elapsed=3.0, turn_seconds=2.0)) is None
    assert fed(plan(), 12).wish(moment(12, elapsed=2.0)) is None


def test_a_run_that_grows_has_three_windows_at_most():
    growing = plan()
    opened = 0
    for number in range(10):
        loop = f"job.py:{number}:main"
        for turn in range(12):
            growing.see(loop, turn, anon=1e8 + 1e6 * turn, in_use=None, blocks=None)
        wish = growing.wish(moment(12, loop=loop, elapsed=1e5))
        if wish is not None:
            growing.opened(wish)
            growing.closed(loop, wish, wish.turns, 0.1)
            opened += 1

    assert opened == 3


def test_what_a_window_has_seen_is_not_recorded_again():
    growing = fed(plan(), 12, anon=200_000, in_use=200_000)
    wish = growing.wish(moment(12))
    growing.opened(wish)
    growing.closed("job.py:1:main", wish, 5, 0.1)
    wish = fed(growing, 20, anon=200_000, in_use=200_000).wish(moment(20))
    growing.opened(wish)
    growing.closed("job.py:1:main", wish, 8, 0.1)

    assert fed(growing, 40, anon=200_000, in_use=200_000).wish(moment(40)) is None


def test_a_window_that_was_cut_short_is_tried_again():
    growing = fed(plan(), 12, anon=200_000, in_use=200_000)
    wish = growing.wish(moment(12))
    growing.opened(wish)
    growing.closed("job.py:1:main", wish, 1, 0.1)

    assert growing.wish(moment(14)) is None
    assert fed(growing, 20, anon=200_000, in_use=200_000).wish(moment(20)) is not None


def test_what_windows_cost_is_taken_from_the_budget():
    growing = fed(plan(), 12, anon=200_000, in_use=200_000)
    wish = growing.wish(moment(12, elapsed=40.0))
    growing.opened(wish)
    growing.closed("job.py:1:main", wish, 1, 9.0)
    fed(growing, 12, anon=200_000, in_use=200_000)

    assert growing.wish(moment(14, elapsed=40.0)) is None
    assert growing.wish(moment(14, elapsed=300.0)) is not None


def test_a_long_turn_in_which_nothing_is_followed_is_not_risked():
    growing = fed(plan(), 12, anon=2_000_000, in_use=2_000_000)
    long = {"elapsed": 600.0, "turn_seconds": 60.0}

    assert growing.wish(moment(12, **long, inside=False)) is None
    assert growing.wish(moment(12, **long, inside=True)) is not None


def test_a_short_loop_keeps_turns_for_censuses():
    growing = fed(plan(), 6, anon=20_000_000, in_use=20_000_000)

    assert growing.wish(moment(5, total=10, turn_seconds=7.0, elapsed=35.0)).turns == LEAST_TURNS
    assert growing.wish(moment(7, total=10, turn_seconds=7.0, elapsed=49.0)) is None


def test_a_short_run_gets_no_window_of_memrays_unasked():
    growing = fed(traced(plan()), 12, anon=2_000_000, in_use=2_000_000)

    assert growing.wish(moment(12, elapsed=29.0, lengthening=True)) is None
    assert not growing.wish(moment(12, elapsed=31.0)).tracing


def test_without_memray_there_is_no_audit_and_growth_costs_more():
    silent, growing = fed(plan(), 12), fed(plan(), 12, anon=200_000, in_use=200_000)
    silent.memray = growing.memray = False

    assert silent.wish(moment(12)) is None
    assert growing.wish(moment(12, elapsed=10.0, turn_seconds=0.5)).turns == 2
    assert growing.wish(moment(12, elapsed=10.0, turn_seconds=5.0)) is None
    assert growing.wish(moment(12, elapsed=100.0, turn_seconds=0.5)).turns == LEAST_TURNS


def test_a_window_that_is_asked_for_opens_whatever_it_costs_and_only_once():
    asked = plan(asked=True, automatic=False, native=True)
    wish = asked.wish(moment(3, elapsed=0.01, turn_seconds=100.0, inside=False))
    asked.opened(wish)

    assert (wish.reason, wish.native, wish.allowance) == ("asked", True, None)
    assert asked.wish(moment(30)) is None


@pytest.mark.parametrize("options", [{"automatic": False}, {"automatic": True}])
def test_no_window_opens_when_they_are_off_or_none_can_open(options):
    off = fed(plan(**options), 12, anon=200_000, in_use=200_000)
    if options["automatic"]:
        off.give_up()

    assert off.wish(moment(12)) is None


def test_thousands_of_readings_are_thinned_and_still_rise():
    levels = Levels()
    for turn in range(20_000):
        levels.add(turn, 1e6 + 100 * turn)
    rise, per_turn = levels.rise()

    assert per_turn == pytest.approx(100)
    assert rise > 1_000_000
