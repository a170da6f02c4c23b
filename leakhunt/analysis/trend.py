"""Decides from a series of memory levels at loop boundaries whether it grows, and how fast.

Rank tests alone call every random walk and every filling cache a leak; so this rule works with
floors (levels never undercut again), block minima that must keep rising to the last block, and a
size below which growth is not worth a finding. Reads no run and names no holder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.slope import Values, median_slope

Shape = Literal["flat", "growing", "sawtooth", "saturating", "step", "warm-up", "noise", "too-short"]

#: Pairwise slopes grow with the square of the points: longer series are binned to this many minima.
_MOST_POINTS = 400
#: Fewer turns than this can show a trend but not that it will go on.
ENOUGH_TURNS = 20
FEWEST_TURNS = 6
#: A rise of which one turn (or one tooth of a saw) brought this share is a step: an import, a buffer made once.
_ONE_JUMP = 0.8
BYTES_FLOOR = 1_000.0
#: A rise of this much within the run matters however small it is per turn.
TOTAL_FLOOR = 16_000_000.0


@dataclass(frozen=True, slots=True)
class Trend:
    """What a series does. `rate` is per turn with its 95 % interval; `reason` is one sentence.

    `first` is the turn from which on it was judged; `rise` is what the floor rose since then.
    `span` is from the lowest to the highest level since then. `swing` is (period in turns, amplitude)
    of a sawtooth. `negligible` growth is real but small.
    """

    shape: Shape
    reason: str
    turns: int
    points: int
    rate: float | None = None
    interval: tuple[float, float] | None = None
    rise: float | None = None
    noise: float | None = None
    first: int = 0
    swing: tuple[float, float] | None = None
    negligible: bool = False
    span: float | None = None

    @property
    def grows(self) -> bool:
        """Return whether the series grows and would go on growing."""
        return self.shape == "growing"

    @property
    def is_long_enough(self) -> bool:
        """Return whether there were turns enough to call growth lasting."""
        return self.turns >= ENOUGH_TURNS


#: How much higher, as a share of the last fall, a series may come that gave back all it had gained.
_LATER_FALL = 0.2


def judge_series(
    turns: npt.ArrayLike, levels: npt.ArrayLike, *, drift: float = 0.0, floor: float = BYTES_FLOOR
) -> Trend:
    """Return what the `levels` at the completed `turns` do.

    `drift` is the observer's own growth per turn, subtracted first; rates below
    max(`floor`, 3 x drift) per turn are negligible.
    """
    x, y = np.asarray(turns, dtype=np.float64), np.asarray(levels, dtype=np.float64)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    count = int(x[-1] - x[0]) if len(x) else 0
    if len(x) < FEWEST_TURNS or count < FEWEST_TURNS:
        return Trend("too-short", f"only {count} turns were measured", count, len(x))
    y = y - drift * (x - x[0])
    cut = _warm_up(x, y)
    first = int(x[cut])
    kept_x, kept_y = _thin(x[cut:], y[cut:])
    least = min(max(floor, 3 * drift), max(3 * drift, TOTAL_FLOOR / count))
    noise = _noise(kept_y)
    trend = _sawtooth(kept_x, kept_y, noise, least, count, first)
    if trend is None:
        trend = _fell_back(kept_x, kept_y, noise, least, count, first)
    if trend is None:
        trend = _blocks(kept_x, kept_y, noise, least, count, first)
    if trend.shape in ("saturating", "step"):
        trend = _beside_a_jump(kept_x, kept_y, least, count, first) or trend
    trend = replace(trend, span=float(np.ptp(kept_y)))
    settled = float(np.median(kept_y[: max(1, len(kept_y) // 5)]))
    at_first = settled - float(y[0])
    if trend.shape == "flat" and at_first > max(6 * noise, least * 5, 2 * abs(float(kept_y[-1]) - settled)):
        return Trend(
            "warm-up",
            f"rose during the first {first} turns, then stayed level",
            count,
            len(x),
            trend.rate,
            trend.interval,
            trend.rise,
            noise,
            first,
            span=trend.span,
        )
    return trend


def _warm_up(x: Values, y: Values) -> int:
    """Index of the first point that counts: a fifth of the run, a third when the start still settles."""
    size = len(x)
    cut = int(np.searchsorted(x, x[0] + max(2.0, (x[-1] - x[0]) / 5)))
    most = int(np.searchsorted(x, x[0] + (x[-1] - x[0]) / 3))
    cut, most = min(cut, size - 4), min(most, size - 4)
    rest = y[most:]
    if most > cut and len(rest) >= 4:
        early = (y[most] - y[cut]) / max(1.0, x[most] - x[cut])
        later = (rest[-1] - rest[0]) / max(1.0, x[-1] - x[most])
        if early > 3 * max(later, 0.0):
            cut = most
    return max(cut, 0)


def _thin(x: Values, y: Values) -> tuple[Values, Values]:
    """Long series as the minimum of equal bins: what is never undercut stays."""
    if len(x) <= _MOST_POINTS:
        return x, y
    edges = np.linspace(0, len(x), _MOST_POINTS + 1).astype(int)
    least = [start + int(np.argmin(y[start:stop])) for start, stop in pairwise(edges)]
    return x[least], y[least]


def _noise(y: Values) -> float:
    steps = np.diff(y)
    return float(1.4826 * np.median(np.abs(steps - np.median(steps)))) if len(steps) else 0.0


def _sawtooth(x: Values, y: Values, noise: float, least: float, count: int, first: int) -> Trend | None:
    """A series that falls back regularly is judged by the level right after each fall."""
    slope, _ = median_slope(x, y)
    steps = np.diff(y)
    swing = float(np.ptp(y - slope * x))
    falls = np.flatnonzero((steps < -0.25 * swing) & (steps < -6 * noise) & (-steps > 4 * least))
    if len(falls) < 3 or swing <= 0:
        return None
    gaps = np.diff(x[falls])
    if gaps.max() > 2.5 * gaps.min():
        return None
    after = falls + 1
    period, amplitude = float(np.median(gaps)), float(-np.median(steps[falls]))
    lows_x, lows = x[after], y[after]
    rate, interval = median_slope(lows_x, lows)
    saw = (period, amplitude)
    if (
        len(lows) >= 4
        and bool(np.all(np.diff(lows) > 0))
        and rate > least
        and lows[-1] - lows[0] > 0.1 * amplitude
        and float(np.diff(lows).max()) <= _ONE_JUMP * float(lows[-1] - lows[0])
    ):
        return Trend(
            "growing",
            f"falls back every {period:.0f} turns, but each time to a higher level",
            count,
            len(x),
            rate,
            interval,
            float(lows[-1] - lows[0]),
            noise,
            first,
            saw,
        )
    return Trend(
        "sawtooth",
        f"falls back to the same level every {period:.0f} turns",
        count,
        len(x),
        rate,
        interval,
        float(lows[-1] - lows[0]),
        noise,
        first,
        saw,
    )


def _fell_back(x: Values, y: Values, noise: float, least: float, count: int, first: int) -> Trend | None:
    """A series that fell and has not come above its earlier level since shows no growth, however it rises now.

    When it gave back all that it had gained, it may come a little higher: the next fall is only due later.
    """
    steps = np.diff(y)
    falls = np.flatnonzero((steps < -0.5 * np.ptp(y)) & (steps < -6 * noise) & (-steps > 4 * least))
    if not len(falls):
        return None
    last = int(falls[-1])
    peak = float(y[: last + 1].max())
    gave_all_back = float(y[last + 1]) <= float(y[: last + 1].min()) + 3 * noise
    above = 3 * noise + least + (_LATER_FALL * -float(steps[last]) if gave_all_back else 0.0)
    if float(y[-1]) > peak + above:
        return None
    far = "far " if float(y[-1]) > peak + 3 * noise + least else ""
    reason = f"fell back at turn {x[last + 1]:.0f} and has not come {far}above its earlier level since"
    period, amplitude = float(x[-1] - x[last + 1]), float(-steps[last])
    return Trend("sawtooth", reason, count, len(x), 0.0, (0.0, 0.0), 0.0, noise, first, (period, amplitude))


def _blocks(x: Values, y: Values, noise: float, least: float, count: int, first: int) -> Trend:
    """The floor's minima over four or five blocks of the run say whether it keeps rising."""
    under = np.minimum.accumulate(y[::-1])[::-1]
    blocks = 5 if len(x) >= 24 else 4
    parts = np.array_split(np.arange(len(x)), blocks)
    minima = np.array([under[part[0]] for part in parts])
    rises = np.diff(minima)
    total = float(minima[-1] - minima[0])
    rate, interval = median_slope(x, under)
    raw_rate, raw_interval = median_slope(x, y)
    measured = (count, len(x), rate, interval, total, noise, first)

    def say(shape: Shape, reason: str, negligible: bool = False) -> Trend:
        return Trend(shape, reason, *measured, negligible=negligible)

    span = float(np.ptp(y))
    if span == 0 or total <= 0:
        return say("flat", "stayed level")
    if total <= max(3 * noise, 0.0):
        return say("noise", "rose by no more than it varies from turn to turn")
    if rate < least and total < least * max(1.0, float(x[-1] - x[0])):
        return say("flat", "rises too little to matter", negligible=rate > 0)
    level = rises <= 0.02 * total
    if level[-1] or int(level.sum()) > 1:
        if int((~level).sum()) == 1:
            return say("step", "rose once and stayed level")
        return say("saturating" if level[-1] and not level[0] else "flat", "rose at first, then stayed level")
    if _falls_back(y, parts, span):
        return say("flat", "fell back after it rose")
    half = len(rises) // 2
    # Per turn: where turns were not measured, the blocks are not of equal length.
    bounds = x[[part[0] for part in parts]]
    early = float(minima[half] - minima[0]) / float(bounds[half] - bounds[0])
    later = float(minima[-1] - minima[half]) / float(bounds[-1] - bounds[half])
    if later < (0.4 if count >= 30 else 0.55) * early:
        return say("saturating", "rises ever more slowly")
    if early < 0.1 * later and count < 2 * ENOUGH_TURNS:
        return say("noise", "rose only towards the end")
    if _is_one_jump(under, total):
        return say("step", "most of the rise came in a single turn")
    wander = np.abs(np.diff(y)).sum()
    if wander > 0 and (y[-1] - y[0]) / wander < 0.25 and total < 6 * noise * np.sqrt(len(y)) and count < 400:
        return say("noise", "wanders up and down as much as it rises")
    rate, interval = (raw_rate, raw_interval) if raw_interval[0] > 0 else (rate, interval)
    return Trend(
        "growing",
        "rises in every part of the run, to the last",
        count,
        len(x),
        rate,
        interval,
        total,
        noise,
        first,
    )


def _falls_back(y: Values, parts: list[npt.NDArray[np.int64]], span: float) -> bool:
    lows = np.array([y[part].min() for part in parts])
    fall = float(np.max(np.maximum.accumulate(lows) - lows))
    return fall > 0.1 * span


def _beside_a_jump(x: Values, y: Values, least: float, count: int, first: int) -> Trend | None:
    """A single jump (an import, a buffer made once) must not hide the steady rise around it."""
    gaps = np.diff(x)
    steps = np.diff(y) / gaps
    at = int(np.argmax(steps))
    others = np.delete(steps, at)
    if len(others) < 8 or steps[at] < 5 * np.max(np.abs(others)):
        return None
    without = y.copy()
    without[at + 1 :] -= (steps[at] - float(np.median(others))) * gaps[at]
    trend = _blocks(x, without, _noise(without), least, count, first)
    if not trend.grows:
        return None
    return replace(trend, reason="rises in every part of the run, besides one jump")


def _is_one_jump(under: Values, total: float) -> bool:
    return len(under) >= 8 and float(np.diff(under).max()) > _ONE_JUMP * total
