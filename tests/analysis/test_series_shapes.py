"""Series of memory levels that look like growth for a while."""

import numpy as np

from leakhunt.analysis.trend import judge_series


def test_memory_that_is_given_back_once_and_rises_to_where_it_was_does_not_grow():
    turns = np.arange(41)
    levels = 3_000_000 + 20_000 * (turns % 20)

    assert judge_series(turns, levels).shape == "sawtooth"


def test_memory_that_rises_above_where_it_was_before_it_fell_grows():
    turns = np.arange(61)
    levels = 3_000_000 + 20_000 * turns - np.where(turns >= 20, 300_000, 0)

    assert judge_series(turns, levels).grows


def test_a_saw_whose_lows_rose_in_one_step_does_not_grow():
    turns = np.arange(41)
    levels = 6_500_000 + 20_000 * (turns % 8) + np.where(turns >= 21, 215_000, 0) + 300 * turns

    assert judge_series(turns, levels).shape == "sawtooth"


def test_a_saw_whose_lows_rise_from_tooth_to_tooth_grows():
    turns = np.arange(41)
    levels = 6_500_000 + 20_000 * (turns % 8) + 6_000 * turns

    assert judge_series(turns, levels).grows
