"""The slope of a series that single jumps cannot pull: Theil-Sen, with its 95 % interval.

scipy has it too, but importing `scipy.stats` takes longer than all else that a report does; a test
holds this one to scipy's. Source: P. K. Sen, Estimates of the regression coefficient based on
Kendall's tau, Journal of the American Statistical Association 63 (1968).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
_Z = NormalDist().inv_cdf(0.975)


def median_slope(x: Values, y: Values) -> tuple[float, tuple[float, float]]:
    """Return the median of the slopes between all pairs of points, and its interval.

    `x` and `y` have shape (n,); the slope has y's unit per x's. All points at one x have slope 0.
    """
    later, earlier = np.nonzero(x[:, None] > x[None, :])
    if not len(later):
        return 0.0, (0.0, 0.0)
    slopes = np.sort((y[later] - y[earlier]) / (x[later] - x[earlier]))
    # The interval's ends are slopes too: those that Kendall's score, two sigmas off, would make zero.
    reach = _Z * math.sqrt(max(0.0, (_pairs(len(y)) - _tied(x) - _tied(y)) / 18))
    low = max(round((len(slopes) - reach) / 2) - 1, 0)
    high = min(round((len(slopes) + reach) / 2), len(slopes) - 1)
    return float(np.median(slopes)), (float(slopes[low]), float(slopes[high]))


def _pairs(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


def _tied(values: Values) -> int:
    _, repeats = np.unique(values, return_counts=True)
    return sum(_pairs(int(count)) for count in repeats)
