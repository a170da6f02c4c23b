"""A large process whose exact counters stand still needs no further heap census."""

from __future__ import annotations

import pytest

from leakhunt.capture.stillness import Stillness

LEVEL = (27_000_000, 9_000_000, 370_000_000)


def after(readings, turns=20):
    still = Stillness()
    still.begin(10, LEVEL)
    for reading in readings:
        still.see(reading)
    return still.holds(turns)


def test_counters_that_stay_level_stand_still():
    assert after([LEVEL] * 5)


def test_what_leakhunt_itself_leaves_behind_per_turn_is_no_movement():
    assert after([(LEVEL[0] + 200 * turn, LEVEL[1] + 8 * turn, LEVEL[2] + 800 * turn) for turn in range(10)])


@pytest.mark.parametrize("at", [0, 1, 2], ids=["in use", "blocks", "resident"])
def test_one_counter_that_rises_is_movement(at):
    each = (20_000, 100, 20_000)[at]
    levels = [list(LEVEL) for _ in range(11)]
    for turn, reading in enumerate(levels):
        reading[at] += each * turn

    assert not after([tuple(reading) for reading in levels])


def test_a_counter_that_swung_up_and_back_has_moved():
    assert not after([LEVEL, (LEVEL[0] + 500_000, *LEVEL[1:]), LEVEL, LEVEL])


def test_free_memory_that_malloc_gave_back_is_no_movement_and_a_rise_beside_it_is():
    low = (*LEVEL[:2], LEVEL[2] - 500_000)
    risen, later = (*LEVEL[:2], LEVEL[2] + 200_000), (*low[:2], low[2] + 200_000)

    assert after([LEVEL, low, low, low])
    assert not after([LEVEL, risen, low, low])
    assert not after([LEVEL, low, low, later])
    assert not after([LEVEL, (LEVEL[0] - 500_000, *LEVEL[1:]), LEVEL, LEVEL])


def test_a_counter_that_is_not_read_at_each_boundary_is_judged_by_the_others():
    assert after([(None, None, LEVEL[2]), LEVEL, (LEVEL[0], None, LEVEL[2])])


def test_a_counter_that_cannot_be_read_leaves_it_open():
    still = Stillness()
    still.begin(10, (None, *LEVEL[1:]))
    for _ in range(5):
        still.see((None, *LEVEL[1:]))

    assert not still.holds(20)


def test_too_few_readings_leave_it_open():
    assert not after([LEVEL] * 2)
    assert not Stillness().holds(20)
