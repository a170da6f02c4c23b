"""A change counts by its size and by the noise of the runs, never by a byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.findings.comparison import Level
from leakhunt.regression.judge import MEASURES, Measure, judge_change, shift

BY_NAME = {measure.name: measure for measure in MEASURES}
PEAK = BY_NAME["peak"]
LEVELS = st.lists(st.floats(0, 1e12), min_size=1, max_size=6)


def standing(measure: Measure, before: list[float], after: list[float]) -> str:
    return judge_change(measure, Level(sorted(before)), Level(sorted(after))).standing


def test_five_percent_more_peak_in_every_run_is_worse() -> None:
    assert standing(PEAK, [100e6, 100.4e6, 101e6], [105e6, 105.3e6, 106e6]) == "worse"
    assert standing(PEAK, [105e6, 105.3e6, 106e6], [100e6, 100.4e6, 101e6]) == "better"


def test_less_than_would_matter_is_the_same_however_steady() -> None:
    assert standing(PEAK, [100e6] * 3, [102.9e6] * 3) == "same"
    assert standing(PEAK, [100e6] * 3, [103.1e6] * 3) == "worse"


def test_a_byte_is_never_a_regression() -> None:
    for measure in MEASURES:
        assert (
            standing(measure, [1000.0] * 5, [1001.0] * 5 if measure.name != "seconds" else [1000.1] * 5)
            == "same"
        )


def test_runs_that_overlap_are_noise_however_far_their_medians_lie_apart() -> None:
    assert standing(PEAK, [100e6, 101e6, 120e6], [110e6, 111e6, 119e6]) == "same"


def test_one_unlucky_run_is_no_regression() -> None:
    assert standing(PEAK, [100e6, 100e6, 100e6], [100e6, 100e6, 150e6]) == "same"


def test_a_kilobyte_more_per_iteration_is_worse_where_nothing_grew() -> None:
    malloc = BY_NAME["malloc-growth"]

    assert standing(malloc, [0.0, 20.0, 100.0], [1030.0, 1040.0, 1100.0]) == "worse"
    assert standing(malloc, [0.0, 20.0, 100.0], [400.0, 420.0, 500.0]) == "same"


def test_a_small_change_of_a_large_growth_is_the_same() -> None:
    assert standing(BY_NAME["malloc-growth"], [1e6] * 3, [1.09e6] * 3) == "same"
    assert standing(BY_NAME["malloc-growth"], [1e6] * 3, [1.11e6] * 3) == "worse"


def test_with_one_run_a_side_only_twice_as_much_counts() -> None:
    assert standing(PEAK, [100e6], [105e6]) == "same"
    assert standing(PEAK, [100e6], [107e6]) == "worse"


def test_one_run_among_those_of_the_other_side_is_their_noise() -> None:
    assert standing(PEAK, [100e6, 101e6, 120e6], [120e6]) == "same"
    assert standing(PEAK, [100e6, 101e6, 120e6], [120.1e6]) == "worse"
    assert standing(PEAK, [120e6], [100e6, 101e6, 120e6]) == "same"


def test_what_was_not_measured_is_unknown_and_not_nothing() -> None:
    change = judge_change(PEAK, Level([]), Level([1e9]))

    assert change.standing == "unknown"
    assert change.difference is None
    assert change.reason == "peak memory was not measured before"


def test_a_change_says_from_what_to_what() -> None:
    change = judge_change(PEAK, Level([100e6, 100e6, 100e6]), Level([105e6, 105e6, 105e6]))

    assert change.reason == "100 MB → 105 MB, +5 MB (+5.0%)"
    assert change.interval == [5e6, 5e6]


@given(LEVELS)
def test_runs_against_themselves_do_not_differ(values: list[float]) -> None:
    for measure in MEASURES:
        assert standing(measure, values, values) == "same"


@given(LEVELS, LEVELS)
def test_worse_one_way_is_not_worse_the_other_way(before: list[float], after: list[float]) -> None:
    there, back = standing(PEAK, before, after), standing(PEAK, after, before)

    assert not (there == back == "worse")
    assert not (there == back == "better")


@given(LEVELS, LEVELS)
def test_the_interval_holds_the_difference(before: list[float], after: list[float]) -> None:
    difference, interval = shift(before, after)

    assert (interval is None) == (len(before) < 2 or len(after) < 2)
    if interval is not None:
        assert interval[0] <= difference <= interval[1]


def test_the_interval_is_that_of_the_rank_sum_test() -> None:
    # Ten runs a side: the interval leaves out the 23 most extreme of the 100 differences on each end
    # (critical value of the rank sum test at 5 %, tabled as 23).
    before, after = [float(value) for value in range(10)], [float(10 * value) for value in range(10)]

    _, interval = shift(before, after)

    ordered = sorted(late - early for late in after for early in before)
    assert interval is not None
    assert interval[0] == pytest.approx(ordered[24], abs=1.0)
