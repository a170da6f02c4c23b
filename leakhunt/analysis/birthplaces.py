"""Where what a holder holds was allocated: read off the objects themselves at the end of a traced window.

The census that ended the window knew of every object that was made in it both the path that holds it and the
traceback that allocated it. So a site here needs no pattern and no guess; its share is measured, and its rate is that
share of the finding's.
"""

from __future__ import annotations

import dataclasses
from pathlib import PurePath

from leakhunt.analysis.cases import Case
from leakhunt.analysis.stacks import user_frame, with_functions
from leakhunt.census.births import Birthplace
from leakhunt.findings.diagnosis import Finding, Frame, Site
from leakhunt.model.run import LoopTrace, Run

#: Sites shown, and the share of what was born that one must have to be among them.
_SITES = 3
_LEAST_SHARE = 0.1
#: What was born must be this part of what the holder gains in so many turns.
_LEAST_PART = 0.2
#: What following a loop makes is not the program's.
_OURS = "/leakhunt/capture/"


def with_birthplaces(run: Run, loop: LoopTrace, case: Case) -> Case:
    """Return the case with the lines that allocated what its holder holds; as it is, where that was not traced."""
    finding = case.finding
    if finding.verdict == "no-leak" or any(site.role == "allocation" for site in finding.sites):
        return case
    if finding.kind == "tensor-accumulation":
        return case  # what Python allocates of a tensor is its wrapper: the data, and what a graph keeps, is torch's
    births, turns = _births(run, loop, case)
    births = [place for place in births if place.stack and _OURS not in place.stack[0][0]]
    scaled = case.growth is not None and case.growth.scaled
    born = sum(place.bytes for place in births)
    if not scaled and born < _LEAST_PART * turns * (finding.bytes_per_iteration or 0.0):
        return case  # what grows was not born in the window: these are trifles
    sites = _sites(run, finding, births)
    if not sites:
        return case
    first = sites[0]
    where = f"{PurePath(first.file).name}:{first.line}"
    evidence = [
        *finding.evidence,
        f"{first.share:.0%} of what was added to it while allocations were traced was allocated at {where}.",
    ]
    changed = dataclasses.replace(finding, sites=[*finding.sites, *sites], evidence=evidence)
    return dataclasses.replace(case, finding=changed)


def _births(run: Run, loop: LoopTrace, case: Case) -> tuple[list[Birthplace], int]:
    """Where what the holder holds was allocated, and in how many turns."""
    if case.growth is not None:
        return case.growth.births, case.growth.birth_turns
    if case.finding.kind != "reference-cycle":
        return [], 0
    ended = [one for one in run.checkpoints if one.loop == loop.id and one.cycle_births]
    return (ended[-1].cycle_births, ended[-1].birth_turns) if ended else ([], 0)


def _sites(run: Run, finding: Finding, births: list[Birthplace]) -> list[Site]:
    """The lines with most of the bytes, each with the stack that had most of them."""
    total = sum(place.bytes for place in births)
    lines: dict[tuple[str, int], list[Birthplace]] = {}
    for place in births:
        frame = user_frame([(file, line, "") for file, line in place.stack])
        if frame is not None:
            lines.setdefault(frame[:2], []).append(place)
    ranked = sorted(lines.values(), key=lambda same: -sum(place.bytes for place in same))
    return [
        _site(run, finding, same, share)
        for same in ranked[:_SITES]
        if (share := sum(place.bytes for place in same) / max(1, total)) >= _LEAST_SHARE
    ]


def _site(run: Run, finding: Finding, same: list[Birthplace], share: float) -> Site:
    most = max(same, key=lambda place: place.bytes)
    stack = with_functions(run, [(file, line, "") for file, line in most.stack])
    file, line, function = user_frame(stack) or stack[0]
    rate = finding.bytes_per_iteration
    return Site(
        file=file,
        line=line,
        function=function,
        bytes_per_iteration=None if rate is None else rate * share,
        share=share,
        source="tracemalloc",
        stack=[Frame(*frame) for frame in stack],
        role="allocation",
    )
