"""The engine by itself: how many calls it asks for, what it keeps of them, and how it ends."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from leakhunt.repeat.drive import repeat
from leakhunt.repeat.engine import Repetition
from leakhunt.repeat.levels import Levels, measured_noise
from leakhunt.repeat.pace import CONFIRMING_BATCHES, Pace
from leakhunt.repeat.subject import Bounds, RepeatError, subject_of


def repetition(function: object, bounds: Bounds | None = None) -> Repetition:
    subject = subject_of(function, (), "here", str(Path(__file__).parent))  # type: ignore[arg-type]
    return Repetition(subject, bounds or Bounds())


def test_what_does_not_grow_is_let_go_after_a_moment() -> None:
    calls = 0

    def work() -> None:
        nonlocal calls
        calls += 1

    outcome = repeat(repetition(work), work)

    assert outcome.verdict == "no-leak"
    assert outcome.calls == calls
    assert calls > 100


def test_with_a_number_of_iterations_no_more_calls_are_made() -> None:
    calls = 0

    def work() -> None:
        nonlocal calls
        calls += 1

    repeat(repetition(work, Bounds(iterations=60)), work)

    assert 30 <= calls <= 60 + 3


def test_a_call_that_raises_ends_it_and_leaves_no_trace() -> None:
    def work() -> None:
        raise KeyError("mine")

    frozen, traced, profiled = gc.get_freeze_count(), sys.gettrace(), sys.getprofile()
    with pytest.raises(KeyError, match="mine"):
        repeat(repetition(work), work)

    assert (gc.get_freeze_count(), sys.gettrace(), sys.getprofile()) == (frozen, traced, profiled)


def test_objects_that_were_set_aside_by_the_program_stay_so() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        repeat(repetition(dict), dict)
        assert gc.get_freeze_count() == pytest.approx(frozen, rel=0.01)
    finally:
        gc.unfreeze()


def test_reading_the_levels_leaves_next_to_nothing_behind() -> None:
    levels = Levels()
    try:
        allowed = measured_noise(levels, readings=8)
    finally:
        levels.close()

    assert allowed["blocks"].once < 40
    assert allowed["descriptors"].over(10) <= 2


def test_a_batch_of_what_leaves_megabytes_behind_stays_small() -> None:
    light, heavy = Pace(Bounds(), 1e-5, 0.0), Pace(Bounds(), 1e-5, 4e6)

    assert heavy.first() * 4e6 < 20e6
    assert heavy.first() < light.first()
    assert CONFIRMING_BATCHES * heavy.confirming(50, 10.0, None) * 4e6 < 200e6


def test_slow_calls_are_confirmed_only_where_there_is_time_for_enough_of_them() -> None:
    slow = Pace(Bounds(), call_seconds=1.0)

    assert slow.confirming(4, 9.0, None) == 0
    assert slow.confirming(4, 60.0, None) >= 4


def test_what_cannot_be_repeated_says_so() -> None:
    def generate() -> object:
        yield 1

    with pytest.raises(RepeatError, match="generator function"):
        repetition(generate)
    with pytest.raises(RepeatError, match="cannot be called"):
        repetition("text")
