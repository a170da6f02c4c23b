"""Turns heap paths that grew into findings: what grows, who holds it, where, and the evidence.

Words and numbers only: what to change is in `advice`, what it means for the run in `diagnose`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

import numpy as np

from leakhunt.analysis.cases import Case, main_process, sources_of
from leakhunt.analysis.fillers import Filler, fillers, static_site
from leakhunt.analysis.gauges import GaugeTrends
from leakhunt.analysis.holders import BYTES_FLOOR, TOTAL_FLOOR, Circumstances, Judgement, judge_holder
from leakhunt.analysis.ownername import names_in_code
from leakhunt.analysis.repeated import Repeated, repeated_in
from leakhunt.analysis.siblings import merged_siblings
from leakhunt.analysis.source import Source, Usage, read_source, usage, usage_by_class
from leakhunt.census.growth import Growth
from leakhunt.findings.diagnosis import (
    Content,
    Finding,
    Frame,
    Owner,
    Root,
    Site,
)
from leakhunt.findings.fingerprint import fingerprint
from leakhunt.model.run import Insertion, LoopTrace, Run
from leakhunt.units import format_bytes, format_count

#: More candidates than this for the line say nothing.
_MOST_CANDIDATES = 3
_ROOTS: tuple[Root, ...] = ("module", "local", "closure", "class", "generator", "thread", "garbage", "native")


def holder_cases(run: Run, loop: LoopTrace, gauges: GaugeTrends) -> list[Case]:
    """Return a case for every heap path that grew, or that grew and stopped."""
    limit = run.limits.limit if run.limits else None
    cases = []
    # Asked for what matters only: it takes parsing every file that has a loop.
    repeated = cache(lambda: _repeated(run, loop))
    compared, growths = run.growths_for(loop.id)
    for growth in merged_siblings(growths):
        if growth.root == "garbage" or _is_import(growth):
            continue  # cycles: judged together, with what the collector does
        turns = turns_of_primary(run, loop, growth, compared)
        if compared != loop.id and turns and turns[0] == turns[-1]:
            continue  # all before the loop, or after it: that is not about its turns
        rough = _rough_rate(growth, turns)
        used = owner_usage(run, loop, growth) if _may_matter(growth, rough) else None
        around = Circumstances(
            loop.iterations, loop.total, gauges.agree(rough), _grows(gauges), used, limit, least_rate(run)
        )
        judged = judge_holder(growth, turns, around)
        if growth.noise and (judged.negligible or not growth.grows):
            continue
        if judged.verdict == "no-leak" and not _may_matter(growth, rough):
            continue  # it grew a little and stopped: nobody would have asked
        finding = _holder_finding(run, loop, gauges, growth, turns, judged, used, repeated)
        cases.append(Case(finding, judged, growth, used, _own_share(growth)))
    return cases


def least_rate(run: Run) -> float:
    """Return the bytes per turn from which growth matters: what the run was told to let pass, or the usual."""
    tolerance = run.options.get("tolerance")
    return float(tolerance) if isinstance(tolerance, (int, float)) else BYTES_FLOOR


def _is_import(growth: Growth) -> bool:
    """Tell whether a module was loaded late, and that is all: what fills inside it has a path of its own."""
    return not growth.grows and (growth.type == "module" or growth.path == growth.module)


def _may_matter(growth: Growth, rough: float) -> bool:
    """Tell whether it is worth reading the source for: programs have dozens of paths that grow a little."""
    gained = growth.bytes[-1] - growth.bytes[0] if growth.bytes else 0
    return growth.noise is None and (growth.grows or rough >= BYTES_FLOOR / 4 or gained >= TOTAL_FLOOR)


def turns_of_primary(run: Run, loop: LoopTrace, growth: Growth, compared: str) -> list[int]:
    """Return the primary loop's completed turns at the censuses of `growth`, taken at turns of `compared`."""
    if compared == loop.id or not len(loop.turns):
        return list(growth.turns)
    at = {one.turns: one for one in run.checkpoints if one.arrived and one.loop == compared}
    moments = [at[turn].seconds if turn in at else np.nan for turn in growth.turns]
    return [int(turn) for turn in np.floor(np.interp(moments, loop.seconds, loop.turns))]


def owner_usage(run: Run, loop: LoopTrace, growth: Growth) -> Usage | None:
    """Return how the user's code treats the holder; None when its source cannot be read as it ran."""
    names = names_in_code(growth.path)
    first: Usage | None = None
    for source in _sources(run, loop, growth):
        within = growth.function if growth.root == "local" and source.path == growth.file else None
        for name in names:
            found = usage(source, name, function=within)
            if not found.inserts and within is not None and "  (" in growth.path:
                found = usage(source, name)  # an attribute: methods elsewhere fill it
            if found.inserts:
                return found
            first = first or found
        own = usage_by_class(source, growth.type.rpartition(".")[2])
        if own is not None and own.inserts:
            return own
    return first


def _sources(run: Run, loop: LoopTrace, growth: Growth) -> list[Source]:
    """The readable sources in which the holder may be filled, most likely first."""
    files = [
        growth.file,
        *(seen.file for seen in _insertions(run, growth)),
        loop.file,
        *(other.file for other in run.loops.values()),
    ]
    found = (read_source(file, changed_before=run.started) for file in dict.fromkeys(files) if file)
    return [source for source in found if source is not None]


def _repeated(run: Run, loop: LoopTrace) -> Repeated | None:
    return repeated_in(sources_of(run), loop.file, loop.line)


def _holder_finding(
    run: Run,
    loop: LoopTrace,
    gauges: GaugeTrends,
    growth: Growth,
    turns: list[int],
    judged: Judgement,
    used: Usage | None,
    repeated: Callable[[], Repeated | None],
) -> Finding:
    share = _own_share(growth)
    rate = judged.bytes_rate
    interval = list(judged.interval) if judged.interval else None
    matters = not judged.negligible and _may_matter(growth, rate or 0.0)
    likely = fillers(growth, used, _sources(run, loop, growth), repeated()) if matters else []
    sites = _sites(run, growth, likely, rate)
    evidence = [_sentence(reason) for reason in judged.reasons]
    evidence += _witnesses(growth, gauges, judged, sites, rate, share)
    if not sites and 1 < len(likely) <= _MOST_CANDIDATES:
        lines = [f"{_base(one.source.path)}:{one.line}" for one in likely]
        evidence.append(f"It was not seen growing; one of these lines fills it: {', '.join(lines)}.")
    return Finding(
        id=fingerprint(judged.kind, growth.key, growth.type),
        kind=judged.kind,
        verdict=judged.verdict,
        title=_title(growth, judged, rate),
        bytes_per_iteration=rate,
        process=main_process(run),
        owner=_owner(growth),
        sites=sites,
        evidence=evidence,
        advice=[],
        bytes_per_iteration_ci=interval,
        count_per_iteration=judged.items_rate,
        confidence=_confidence(judged, gauges, sites),
        points=[
            (turn, length, size)
            for turn, length, size in zip(
                turns, growth.lengths or [None] * len(turns), growth.bytes, strict=False
            )
        ],
    )


def _title(growth: Growth, judged: Judgement, rate: float | None) -> str:
    items = judged.items_rate
    name = growth.path
    if judged.negligible:
        return f"{name} grows, but only by {format_bytes(rate)} per iteration"
    if judged.verdict == "no-leak":
        what = {"sawtooth": "fills and empties", "saturating-cache": "is a cache that stops growing"}
        return f"{name} {what.get(judged.kind, 'stops growing')}"
    added = f"{format_bytes(rate, signed=True)} per iteration"
    if items is not None and items >= 0.05:
        added = f"{format_count(items, signed=True)} {'item' if 0.95 <= items < 1.05 else 'items'}, {added}"
    if judged.kind == "reference-cycle":
        return f"{growth.type} objects in cycles are never collected: {added}"
    return f"{name} grows: {added}"


def _witnesses(
    growth: Growth,
    gauges: GaugeTrends,
    judged: Judgement,
    sites: list[Site],
    rate: float | None,
    share: float,
) -> list[str]:
    said = []
    if judged.verdict != "no-leak" and rate and gauges.resident.grows and gauges.resident.rate:
        part = rate / gauges.resident.rate
        said.append(
            f"It explains {min(part, 1.0):.0%} of the process's growth of "
            f"{format_bytes(gauges.resident.rate)} per iteration."
        )
    inserted = [site for site in sites if site.role == "insertion" and site.source == "census"]
    if inserted:
        said.append(f"It was seen growing on line {inserted[0].line} of {_base(inserted[0].file)}.")
    if share < 0.95:
        said.append(
            f"{' and '.join(growth.others[:2]) or 'Another holder'} also "
            f"{'hold' if len(growth.others) > 1 else 'holds'} these objects: "
            "they are freed only when every holder lets go of them."
        )
    if growth.element is not None:
        count, size = growth.element
        which = "its newest item" if count == 1 else f"its newest {count} items"
        said.append(f"pympler sizes {which} at {format_bytes(size)} each.")
    if growth.scaled:
        said.append("Its bytes are scaled up from a sample of its items; its length is exact.")
    return said


def _confidence(
    judged: Judgement, gauges: GaugeTrends, sites: list[Site]
) -> Literal["high", "medium", "low"] | None:
    if judged.verdict != "leak":
        return None
    seen = any(site.source == "census" and site.role == "insertion" for site in sites)
    witnesses = sum(
        (gauges.resident.grows or bool(gauges.in_use and gauges.in_use.grows), seen, judged.steady, True)
    )
    return "high" if witnesses >= 3 else "medium" if witnesses == 2 else "low"


def _grows(gauges: GaugeTrends) -> bool:
    return gauges.resident.grows or bool(gauges.in_use and gauges.in_use.grows)


def _owner(growth: Growth) -> Owner:
    root: Root = next((root for root in _ROOTS if root == growth.root), "unknown")
    return Owner(
        path=growth.path,
        root=root,
        type=growth.type,
        module=growth.module,
        file=growth.file,
        line=growth.line,
        length=growth.lengths[-1] if growth.lengths else None,
        contents=[Content(*content) for content in growth.contents],
        retained_bytes=growth.shared_bytes,
        exclusive_bytes=growth.exclusive_bytes,
        others=list(growth.others),
    )


def _insertions(run: Run, growth: Growth) -> list[Insertion]:
    return [seen for seen in run.insertions if seen.path in (growth.key, growth.path)]


def _sites(run: Run, growth: Growth, likely: list[Filler], rate: float | None) -> list[Site]:
    """The lines seen to insert; without any, the only line of the source that can."""
    seen = _insertions(run, growth)
    total = sum(one.items or 0 for one in seen)
    places: dict[tuple[str, int], Site] = {}
    for one in sorted(seen, key=lambda one: -(one.items or 0)):
        share = (one.items or 0) / total if total else None
        source = read_source(one.file, changed_before=run.started)
        places.setdefault(
            (one.file, one.line),
            Site(
                one.file,
                one.line,
                one.function,
                rate * share if rate is not None and share is not None else None,
                share,
                "census",
                [Frame(*frame) for frame in one.stack],
                code=source.code(one.line) if source else None,
            ),
        )
    if places or len(likely) != 1:
        return list(places.values())
    return [static_site(likely[0], rate)]


def _own_share(growth: Growth) -> float:
    """The part of the bytes that is charged to this holder when others hold the same objects."""
    if growth.shared_bytes is None or not growth.bytes or growth.bytes[-1] <= 0 or not growth.others:
        return 1.0
    return min(1.0, max(0.1, growth.shared_bytes / growth.bytes[-1]))


def _rough_rate(growth: Growth, turns: list[int]) -> float:
    if len(turns) < 2 or turns[-1] <= turns[0]:
        return 0.0
    return (growth.bytes[-1] - growth.bytes[0]) / (turns[-1] - turns[0])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _base(path: str) -> str:
    return path.rpartition("/")[2]
