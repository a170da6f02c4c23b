"""Weighs findings and trends into the one verdict about the run, with the reasons as sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leakhunt.analysis.gauges import LEAST_RESIDENT_RISE, RESIDENT_FLOOR, GaugeTrends
from leakhunt.analysis.holders import Judgement
from leakhunt.analysis.trend import ENOUGH_TURNS, FEWEST_TURNS, judge_series
from leakhunt.findings.diagnosis import Finding, Verdict
from leakhunt.model.run import LoopTrace, Run
from leakhunt.units import format_bytes, format_count, format_seconds

_LOOKED = 3
#: A rest of the run of this share that left no record may have been anything.
_UNSEEN_REST = 0.1


@dataclass(frozen=True, slots=True)
class Weighed:
    verdict: Verdict
    reasons: list[str]
    more_iterations: int | None = None


def weigh(
    run: Run, loop: LoopTrace, gauges: GaugeTrends, findings: list[Finding], judgements: list[Judgement]
) -> Weighed:
    """Return the verdict about the run: a leak if any finding is one, undecided if any is, else none."""
    leaks = [finding for finding in findings if finding.verdict == "leak"]
    undecided = [finding for finding in findings if finding.verdict == "cannot-tell"]
    if leaks:
        growth = _memory_sentence(gauges) if gauges.resident.grows else []
        return Weighed("leak", [f"{finding.title}." for finding in leaks[:3]] + growth)
    more = [
        judged.more_turns for judged in judgements if judged.verdict == "cannot-tell" and judged.more_turns
    ]
    if loop.iterations < FEWEST_TURNS:
        reason = (
            f"Only {_turns(loop.iterations)} of the loop on line {loop.line} completed: too few to compare."
        )
        return Weighed("cannot-tell", [reason], ENOUGH_TURNS - loop.iterations)
    if undecided:
        reasons = [
            f"{finding.title}: {_first_word_small(finding.evidence[0])}"
            if finding.evidence
            else f"{finding.title}."
            for finding in undecided[:3]
        ]
        return Weighed("cannot-tell", reasons, max(more, default=_more(loop.iterations)))
    return _with_unseen(_nothing_found(run, loop, gauges, findings), run)


def _with_unseen(weighed: Weighed, run: Run) -> Weighed:
    """Say what was not seen where records were lost for want of room; nothing can be said of a long rest."""
    if weighed.verdict != "no-leak" or all(loss.slug != "journal-full" for loss in run.losses):
        return weighed
    looked = [loop.seconds for loop in run.loops.values()] or [run.tree.seconds]
    seen = max((float(seconds[-1]) for seconds in looked if len(seconds)), default=0.0)
    reason = "Records were lost because the disk was full: not all of the run was seen."
    if run.seconds is not None and run.seconds - seen > _UNSEEN_REST * run.seconds:
        reason = (
            f"Records were lost because the disk was full: nothing was seen after {format_seconds(seen)}."
        )
        return Weighed("cannot-tell", [reason, *weighed.reasons])
    return Weighed("no-leak", [*weighed.reasons, reason], weighed.more_iterations)


def _nothing_found(run: Run, loop: LoopTrace, gauges: GaugeTrends, findings: list[Finding]) -> Weighed:
    censuses = sum(1 for one in run.checkpoints if one.arrived)
    resident = gauges.resident
    if resident.shape == "too-short":
        reason = f"Memory was measured at {resident.points} boundaries only."
        return Weighed("cannot-tell", [reason], _more(loop.iterations))
    still = _still_until(run, loop)
    if censuses < _LOOKED and resident.points < ENOUGH_TURNS and not still:
        reason = (
            f"Memory was measured at {resident.points} boundaries and in {censuses} heap censuses: "
            "too little to say that nothing leaks."
        )
        return Weighed("cannot-tell", [reason], _more(loop.iterations))
    shown = [finding for finding in findings if finding.kind != "fragmentation"]
    reasons = _memory_sentence(gauges, found_nothing=True)
    if censuses >= 2:
        said = "no path grew" if not shown else "what grew stops or is negligible"
        reasons.append(f"{censuses} heap censuses, {said}.")
    if still:
        reasons.append(
            f"Up to iteration {still}, malloc's use and the number of Python's memory blocks stood still, so that "
            "no further heap census was needed."
        )
    elif censuses < 2:
        reasons.append("No heap censuses to compare: this rests on the process's memory alone.")
    reasons += [f"{finding.title}." for finding in findings[:3]]
    if resident.grows and censuses < _LOOKED and (resident.rise or 0) > LEAST_RESIDENT_RISE and not shown:
        return Weighed("cannot-tell", reasons, _more(loop.iterations))
    return Weighed("no-leak", reasons)


def _still_until(run: Run, loop: LoopTrace) -> int | None:
    """The last turn at which a census was spared because nothing had changed since the one before.

    None where it was taken after all, later: then something had changed.
    """
    turns = [
        detail["turns"]
        for _, kind, detail in run.events
        if kind == "heap-still" and isinstance(detail, dict) and detail.get("loop") == loop.id
    ]
    still = max((turn for turn in turns if isinstance(turn, int)), default=None)
    taken = max((one.turns for one in run.checkpoints if one.arrived and one.loop == loop.id), default=0)
    return still if still is not None and still > taken else None


def _memory_sentence(gauges: GaugeTrends, *, found_nothing: bool = False) -> list[str]:
    trend = gauges.resident
    if trend.shape == "too-short" or trend.rate is None:
        return []
    span = f"iterations {trend.first} to {trend.first + max(0, trend.turns - trend.first)}"
    if trend.grows:
        small = found_nothing and (trend.rise or 0) <= LEAST_RESIDENT_RISE
        text = f"Resident memory rose by {format_bytes(trend.rise)} over {span}" + (
            ", which is within one step of the allocator."
            if small
            else f", {format_bytes(trend.rate)} per iteration."
        )
        if gauges.in_use is not None and not gauges.in_use.grows:
            text = f"{text[:-1]}; what malloc has in use stays level."
        return [text]
    if trend.swing is not None and trend.swing[1] > LEAST_RESIDENT_RISE:
        period, amplitude = trend.swing
        return [f"Resident memory falls back by {format_bytes(amplitude)} every {period:.0f} iterations."]
    within = format_bytes(trend.span)
    shape = {
        "saturating": "rose ever more slowly",
        "step": "rose once and stayed level",
        "warm-up": f"rose during the first {trend.first} iterations only",
    }.get(trend.shape, "stayed flat")
    return [f"Resident memory {shape}, within {within} over {span}."]


def weigh_without_loop(run: Run) -> Weighed:
    """Return the verdict when no loop was followed: flat over time is no leak, anything else unknown."""
    seconds, rss = run.tree.seconds, run.tree.tree_rss
    known = np.isfinite(rss)
    seconds, rss = seconds[known], rss[known]
    if len(rss) < ENOUGH_TURNS:
        return Weighed("cannot-tell", ["No loop was followed, and memory was sampled for too short a time."])
    steps = np.arange(len(rss), dtype=np.float64)
    trend = judge_series(steps, rss, floor=RESIDENT_FLOOR)
    duration = float(seconds[-1] - seconds[0])
    if trend.grows or trend.shape in ("noise", "saturating", "step"):
        rise = format_bytes(trend.rise)
        return Weighed(
            "cannot-tell",
            [
                f"No loop was followed; over {duration:.1f} s the process tree's memory "
                f"{trend.reason} ({rise})."
            ],
        )
    return _with_unseen(
        Weighed(
            "no-leak",
            [f"No loop was followed; over {duration:.1f} s the process tree's memory {trend.reason}."],
        ),
        run,
    )


def _more(turns: int) -> int:
    return max(ENOUGH_TURNS - turns, (turns + 1) // 2)


def _turns(count: int) -> str:
    return "1 iteration" if count == 1 else f"{format_count(count)} iterations"


def _first_word_small(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
