"""Growth that no holder explains, from exact counters: memory of native code, and objects nobody names."""

from __future__ import annotations

import dataclasses
from pathlib import PurePath

from leakhunt.analysis.cases import Case, plain_case
from leakhunt.analysis.metered import Metered, metered_line
from leakhunt.analysis.stacks import user_frame
from leakhunt.analysis.trend import ENOUGH_TURNS
from leakhunt.findings.diagnosis import Finding, Frame, Site, Verdict
from leakhunt.findings.fingerprint import fingerprint
from leakhunt.model.run import AllocationSite, LoopTrace, Run
from leakhunt.repeat.lines import is_tested_file
from leakhunt.repeat.recorded import Recorded
from leakhunt.repeat.traces import TracedRates, is_steady, traced_rates
from leakhunt.units import format_bytes, format_count

#: Holders explain growth when what they gain makes this share of it.
_EXPLAINED = 0.5
_SITES = 3
#: malloc's smallest block (bytes): what rises by less per call is no block that every call keeps, and without a
#: line that was seen to take it rather a table of the interpreter that grows now and then.
_SMALLEST_BLOCK = 32.0
LAYERS = frozenset({"native-growth", "unexplained-growth", "fragmentation"})


def unheld_cases(recorded: Recorded, run: Run, loop: LoopTrace, cases: list[Case]) -> list[Case]:
    """Return cases for what the counters show and neither a holder nor another finding explains."""
    traced = traced_rates(recorded.capture) if recorded.capture is not None else None
    found = []
    native = _native(recorded, run, loop, cases, traced)
    if native is not None:
        found.append(native)
    objects = _objects(recorded, run, cases, traced)
    if objects is not None:
        found.append(objects)
    return found


# ---- native memory ----------------------------------------------------------------------------


def _native(
    recorded: Recorded, run: Run, loop: LoopTrace, cases: list[Case], traced: TracedRates | None
) -> Case | None:
    """What malloc has in use beyond what Python's own allocations and their holders make of it."""
    rate = recorded.rates.get("in_use")
    named = [case for case in cases if case.finding.verdict != "no-leak"]
    if rate is None or any(case.finding.kind in LAYERS | {"thread-growth"} for case in cases):
        return None
    rest = rate - max(traced.in_malloc if traced is not None else 0.0, sum(case.charged for case in named))
    if rest <= max(recorded.floor, recorded.allowed["in_use"].per_call, (1 - _EXPLAINED) * rate):
        return None
    metered = metered_line(run, loop, "malloc", rest)
    if named and (metered is None or metered.only_python):
        return None  # the tables and buffers of what was found already
    if metered is None and rest < _SMALLEST_BLOCK:
        return None
    evidence = [
        f"What malloc has in use rose in every part of {format_count(loop.iterations)} calls, by "
        f"{format_bytes(rest)} per call beyond what Python allocated.",
    ]
    if metered is not None:
        evidence.append(metered.sentence)
        evidence.append("No heap census found a Python object that holds it.")
    sure = metered is not None and loop.iterations >= ENOUGH_TURNS
    verdict: Verdict = "leak" if sure else "cannot-tell"
    added = f"{format_bytes(rest, signed=True)} per iteration"
    title = (
        f"memory of native code taken at {metered.place} is never given back: {added}"
        if metered is not None
        else f"memory of native code grows: {added}, line not seen"
    )
    case = plain_case(run, "native-growth", verdict, title, rest, evidence)
    return _placed(case, metered, rest)


def _placed(case: Case, metered: Metered | None, rate: float) -> Case:
    if metered is None:
        return case
    finding = dataclasses.replace(
        case.finding,
        id=fingerprint("native-growth", metered.line.function, ""),
        sites=[metered.site(rate)],
    )
    return dataclasses.replace(case, finding=finding, layer="malloc")


# ---- objects that nobody names ---------------------------------------------------------------


def _objects(recorded: Recorded, run: Run, cases: list[Case], traced: TracedRates | None) -> Case | None:
    """Objects that pile up while no holder of them was found."""
    if not {"blocks", "objects"} & set(recorded.rates):
        return None
    count = max(recorded.rates.get("blocks", 0.0), recorded.rates.get("objects", 0.0))
    rate = traced.total if traced is not None else None
    if rate is not None and rate <= recorded.floor:
        return None
    if _is_explained(recorded, cases, rate, count):
        return None
    sites = _steady_sites(recorded)
    place = _place(sites[0]) if sites else None
    evidence = [
        f"Objects rose in every part of {format_count(recorded.calls)} calls, by {format_count(count)} per call."
    ]
    if sites and recorded.capture is not None:
        stretches = len(recorded.capture.turns) - 1
        evidence.append(f"Of what {place} allocates, some stayed in each of {stretches} traced stretches.")
    if recorded.looked:
        evidence.append("No heap census found a Python object that holds them.")
    else:
        evidence.append("Too few heap censuses came back complete to say that nobody holds them.")
    sure = bool(sites) and recorded.looked and recorded.calls >= ENOUGH_TURNS
    verdict: Verdict = "leak" if sure else "cannot-tell"
    made = f" made at {place}" if place else ""
    added = f"{format_count(count, signed=True)} per iteration" + (
        f", {format_bytes(rate, signed=True)}" if rate is not None else ""
    )
    case = plain_case(
        run, "growing-type", verdict, f"objects{made} pile up: {added}", rate, evidence, count=count
    )
    finding = dataclasses.replace(
        case.finding,
        id=fingerprint("growing-type", sites[0].stack[0][2] if sites else "", ""),
        sites=traced_sites(recorded, case.finding),
    )
    return dataclasses.replace(case, finding=finding)


def traced_sites(recorded: Recorded, finding: Finding) -> list[Site]:
    """Return where tested code allocates what stays behind in every stretch, most bytes first."""
    return [_site(site, recorded, finding) for site in _steady_sites(recorded)[:_SITES]]


def _is_explained(recorded: Recorded, cases: list[Case], rate: float | None, count: float) -> bool:
    """Tell whether holders that are named, bounded or known bookkeeping gain what grows."""
    named = [case for case in cases if case.finding.verdict != "no-leak"]
    if any(
        case.growth is not None or case.finding.kind in ("thread-growth", "handle-growth") for case in named
    ):
        return True
    size = items = 0.0
    for growth in recorded.growths:
        turns = max(1, growth.turns[-1] - growth.turns[0])
        size += (growth.bytes[-1] - growth.bytes[0]) / turns
        items += (growth.objects[-1] - growth.objects[0]) / turns
    return size >= _EXPLAINED * rate if rate is not None else items >= _EXPLAINED * count


def _steady_sites(recorded: Recorded) -> list[AllocationSite]:
    """The sites of code under test that leave something behind in every stretch, most bytes first."""
    capture = recorded.capture
    if capture is None:
        return []
    found = [
        dataclasses.replace(site, stack=stack)
        for site in capture.sites
        if is_steady(site, capture) and (stack := [one for one in site.stack if is_tested_file(one[0])])
    ]
    return sorted(found, key=lambda site: -site.bytes)


def _place(site: AllocationSite) -> str:
    frame = user_frame(site.stack) or site.stack[0]
    return f"{PurePath(frame[0]).name}:{frame[1]}"


def _site(site: AllocationSite, recorded: Recorded, finding: Finding) -> Site:
    frame = user_frame(site.stack) or site.stack[0]
    calls = recorded.capture.turns[-1] if recorded.capture is not None else 1
    rate = site.bytes / max(1, calls)
    share = rate / finding.bytes_per_iteration if finding.bytes_per_iteration else None
    return Site(
        file=frame[0],
        line=frame[1],
        function=frame[2],
        bytes_per_iteration=rate,
        share=min(1.0, share) if share is not None else None,
        source="tracemalloc",
        stack=[Frame(*each) for each in site.stack],
        role="allocation",
    )
