"""Memory that one rare collection gives back: the last tooth may be a little longer than the one before."""

from __future__ import annotations

import numpy as np

from leakhunt.analysis.trend import judge_series

MB = 1_000_000


def teeth(fall_at: int, turns: int, each: float, kept: float = 0.0) -> np.ndarray:
    """A level that rises by `each` per turn and gives it back once, less what is `kept` per turn."""
    return np.array(
        [
            12 * MB + kept * turn + each * (turn if turn < fall_at else turn - fall_at)
            for turn in range(turns + 1)
        ]
    )


def test_what_was_given_back_once_and_rises_a_little_higher_is_no_growth() -> None:
    level = teeth(15, 31, 0.2 * MB)  # 15 turns, all given back, then 16

    assert judge_series(np.arange(32), level).shape == "sawtooth"


def test_what_rises_far_above_what_was_given_back_grows() -> None:
    level = teeth(15, 45, 0.2 * MB)

    assert judge_series(np.arange(46), level).grows


def test_what_is_kept_beside_what_is_given_back_grows() -> None:
    level = teeth(15, 40, 0.2 * MB, kept=0.15 * MB)

    assert judge_series(np.arange(41), level).grows
