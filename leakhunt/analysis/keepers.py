"""Who holds what the counters of the process show: the holder whose objects stand for it.

A socket, a map of a file or a pool of processes weighs next to nothing on the heap, so that its holder is found
growing by bytes that matter to nobody. When descriptors, mappings or processes pile up and exactly one holder takes
in objects of such types at that pace, that is who holds them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from leakhunt.analysis.cases import Case
from leakhunt.findings.diagnosis import Finding, Site
from leakhunt.units import format_bytes, format_count

_HANDLES = re.compile(
    r"(^|\.)(\w*[Ss]ocket|FileIO|Buffered\w+|TextIOWrapper|_TemporaryFileWrapper|SpooledTemporaryFile|Connection|"
    r"epoll|mmap|SharedMemory|Popen|ScandirIterator|Inotify|Selector\w*|\w+Selector|GzipFile|BZ2File|LZMAFile|"
    r"ZipFile|TarFile|NpzFile|memmap|HTTPSConnection|HTTPConnection)$"
)
_MAPS = re.compile(r"(^|\.)(mmap|memmap|SharedMemory|ShareableList)$")
_PROCESSES = re.compile(
    r"(^|\.)(\w*Process|Popen|Pool|ProcessPoolExecutor|\w*Popen|BaseManager|SyncManager)$"
)
#: A holder takes part when it gains this share of what the counter does: one object may stand for several.
_LEAST_PACE = 0.3


def with_keepers(found: list[Case], holders: list[Case]) -> list[Case]:
    """Return the findings of counters, each with the one holder that can be meant."""
    return [_with_keeper(case, holders) for case in found]


def _with_keeper(case: Case, holders: Sequence[Case]) -> Case:
    stands = _standing_for(case)
    if stands is None or case.finding.owner is not None or case.finding.verdict == "no-leak":
        return case
    keepers = [
        (one, count)
        for one in holders
        if one.growth is not None and (count := _gained(one, stands, case.finding.count_per_iteration))
    ]
    # What only the library notes for itself holds the same objects once more.
    quiet = [(one, count) for one, count in keepers if one.growth is not None and one.growth.noise is None]
    chosen = _one_of(quiet or keepers)
    if chosen is None:
        return case
    keeper, count = chosen
    return _joined(case, keeper, count)


def _standing_for(case: Case) -> re.Pattern[str] | None:
    """The types whose objects stand for what the finding counts; None for another kind of finding."""
    if case.finding.kind == "handle-growth":
        return _HANDLES
    if case.finding.kind == "process-growth":
        return _PROCESSES
    return _MAPS if case.layer in ("files", "segments", "shared", "mapped") else None


def _gained(holder: Case, stands: re.Pattern[str], pace: float | None) -> float | None:
    """Return how many such objects the holder gains per iteration; None when too few for it to be meant."""
    growth = holder.growth
    if growth is None or not growth.grows or growth.turns[-1] <= growth.turns[0]:
        return None
    counted = sum(number for kind, number in growth.kinds.items() if stands.search(kind))
    gained = holder.judgement.items_rate or 0.0
    if not counted or gained < _LEAST_PACE:
        return None
    # One object may stand for several of what is counted (a pool has a dozen descriptors), not the other way.
    per_turn = counted / growth.turns[-1]
    return per_turn if per_turn >= _LEAST_PACE and (pace is None or per_turn >= pace / 20) else None


def _one_of(keepers: list[tuple[Case, float]]) -> tuple[Case, float] | None:
    """The keeper with by far the most such objects; None when several could be meant."""
    ranked = sorted(keepers, key=lambda one: -one[1])
    if len(ranked) > 1 and ranked[1][1] > 0.5 * ranked[0][1]:
        return None
    return ranked[0] if ranked else None


def _joined(case: Case, keeper: Case, count: float) -> Case:
    finding, theirs, growth = case.finding, keeper.finding, keeper.growth
    assert growth is not None
    own = f", {format_bytes(theirs.bytes_per_iteration)} on the heap" if theirs.bytes_per_iteration else ""
    evidence = [
        *finding.evidence,
        f"{growth.path} takes in {format_count(count, signed=True)} objects that stand for them per iteration{own}.",
    ]
    return dataclasses.replace(
        case,
        finding=dataclasses.replace(
            finding, owner=theirs.owner, sites=_sites(finding, theirs), evidence=evidence
        ),
        growth=growth,
        usage=keeper.usage,
    )


def _sites(finding: Finding, theirs: Finding) -> list[Site]:
    """The holder's lines first, then the line that was metered."""
    metered = {(site.file, site.line) for site in finding.sites if site.role == "allocation"}
    kept = [
        site
        for site in theirs.sites
        if site.role != "allocation" or not metered or (site.file, site.line) in metered
    ]
    said = {(site.file, site.line, site.role) for site in kept}
    return [*kept, *(site for site in finding.sites if (site.file, site.line, site.role) not in said)]
