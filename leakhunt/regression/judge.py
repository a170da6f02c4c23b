"""Decides whether a measure of some runs is higher than that of other runs, by size and by noise.

A difference counts when it is large enough to matter and when the runs of the two sides do not overlap: never
by a byte, and never because one run was unlucky. The estimate is Hodges and Lehmann's (the median of all
differences between a run here and a run there) with the interval that goes with it; source: J. L. Hodges and
E. L. Lehmann, Estimates of location based on rank tests, Annals of Mathematical Statistics 34 (1963).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist, median

from leakhunt.findings.comparison import Change, Level, MeasureName, Standing
from leakhunt.units import format_bytes, format_count, format_seconds

_Z = NormalDist().inv_cdf(0.975)
#: One run a side shows no noise: then only what is this many times as large counts.
ALONE = 2.0


@dataclass(frozen=True, slots=True)
class Measure:
    """What is compared, in words, and the least change of it that matters: `floor`, or `share` of the old level."""

    name: MeasureName
    words: str
    floor: float
    share: float
    #: Timing says how fast a machine was, not how much memory a program takes: shown, never held against it.
    counts: bool = True

    def least(self, before: float) -> float:
        """Return the least change that matters, starting from this level."""
        return max(self.floor, self.share * abs(before))

    def in_words(self, value: float, *, signed: bool = False) -> str:
        """Return a value of this measure as text."""
        if self.name == "seconds":
            return format_seconds(value) if value >= 0 else f"-{format_seconds(-value)}"
        if self.name == "block-growth":
            return f"{format_count(value, signed=signed)} blocks/iteration"
        text = format_bytes(value, signed=signed)
        return text if self.name == "peak" else f"{text}/iteration"


#: The resident set moves by pages and arenas; what malloc has in use and Python's blocks are exact.
MEASURES = (
    Measure("peak", "peak memory", floor=1_000_000, share=0.03),
    Measure("resident-growth", "growth of resident memory", floor=8_000, share=0.1),
    Measure("malloc-growth", "growth of memory in use from malloc", floor=512, share=0.1),
    Measure("block-growth", "growth of Python's memory blocks", floor=4, share=0.1),
    Measure("seconds", "time of an iteration", floor=0.001, share=0.2, counts=False),
)


def judge_change(measure: Measure, before: Level, after: Level) -> Change:
    """Return how `measure` moved from the runs `before` to the runs `after`."""
    if not before.values or not after.values:
        side = "before" if not before.values else "now"
        return Change(measure.name, before, after, "unknown", f"{measure.words} was not measured {side}")
    if before.values == after.values:
        return Change(measure.name, before, after, "same", f"{measure.words} is the same", 0.0, None)
    difference, interval = shift(before.values, after.values)
    middle = median(before.values)
    least = measure.least(middle)
    amount = measure.in_words(difference, signed=True)
    if abs(difference) < least * (ALONE if interval is None else 1.0):
        reason = f"{amount} is less than would matter ({measure.in_words(least)})"
        return Change(measure.name, before, after, "same", reason, difference, interval, least)
    if interval[0] <= 0.0 <= interval[1] if interval is not None else _overlap(before.values, after.values):
        reason = f"{amount} is within the noise of the runs"
        return Change(measure.name, before, after, "same", reason, difference, interval, least)
    percent = f" ({difference / middle:+.1%})" if middle > 0 and measure.name in ("peak", "seconds") else ""
    reason = f"{measure.in_words(middle)} → {measure.in_words(median(after.values))}, {amount}{percent}"
    standing: Standing = "worse" if difference > 0 else "better"
    return Change(measure.name, before, after, standing, reason, difference, interval, least)


def _overlap(before: list[float], after: list[float]) -> bool:
    """Tell whether the one run of a side lies among those of the other, which then is their noise."""
    return min(before) <= max(after) and min(after) <= max(before)


def shift(before: list[float], after: list[float]) -> tuple[float, list[float] | None]:
    """Return how far `after` lies above `before`, and the interval of that; None with one run a side.

    With three runs a side the interval is from the smallest difference to the largest: it leaves out zero
    only where every run of the one side is above every run of the other.
    """
    differences = sorted(late - early for late in after for early in before)
    if len(before) < 2 or len(after) < 2:
        return median(differences), None
    pairs = len(differences)
    reach = _Z * math.sqrt(pairs * (len(before) + len(after) + 1) / 12)
    low = max(0, math.floor(pairs / 2 - reach))
    return median(differences), [differences[low], differences[pairs - 1 - low]]
