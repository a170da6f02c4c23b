"""Joins what an allocation window recorded to the findings: where the growing memory is allocated.

Only sites that leave something behind in nearly every turn count. Growth that no holder explains
becomes native growth with a site when such sites explain it.
"""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import PurePath

from leakhunt.analysis.birthplaces import with_birthplaces
from leakhunt.analysis.births import SiteBirths, births
from leakhunt.analysis.cases import Case
from leakhunt.analysis.holder_findings import least_rate
from leakhunt.analysis.metered import metered_line
from leakhunt.analysis.stacks import is_users, user_frame, with_functions
from leakhunt.analysis.trend import ENOUGH_TURNS
from leakhunt.findings.diagnosis import Finding, Frame, Site
from leakhunt.findings.fingerprint import fingerprint
from leakhunt.model.run import Capture, LoopTrace, Run
from leakhunt.units import format_bytes

#: Sites shown per finding.
_SITES = 3
#: Sites must account for this share of unexplained growth, together, before it is pinned on them.
_ENOUGH = 0.5
_TOO_MUCH = 1.5
#: A window of fewer turns names a line, but does not make a leak of growth that nobody is seen to hold.
_TURNS_TO_BE_CERTAIN = 6
#: A site below this rate is bookkeeping.
_LEAST_RATE = 200.0
#: A site is taken for a holder's when its rate is within this part of the holder's, and the next is far smaller.
_AS_MUCH = 0.05
_FAR_LESS = 0.25
_THREADS = re.compile(r"threads running (?P<target>.+)\(\)$")
_THREADING = os.path.join(os.sep, "threading.py")


def with_allocation_sites(run: Run, loop: LoopTrace, cases: list[Case]) -> list[Case]:
    """Return the cases with the allocation sites that the windows of `loop` showed for them, latest window first."""
    cases = [_at_metered_line(run, loop, with_birthplaces(run, loop, case)) for case in cases]
    windows = [_Window(capture, _steady(run, capture)) for capture in run.captures.get(loop.id, ())]
    if not windows:
        return cases
    claimed = [[_sure(case, window) for window in windows] for case in cases]
    joined = []
    for at, case in enumerate(cases):
        others = [sites for other, sites in enumerate(claimed) if other != at]
        joined.append(_with_sites(case, loop, windows, claimed[at], others))
    return joined


@dataclass(frozen=True)
class _Window:
    capture: Capture
    steady: list[SiteBirths]


def _steady(run: Run, capture: Capture) -> list[SiteBirths]:
    """The sites that leave something behind in every turn, one per line of the user's."""
    by_line: dict[object, list[SiteBirths]] = {}
    for seen in births(capture):
        if seen.pattern == "every-turn":
            stack = with_functions(run, seen.site.stack)
            seen = dataclasses.replace(seen, site=dataclasses.replace(seen.site, stack=stack))
            by_line.setdefault(user_frame(stack) or tuple(stack), []).append(seen)
    merged = [
        dataclasses.replace(
            same[0],
            bytes_per_turn=sum(seen.bytes_per_turn for seen in same),
            born_in=max(seen.born_in for seen in same),
        )
        for same in by_line.values()
    ]
    least = min(_LEAST_RATE, least_rate(run))
    return sorted((s for s in merged if s.bytes_per_turn >= least), key=lambda s: -s.bytes_per_turn)


def _sure(case: Case, window: _Window) -> list[SiteBirths]:
    """The sites at which what this owner holds was allocated, or that allocate below the line that inserts."""
    if _is_settled(case.finding):
        return []
    held = window.capture.held.get(case.growth.key, ()) if case.growth is not None else ()
    lines = {_place(stack) for stack, _ in held}
    asked = [seen for seen in window.steady if _place(seen.site.stack) in lines]
    inserted = [site for site in case.finding.sites if site.role == "insertion"]
    return (
        asked
        or _in_threads(case, window)
        or [seen for seen in window.steady if any(_on_line(seen, site) for site in inserted)]
    )


def _in_threads(case: Case, window: _Window) -> list[SiteBirths]:
    """The sites that allocate in the threads that pile up: what these hold, no line of the loop's turns allocates."""
    named = _THREADS.match(case.growth.path) if case.growth is not None else None
    if named is None or case.finding.kind != "thread-growth":
        return []
    return [
        seen
        for seen in window.steady
        if seen.site.stack[-1][0].endswith(_THREADING)
        and any(is_users(file) and function == named["target"] for file, _, function in seen.site.stack)
    ]


def _with_sites(
    case: Case,
    loop: LoopTrace,
    windows: list[_Window],
    sure: list[list[SiteBirths]],
    others: list[list[list[SiteBirths]]],
) -> Case:
    finding = case.finding
    if _is_settled(finding) or any(site.role == "allocation" for site in finding.sites):
        return case
    if finding.kind in ("native-growth", "unexplained-growth"):
        if finding.verdict == "leak":
            return case  # a metered line or a holder has told it already
        for window in windows:
            pinned = _pinned(case, loop, window)
            if pinned is not case:
                return pinned
        return case
    inserted = [site for site in finding.sites if site.role == "insertion"]
    for at, window in enumerate(windows):
        matching = sure[at]
        if not matching:
            # What is made on one line and inserted on another at least passes through the same function.
            taken = [id(seen) for other in others for seen in other[at]]
            matching = [
                seen
                for seen in window.steady
                if id(seen) not in taken and any(_in_function(seen, site) for site in inserted)
            ]
        if matching:
            source = window.capture.source
            sites = [*finding.sites, *(_site(seen, finding, source) for seen in matching[:_SITES])]
            return dataclasses.replace(case, finding=dataclasses.replace(finding, sites=sites))
    for at, window in enumerate(windows):
        taken = [id(seen) for other in others for seen in other[at]]
        rest = [seen for seen in window.steady if id(seen) not in taken]
        if (seen := _only_one_as_large(rest, finding.bytes_per_iteration or 0.0)) is not None:
            frame = _place(seen.site.stack)
            evidence = [
                *finding.evidence,
                f"Only {PurePath(frame[0]).name}:{frame[1]} leaves behind as much as that in every recorded iteration.",
            ]
            sites = [*finding.sites, _site(seen, finding, window.capture.source)]
            return dataclasses.replace(
                case, finding=dataclasses.replace(finding, sites=sites, evidence=evidence)
            )
    return case


def _only_one_as_large(steady: list[SiteBirths], rate: float) -> SiteBirths | None:
    """The site that leaves behind per turn what a holder grows by, where no other leaves nearly as much."""
    if not steady or (len(steady) > 1 and steady[1].bytes_per_turn >= _FAR_LESS * steady[0].bytes_per_turn):
        return None
    return steady[0] if abs(steady[0].bytes_per_turn - rate) <= _AS_MUCH * rate else None


def _at_metered_line(run: Run, loop: LoopTrace, case: Case) -> Case:
    """Return a case of tensors with the line that had malloc hand out what they hold.

    No traced window sees it: what Python allocates of a tensor is its wrapper.
    """
    finding = case.finding
    if finding.kind != "tensor-accumulation" or finding.verdict == "no-leak":
        return case
    metered = metered_line(run, loop, "malloc", finding.bytes_per_iteration or 0.0)
    if metered is None:
        return case
    sites = [*finding.sites, metered.site(finding.bytes_per_iteration)]
    evidence = [*finding.evidence, metered.sentence]
    return dataclasses.replace(case, finding=dataclasses.replace(finding, sites=sites, evidence=evidence))


def _is_settled(finding: Finding) -> bool:
    return finding.verdict == "no-leak" or not finding.bytes_per_iteration


def _pinned(case: Case, loop: LoopTrace, window: _Window) -> Case:
    """Growth that nobody holds: a leak of native code when steady sites account for it over enough turns."""
    finding, steady = case.finding, window.steady
    rate = finding.bytes_per_iteration or 0.0
    explained = sum(seen.bytes_per_turn for seen in steady)
    # What leaves more behind than memory grows by is freed later: arenas of Python's allocator, buffers.
    if not steady or not _ENOUGH * rate <= explained <= _TOO_MUCH * rate:
        return case
    first = steady[0]
    frame = user_frame(first.site.stack)
    where = f"{PurePath(frame[0]).name}:{frame[1]}" if frame else "native code"
    evidence = [
        *finding.evidence,
        f"In {first.born_in} of {first.turns} recorded iterations, memory allocated at {where} was still "
        f"there at the end: {format_bytes(first.bytes_per_turn)} per iteration.",
        "No heap census found a Python object that holds it.",
    ]
    certain = (
        first.turns >= _TURNS_TO_BE_CERTAIN
        and first.born_in >= first.turns - 1
        and loop.iterations >= ENOUGH_TURNS
        and loop.kind != "comprehension"  # what it makes is kept until it is done
    )
    kept = "is never freed" if certain else "stays"
    changed = dataclasses.replace(
        finding,
        id=fingerprint("native-growth", frame[2] if frame else "", ""),
        kind="native-growth",
        verdict="leak" if certain else "cannot-tell",
        title=f"memory allocated at {where} {kept}: {format_bytes(rate, signed=True)} per iteration",
        sites=[_site(seen, finding, window.capture.source) for seen in steady[:_SITES]],
        evidence=evidence,
        confidence="medium" if certain else finding.confidence,
    )
    return dataclasses.replace(case, finding=changed)


def _on_line(seen: SiteBirths, inserted: Site) -> bool:
    return any((file, line) == (inserted.file, inserted.line) for file, line, _ in seen.site.stack)


def _in_function(seen: SiteBirths, inserted: Site) -> bool:
    name = inserted.function.rsplit(".", 1)[-1]
    return any(
        file == inserted.file and function.rsplit(".", 1)[-1] == name for file, _, function in seen.site.stack
    )


def _place(stack: list[tuple[str, int, str]]) -> tuple[str, int]:
    """The line of the user's that a stack allocates for; of a library's where there is none."""
    frame = user_frame(stack) or (stack[0] if stack else ("", 0, ""))
    return frame[0], frame[1]


def _site(seen: SiteBirths, finding: Finding, source: str) -> Site:
    frame = user_frame(seen.site.stack) or (
        seen.site.stack[0] if seen.site.stack else ("unknown", 0, "unknown")
    )
    share = seen.bytes_per_turn / finding.bytes_per_iteration if finding.bytes_per_iteration else None
    return Site(
        file=frame[0],
        line=frame[1],
        function=frame[2],
        bytes_per_iteration=seen.bytes_per_turn,
        share=min(1.0, share) if share is not None else None,
        source="tracemalloc" if source == "tracemalloc" else "memray",
        stack=[Frame(*each) for each in seen.site.stack],
        role="allocation",
    )
