"""Judges one heap path whose population rose: leak, cache that fills, bounded, negligible, or too early.

Works on exact counters at the censuses (lengths, else objects, else bytes) against completed turns;
what the source says about bounds and what the gauges say are handed in. Names no advice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from leakhunt.analysis.kinds import kind_of
from leakhunt.analysis.rates import has_table, rate_of, rate_with_table
from leakhunt.analysis.slope import Values
from leakhunt.analysis.source import Usage
from leakhunt.analysis.trend import ENOUGH_TURNS
from leakhunt.census.growth import Growth
from leakhunt.findings.diagnosis import Kind, Verdict
from leakhunt.units import format_bytes, format_count

#: Growth of fewer bytes per turn is real but not worth a change.
BYTES_FLOOR = 1_000.0
#: ... unless it came to this much within the run anyway.
TOTAL_FLOOR = 16_000_000.0
FEWEST_CENSUSES = 4
#: Growth may have stopped since the last census: more unseen turns than this leave the question open.
UNSEEN_SHARE = 0.15
#: Later growth below this share of earlier growth is a cache that fills.
SATURATING = 0.4
STEADY = 0.6

_KEYED = frozenset({"dict", "set", "OrderedDict", "defaultdict", "lru_cache", "Counter"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict about one path with its reasons; rates are per turn."""

    kind: Kind
    verdict: Verdict
    reasons: list[str]
    bytes_rate: float | None = None
    interval: list[float] | None = None
    items_rate: float | None = None
    more_turns: int | None = None
    negligible: bool = False
    started_late: int | None = None
    steady: bool = False


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else is known: turns of the whole loop, whether memory agrees, the source, the limit.

    Growth of fewer bytes per turn than `floor` is negligible.
    """

    turns: int
    total: int | None = None
    gauges_agree: bool | None = None
    memory_grows: bool = False
    usage: Usage | None = None
    limit: int | None = None
    floor: float = BYTES_FLOOR


@dataclass(slots=True)
class _Counted:
    """The counter that is judged, from the last stretch of rising steps on."""

    what: str
    at: Values
    counts: Values
    bytes: Values
    steps: Values = field(default_factory=lambda: np.empty(0))
    start: int = 0


class Say(Protocol):
    """Makes a judgement with the rates already measured."""

    def __call__(
        self,
        verdict: Verdict,
        *reasons: str,
        as_kind: Kind | None = None,
        more: int | None = None,
        negligible: bool = False,
        steady: bool = False,
    ) -> Judgement: ...


def judge_holder(growth: Growth, turns: Sequence[int], around: Circumstances) -> Judgement:
    """Return what becomes of `growth`, whose censuses were taken after these completed `turns`."""
    counted = _count(growth, turns)
    kind = kind_of(growth)
    if counted is None:
        return Judgement(
            kind, "cannot-tell", ["it was seen in fewer than two censuses"], more_turns=_more(around.turns)
        )
    bytes_rate, interval = rate_of(counted.at[counted.start :], counted.bytes[counted.start :])
    items_rate: float | None = rate_of(counted.at[counted.start :], counted.counts[counted.start :])[0]
    if counted.what == "bytes":
        items_rate = None
    elif items_rate and counted.what == "items" and has_table(growth):
        bytes_rate, interval = rate_with_table(growth, turns, counted.at[counted.start], items_rate)

    def say(
        verdict: Verdict,
        *reasons: str,
        as_kind: Kind | None = None,
        more: int | None = None,
        negligible: bool = False,
        steady: bool = False,
    ) -> Judgement:
        late = int(counted.at[counted.start]) if counted.start else None
        return Judgement(
            as_kind or kind,
            verdict,
            list(reasons),
            bytes_rate,
            list(interval),
            items_rate,
            more,
            negligible,
            late,
            steady,
        )

    settled = _not_a_leak(growth, counted, around, say, bytes_rate)
    return settled if settled is not None else _growing(growth, counted, around, say, bytes_rate)


def _not_a_leak(
    growth: Growth, counted: _Counted, around: Circumstances, say: Say, bytes_rate: float
) -> Judgement | None:
    """The reasons, in order, why this growth ends or does not matter; None when it goes on."""
    counts, at = counted.counts, counted.at
    if growth.noise:
        return say(
            "no-leak",
            f"a known holder of bookkeeping: {growth.noise}",
            as_kind="saturating-cache",
            negligible=True,
        )
    bounded = _bound(growth, around, bytes_rate)
    if bounded is not None:
        return say("no-leak", *bounded, as_kind="saturating-cache")
    fell = float(np.max(np.maximum.accumulate(counts) - counts))
    if fell > 0.1 * max(1.0, float(counts.max() - counts.min())):
        return say(
            "no-leak",
            f"it was emptied in between: {_listed(counts)} {counted.what} at turns {_listed(at)}",
            as_kind="sawtooth",
        )
    if counted.what == "bytes" and _is_container(growth) and _is_constant(growth.lengths):
        return say(
            "no-leak",
            f"its length stays {format_count(growth.lengths[-1])}: places that were there from "
            "the start are being filled",
            as_kind="saturating-cache",
        )
    if _stopped(counted):
        last = int(at[np.flatnonzero(counts < counts[-1])[-1] + 1]) if counts[0] < counts[-1] else int(at[0])
        return say(
            "no-leak",
            f"it stopped growing: {format_count(counts[-1])} {counted.what} since turn {last}",
            as_kind="saturating-cache",
        )
    gained = counted.bytes[-1] - counted.bytes[0]
    if bytes_rate < around.floor and gained < TOTAL_FLOOR:
        return say("no-leak", f"it grows by {format_bytes(bytes_rate)} per turn: negligible", negligible=True)
    return None


def _growing(
    growth: Growth, counted: _Counted, around: Circumstances, say: Say, bytes_rate: float
) -> Judgement:
    """It rose to the last census: a leak, or not yet known."""
    rising = len(counted.at) - 1 - counted.start
    seen = f"{_listed(counted.counts)} {counted.what} after turns {_listed(counted.at)}"
    ratio = _later_to_earlier(counted)
    few = around.turns < ENOUGH_TURNS
    more = _more(around.turns)
    if ratio is not None and ratio < SATURATING:
        if few or counted.steps[-1] > 0.5 * np.mean(counted.steps[counted.start :]):
            return say("cannot-tell", f"its growth slows down: {seen}", more=more)
        return say("no-leak", f"its growth dies away: {seen}", as_kind="saturating-cache")
    if _fades(counted):
        if few or ratio is None or ratio > 0.5:
            return say("cannot-tell", f"its growth slows down at every census: {seen}", more=more)
        return say("no-leak", f"its growth dies away: {seen}", as_kind="saturating-cache")
    doubt = (
        "its keys are held weakly: an entry goes when its key does, which may only wait for the collector"
        if "weak-keys" in growth.tags
        else _doubt(around.usage)
    )
    if doubt is not None:
        return say(
            "cannot-tell", f"it grows at every census ({seen}), but {doubt}", more=max(more, around.turns)
        )
    keyed = growth.type in _KEYED
    sure = around.memory_grows or (_is_steady(counted) and not keyed and around.turns >= 30)
    if rising < 2 or (rising < FEWEST_CENSUSES - 1 and not sure):
        return say("cannot-tell", f"it rose over {_times(rising)} only: {seen}", more=more)
    if ratio is not None and ratio < STEADY and around.turns < 30:
        return say("cannot-tell", f"its growth slows down: {seen}", more=max(more, 30 - around.turns))
    unseen = around.turns - int(counted.at[-1])
    if unseen > UNSEEN_SHARE * around.turns and not around.memory_grows:
        return say(
            "cannot-tell",
            f"it grows ({seen}), but the {unseen} turns after the last census were not seen",
            more=more,
        )
    steady = _is_steady(counted)
    if few:
        missing = _missing_for_short_runs(counted, around, growth, rising, steady)
        if missing is not None:
            return say("cannot-tell", f"it grows at every census ({seen}), but {missing}", more=more)
    reasons = [f"it rises to the last census: {seen}"]
    if ratio is not None:
        reasons.append(f"its growth does not slow down (later rate {ratio:.0%} of the earlier)")
    if counted.start:
        reasons.append(f"it began to grow after turn {int(counted.at[counted.start])}")
    return say("leak", *reasons, steady=steady)


def _missing_for_short_runs(
    counted: _Counted, around: Circumstances, growth: Growth, rising: int, steady: bool
) -> str | None:
    """What a run of fewer than 20 turns lacks to be sure."""
    if around.turns < 8:
        return f"{around.turns} turns are too few"
    if rising < FEWEST_CENSUSES - 1 or counted.start:
        return f"{len(counted.at)} censuses of which {rising} saw growth are too few"
    if around.turns - int(counted.at[-1]) >= 2:
        return f"nothing was seen of it after turn {int(counted.at[-1])} of {around.turns}"
    if not steady:
        return f"not by the same amount in each turn, and {around.turns} turns are few"
    if around.gauges_agree is False:
        return "the process's memory does not rise with it"
    if growth.type in _KEYED and (around.usage is None or around.usage.guards):
        return f"a cache may fill for {around.turns} turns and then stop"
    return None


def _doubt(usage: Usage | None) -> str | None:
    """What in the source says that it may stop by itself."""
    if usage is None:
        return None
    for line, limit in usage.limits:
        if limit is None:
            return f"line {line} of {_file(usage)} compares its length and may stop it"
    if usage.conditional_removals:
        return f"line {usage.conditional_removals[0]} of {_file(usage)} can take items out"
    if usage.finite_keys and usage.guards:
        where = f"line {usage.finite_keys[0]} of {_file(usage)}"
        return f"its keys can repeat ({where}): a cache that may become full"
    return None


def _bound(growth: Growth, around: Circumstances, bytes_rate: float) -> list[str] | None:
    what, limit, size = None, None, None
    if growth.bound is not None:
        what, limit, size = growth.bound.what, growth.bound.limit, growth.bound.size
    elif around.usage is not None and growth.lengths and growth.lengths[-1] is not None:
        limits = [(line, most) for line, most in around.usage.limits if most and most > 1]
        if limits and growth.lengths[-1] <= limits[0][1]:
            what, limit, size = f"the check on line {limits[0][0]}", limits[0][1], growth.lengths[-1]
    if what is None or not limit or size is None:
        return None
    if size >= limit:
        return [f"the cache is full at {format_count(limit)} entries ({what}) and will not grow"]
    full = growth.bytes[-1] / max(1, size) * limit if growth.bytes else None
    reasons = [
        f"it stops at {format_count(limit)} entries ({what}), about {format_bytes(full)}; "
        f"it has {format_count(size)} now"
    ]
    if full is not None and around.limit is not None and full > around.limit:
        reasons.append(f"that is more than the memory limit of {format_bytes(around.limit)}: lower the bound")
    return reasons


def _count(growth: Growth, turns: Sequence[int]) -> _Counted | None:
    series: list[tuple[str, Sequence[int | None]]] = [
        ("items", growth.lengths),
        ("objects", growth.objects),
        ("bytes", growth.bytes),
    ]
    for what, values in series:
        known = [
            (turn, value, size)
            for turn, value, size in zip(turns, values, growth.bytes, strict=False)
            if value is not None
        ]
        if len(known) < 2:
            continue
        at, counts, sizes = (np.array(column, dtype=np.float64) for column in zip(*known, strict=True))
        order = np.flatnonzero(np.diff(at, prepend=-1.0) > 0)
        at, counts, sizes = at[order], counts[order], sizes[order]
        if len(at) < 2 or (counts.max() == counts.min() and what != "bytes"):
            continue
        counted = _Counted(what, at, counts, sizes)
        counted.steps = np.diff(counts) / np.diff(at)
        counted.start = _last_stretch(counted)
        return counted
    return None


def _last_stretch(counted: _Counted) -> int:
    """Index from which the counter rises without a rest (a rest too short to show growth does not count)."""
    overall = max(0.0, float(counted.counts[-1] - counted.counts[0])) / float(counted.at[-1] - counted.at[0])
    gaps = np.diff(counted.at)
    rests = [i for i, step in enumerate(counted.steps) if step <= 0 and overall * gaps[i] >= 1.5]
    return rests[-1] + 1 if rests else 0


def _stopped(counted: _Counted) -> bool:
    return counted.start >= len(counted.at) - 1 or bool(
        len(counted.steps) >= 3 and not counted.steps[-2:].any()
    )


def _later_to_earlier(counted: _Counted) -> float | None:
    """Rate of the later half of the rising stretch over that of the earlier half."""
    at, counts = counted.at[counted.start :], counted.counts[counted.start :]
    if len(at) < 3:
        return None
    half = float(np.interp((at[0] + at[-1]) / 2, at, counts))
    early, later = half - counts[0], counts[-1] - half
    # the mean of the last steps catches a stop that the halves smooth over
    last = float(np.mean(counted.steps[-2:])) * (at[-1] - at[0]) / 2 if len(at) >= 5 else later
    return float(min(later, last) / early) if early > 0 else None


def _fades(counted: _Counted) -> bool:
    """Tell whether each step was slower than the one before: exact counters do that by no accident."""
    steps = counted.steps[counted.start :]
    return bool(len(steps) >= 4 and np.all(np.diff(steps) < 0) and steps[-1] < STEADY * steps[0])


def _is_steady(counted: _Counted) -> bool:
    steps = counted.steps[counted.start :]
    return bool(len(steps) >= 2 and steps.min() > 0 and steps.max() <= 1.5 * steps.min())


def _is_container(growth: Growth) -> bool:
    return (
        bool(growth.lengths)
        and growth.lengths[-1] is not None
        and growth.type
        not in (
            "bytes",
            "bytearray",
            "str",
            "ndarray",
        )
    )


def _is_constant(lengths: Sequence[int | None]) -> bool:
    known = [length for length in lengths if length is not None]
    return len(known) >= 2 and len(set(known)) == 1 and known[0] > 1


def _more(turns: int) -> int:
    """How many further turns would decide: up to 20, or half as many again."""
    return max(ENOUGH_TURNS - turns, (turns + 1) // 2)


def _listed(values: Values) -> str:
    texts = [format_count(value) for value in values]
    if len(texts) > 5:
        texts = [*texts[:2], "…", *texts[-2:]]
    return ", ".join(texts)


def _times(count: int) -> str:
    return "one interval" if count == 1 else f"{count} intervals"


def _file(usage: Usage) -> str:
    return usage.source.path.rpartition("/")[2]
