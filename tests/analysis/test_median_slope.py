"""Our Theil-Sen slope is scipy's, which takes too long to import for a report."""

import numpy as np
import pytest

from leakhunt.analysis.slope import median_slope


@pytest.mark.parametrize("seed", range(60))
def test_it_is_the_slope_and_the_interval_of_scipy(seed):
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 120))
    x = np.sort(random.choice(np.arange(3.0 * count), count, replace=False))
    # every other series has many equal values
    y = 3.0 * x + random.normal(0, 50, count) if seed % 2 else np.floor(x / 20) * 7

    slope, interval = median_slope(x, y)

    expected = stats.theilslopes(y, x, alpha=0.95)
    assert slope == pytest.approx(expected[0])
    assert interval == pytest.approx((expected[2], expected[3]))


def test_a_single_jump_does_not_pull_it():
    x = np.arange(20.0)

    assert median_slope(x, np.where(x == 11, 1e9, 2 * x))[0] == 2.0


@pytest.mark.parametrize("x", [[], [1.0], [4.0, 4.0]])
def test_points_at_one_place_have_no_slope(x):
    assert median_slope(np.array(x), np.arange(len(x), dtype=np.float64)) == (0.0, (0.0, 0.0))
