"""A series of memory levels: error rates of the verdict on seeded series with known answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from leakhunt.analysis.trend import judge_series

RATE = 20_000.0
DRAWS = 40
Made = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def noise(turns: np.ndarray, random: np.random.Generator, size: float = RATE / 5) -> np.ndarray:
    return random.normal(0, size, len(turns))


CLEAN: dict[str, Made] = {
    "level": lambda t, r: noise(t, r, 3 * RATE),
    "one step": lambda t, r: (
        np.where(t > r.integers(len(t) // 4, 3 * len(t) // 4), RATE * len(t) / 2, 0) + noise(t, r)
    ),
    "warm-up": lambda t, r: np.minimum(t, 3) * 5 * RATE + noise(t, r),
    "saturating": lambda t, r: RATE * len(t) * (1 - np.exp(-t / (len(t) / 5))) + noise(t, r),
    "cache full at half": lambda t, r: np.minimum(t, len(t) / 2) * RATE + noise(t, r),
    "high-water mark": lambda t, r: np.maximum.accumulate(noise(t, r, 3 * RATE)),
    "sawtooth of ten": lambda t, r: (t % 10) * RATE + noise(t, r),
    "sawtooth of seven": lambda t, r: (t % 7) * RATE + noise(t, r),
}
LEAKS: dict[str, tuple[Made, float]] = {
    "steady": (lambda t, r: t * RATE, 1.0),
    "as noisy as its rate": (lambda t, r: t * RATE + noise(t, r, RATE), 0.95),
    "one turn in three": (lambda t, r: np.cumsum(r.random(len(t)) < 1 / 3) * 3 * RATE + noise(t, r), 0.8),
    "below a sawtooth": (lambda t, r: t * RATE + (t % 5) * 3 * RATE + noise(t, r), 0.95),
    "in arenas": (lambda t, r: np.floor(t * RATE / 1e5) * 1e5, 1.0),
    "from turn fifteen": (lambda t, r: np.maximum(0, t - 15) * RATE + noise(t, r), 0.9),
}


def share_called_growing(made: Made, turns: int) -> float:
    random = np.random.default_rng(20261121)
    t = np.arange(turns + 1, dtype=float)
    return float(np.mean([judge_series(t, 1e8 + made(t, random)).grows for _ in range(DRAWS)]))


@pytest.mark.parametrize("turns", [20, 40, 100])
@pytest.mark.parametrize("name", CLEAN)
def test_a_series_that_does_not_leak_is_not_called_growing(name: str, turns: int) -> None:
    assert share_called_growing(CLEAN[name], turns) <= (0.1 if turns == 20 else 0.05)


@pytest.mark.parametrize("turns", [20, 40, 100])
def test_a_random_walk_is_seldom_called_growing(turns: int) -> None:
    assert share_called_growing(lambda t, r: np.cumsum(r.normal(0, RATE, len(t))), turns) <= 0.15


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_seen_in_forty_turns(name: str) -> None:
    made, least = LEAKS[name]

    assert share_called_growing(made, 40) >= least


def test_the_rate_and_its_interval_enclose_the_truth() -> None:
    random = np.random.default_rng(11)
    turns = np.arange(60, dtype=float)

    trend = judge_series(turns, 1e8 + turns * RATE + random.normal(0, RATE, 60))

    assert trend.rate == pytest.approx(RATE, rel=0.1)
    assert trend.interval is not None
    assert trend.interval[0] < RATE < trend.interval[1]


def test_five_turns_are_too_short() -> None:
    assert judge_series(range(6), [1e8 + 1e6 * t for t in range(6)]).shape == "too-short"


def test_nothing_measured_is_too_short() -> None:
    assert judge_series(range(40), [float("nan")] * 40).shape == "too-short"


def test_growth_below_the_floor_is_negligible() -> None:
    trend = judge_series(range(41), [1e8 + 32 * t for t in range(41)])

    assert trend.shape == "flat"
    assert trend.negligible


def test_small_growth_matters_when_it_came_to_megabytes() -> None:
    turns = np.arange(100_000, dtype=float)

    assert judge_series(turns, 1e8 + 400 * turns).grows


def test_the_observers_own_drift_is_subtracted() -> None:
    turns = np.arange(41)

    assert judge_series(turns, 1e8 + 3_000.0 * turns).grows
    assert not judge_series(turns, 1e8 + 3_000.0 * turns, drift=3_000.0).grows


def test_a_sawtooth_is_named_with_its_period() -> None:
    trend = judge_series(range(61), [1e8 + (t % 10) * 1e6 for t in range(61)])

    assert trend.shape == "sawtooth"
    assert trend.swing is not None
    assert trend.swing[0] == 10


def test_a_rise_in_the_first_turns_only_is_warm_up() -> None:
    assert judge_series(range(41), [1e8 + min(t, 4) * 1e6 for t in range(41)]).shape == "warm-up"


def test_a_long_series_is_judged_like_a_short_one() -> None:
    turns = np.arange(50_000, dtype=float)
    saw = (turns % 3) * 5e6

    assert judge_series(turns, 1e9 + 5_000 * turns + saw).grows
    assert not judge_series(turns, 1e9 + saw).grows


def test_turns_that_were_not_measured_do_not_make_growth_look_slower_later() -> None:
    # 20,000 bytes a turn and what tracing left behind at its beginning; turns 7 to 10 were traced and not measured
    turns = np.array([*range(7), *range(11, 21)], dtype=float)
    steps = [20_016, 20_016, 20_016, 25_440, 27_104, 23_280, 119_376, 21_424, *[20_500] * 8]

    assert judge_series(turns, 3e6 + np.cumsum([0, *steps])).grows
    assert not judge_series(turns, 3e6 + 300_000 * (1 - np.exp(-turns / 6))).grows
