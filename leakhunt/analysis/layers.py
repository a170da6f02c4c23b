"""Which layer of memory grows where no holder explains it: native code, gaps, mappings, shared, files.

Asked in the order in which one explains another: what malloc has in use, what it keeps free (proved by a
trim), what is shared, what is mapped past malloc, what maps files. Each finding says which measurements
led to it; a leak needs a second witness beside the trend: a line that was metered, or a holder.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from leakhunt.analysis.cases import Case, plain_case
from leakhunt.analysis.gauges import BYTES_PER_BLOCK, LEAST_IN_USE_RISE, LEAST_RESIDENT_RISE, GaugeTrends
from leakhunt.analysis.malloc_parts import neither_part_rises, rest_rises
from leakhunt.analysis.metered import Metered, metered_line
from leakhunt.analysis.opaque import Opaque, opaque_holder
from leakhunt.analysis.open_names import Pile, piles, readings_of, shortened
from leakhunt.analysis.trend import ENOUGH_TURNS, Trend
from leakhunt.analysis.waiting import waits_for_collector
from leakhunt.findings.diagnosis import Kind, Verdict
from leakhunt.findings.fingerprint import fingerprint
from leakhunt.model.layers import Probe
from leakhunt.model.run import LoopTrace, Run
from leakhunt.units import format_bytes, format_count

#: Holders must explain this share of the process's growth, or the rest is a finding of its own.
EXPLAINED = 0.5
#: A trim that gave back this share of what resident memory rose by proves that it was free.
_PROVED = 0.5
#: Gaps are worth a finding when they make this share of the growth.
_LEAST_GAPS = 0.3
#: Small objects that make this share of the growth are what grows.
_OBJECTS = 0.2
#: A layer is the one that grows when it makes this share of the growth.
_MAIN_SHARE = 0.7
#: A holder that grows can be seen from this many censuses on.
_LOOKED = 3
_SHARED = ("shared anonymous memory", "/dev/shm/", "/memfd:", "/SYSV")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer that grows: what its finding says, before witnesses are asked."""

    kind: Kind
    what: str
    rate: float
    evidence: list[str]
    meter: str
    name: str


def layer_cases(run: Run, loop: LoopTrace, gauges: GaugeTrends, holders: list[Case]) -> list[Case]:
    """Return the findings about memory that no holder explains, worst first."""
    found = []
    gaps = _gaps(run, loop, gauges, holders)
    if gaps is not None:
        found.append(gaps)
    if gaps is None or _grows_beside_gaps(gauges):
        layer = _layer(run, loop, gauges, holders)
        if layer is not None and (gaps is None or layer.name == "malloc"):
            found.append(_witnessed(run, loop, layer, holders))
    return found + _segments(run, loop) + _mapped_files(run, loop, gauges)


def _grows_beside_gaps(gauges: GaugeTrends) -> bool:
    """Tell whether what malloc has in use grows by more than a trifle too."""
    in_use, resident = gauges.in_use, gauges.resident
    return in_use is not None and _grown(in_use) >= _LEAST_GAPS * (resident.rate or 0.0)


def _layer(run: Run, loop: LoopTrace, gauges: GaugeTrends, holders: list[Case]) -> Layer | None:
    """The layer that grows beyond what holders explain; None when none does."""
    resident, in_use = gauges.resident, gauges.in_use
    explained = _explained(holders)
    if _rises(in_use, LEAST_IN_USE_RISE) and in_use is not None and in_use.rate is not None:
        by_accident = neither_part_rises(run, loop, in_use.rate)
        if explained < EXPLAINED * in_use.rate and not by_accident:
            said = _in_use_evidence(gauges, in_use)
            if _are_objects(gauges, in_use.rate):
                return Layer("unexplained-growth", "memory", in_use.rate, said, "malloc", "malloc")
            said.append("The number of Python's own memory blocks does not rise with it.")
            return Layer("native-growth", "memory of native code", in_use.rate, said, "malloc", "malloc")
        if resident.rate is None or in_use.rate >= EXPLAINED * resident.rate:
            return None
    if not resident.rate or explained >= EXPLAINED * resident.rate:
        return None
    if not _rises(resident, _least_rise(loop, gauges, holders)):
        return None
    said = [_resident_sentence(gauges)]
    if in_use is not None:
        said.append(f"What malloc has in use {_how(in_use)}.")
    shared = gauges.shared
    if shared is not None and shared.grows and (shared.rate or 0.0) >= _MAIN_SHARE * resident.rate:
        said.append(
            f"Shared memory {shared.reason}, by {format_bytes(shared.rate)} per iteration{_named(run, loop)}."
        )
        return Layer("native-growth", "shared memory", resident.rate, said, "mapped", "shared")
    if in_use is None or _are_objects(gauges, resident.rate):
        return Layer("unexplained-growth", "memory", resident.rate, said, "mapped", "mapped")
    said += _trims(run, loop)
    mapped = gauges.mapped
    if mapped is not None and mapped.grows and (mapped.rate or 0.0) >= _MAIN_SHARE * resident.rate:
        said.append(f"The address space grows with it, by {format_bytes(mapped.rate)} per iteration.")
    elif metered_line(run, loop, "mapped", resident.rate) is None:
        return Layer("unexplained-growth", "memory", resident.rate, said, "mapped", "mapped")
    return Layer("native-growth", "memory mapped past malloc", resident.rate, said, "mapped", "mapped")


def _least_rise(loop: LoopTrace, gauges: GaugeTrends, holders: list[Case]) -> float:
    """What resident memory has to rise by: less than an arena, where the address space rises with a holder of maps.

    That is counted to the page, and an arena or a heap of malloc's would show in it as one step.
    """
    opaque, mapped = opaque_holder(holders, loop), gauges.mapped
    if opaque is None or not opaque.certain or mapped is None or not mapped.grows:
        return LEAST_RESIDENT_RISE
    by_maps = (mapped.rate or 0.0) >= _MAIN_SHARE * (gauges.resident.rate or 0.0)
    return LEAST_IN_USE_RISE if by_maps else LEAST_RESIDENT_RISE


def _witnessed(run: Run, loop: LoopTrace, layer: Layer, holders: list[Case]) -> Case:
    """The layer's finding: a leak when a line was metered or one holder can be meant, else undecided."""
    long_enough = loop.iterations >= ENOUGH_TURNS
    looked = sum(1 for one in run.checkpoints if one.arrived) >= _LOOKED
    rate = format_bytes(layer.rate, signed=True)
    metered = metered_line(run, loop, layer.meter, layer.rate)
    opaque = opaque_holder(holders, loop)
    held = layer.name == "malloc" and rest_rises(run, loop, layer.rate) is False
    evidence = list(layer.evidence)
    waiting = waits_for_collector(run, loop, layer.rate) if layer.name == "malloc" else None
    if waiting == "explains":
        return _collected_later(run, layer, evidence)
    if (
        layer.name == "mapped"
        and layer.kind == "native-growth"
        and metered is not None
        and metered.only_python
    ):
        return _arenas(run, layer, [*evidence, metered.sentence])
    if metered is not None:
        evidence.append(metered.sentence)
    if opaque is not None:
        evidence.append(opaque.sentence)
    elif held:
        evidence.append(
            "Python objects hold as much more of it at the censuses: it is not native code that keeps it."
        )
    elif metered is not None and looked:
        evidence.append("No heap census found a Python object that holds it.")
    elif metered is not None:
        evidence.append("Too few heap censuses came back to say that no Python object holds it.")
    if waiting is not None:
        evidence.append(
            "More and more objects in cycles wait for the collector, and may keep it until they are freed."
        )
    building = loop.kind == "comprehension" and (opaque is None or not opaque.certain)
    if building:
        evidence.append("The loop is a comprehension: what it makes is kept until it is done.")
    witness = (metered is not None and looked and not building and not held and waiting is None) or (
        opaque is not None and opaque.certain
    )
    verdict: Verdict = "leak" if long_enough and witness else "cannot-tell"
    kind: Kind = "native-growth" if metered is not None or opaque is not None else layer.kind
    if opaque is not None and opaque.certain:
        title = f"{opaque.path} keeps {layer.what} outside the Python heap: {rate} per iteration"
    elif metered is not None:
        title = f"{layer.what} taken at {metered.place} is never given back: {rate} per iteration"
    else:
        title = f"{layer.what} grows by {format_bytes(layer.rate)} per iteration, holder not seen"
    case = plain_case(run, kind, verdict, title, layer.rate, evidence)
    return _placed(case, layer, metered, opaque)


def _arenas(run: Run, layer: Layer, evidence: list[str]) -> Case:
    """Growth by a line that calls nothing but Python itself, which maps memory for small objects only."""
    evidence.append(
        "It calls nothing but Python's own types, and their number of blocks does not rise with it: what grows "
        "is arenas that a few objects keep from being given back."
    )
    title = "memory is fragmented: free gaps grow, not data"
    return plain_case(run, "fragmentation", "no-leak", title, layer.rate, evidence)


def _collected_later(run: Run, layer: Layer, evidence: list[str]) -> Case:
    """Growth that the collector ends whenever it comes."""
    evidence.append(
        "From census to census it rises and falls with the number of objects in cycles that wait for the collector."
    )
    title = f"{layer.what} rises until the collector runs: objects in cycles keep it"
    return plain_case(run, layer.kind, "no-leak", title, layer.rate, evidence)


def _placed(case: Case, layer: Layer, metered: Metered | None, opaque: Opaque | None) -> Case:
    finding = case.finding
    sites = [metered.site(layer.rate)] if metered is not None else []
    if opaque is not None and opaque.certain:
        sites = [*opaque.case.finding.sites, *sites]
    where = (
        metered.line.function if metered is not None else opaque.path if opaque is not None else layer.what
    )
    return dataclasses.replace(
        case,
        layer=layer.name,
        finding=dataclasses.replace(
            finding,
            id=fingerprint(finding.kind, where, ""),
            sites=sites,
            owner=opaque.case.finding.owner if opaque is not None and opaque.certain else None,
            count_per_iteration=opaque.case.judgement.items_rate if opaque is not None else None,
        ),
        growth=opaque.case.growth if opaque is not None and opaque.certain else None,
        usage=opaque.case.usage if opaque is not None and opaque.certain else None,
    )


def _gaps(run: Run, loop: LoopTrace, gauges: GaugeTrends, holders: list[Case]) -> Case | None:
    """Resident memory that rises because malloc keeps what was freed: no leak, proved by a trim where made."""
    resident, in_use = gauges.resident, gauges.in_use
    if not _rises(resident, LEAST_RESIDENT_RISE) or not resident.rate or resident.rise is None:
        return None
    if in_use is None:
        return None
    # What holders keep is in use, or else in arenas of Python's own.
    beyond = resident.rate - max(_explained(holders), _grown(in_use))
    if beyond < _LEAST_GAPS * resident.rate:
        return None
    rise = resident.rise * beyond / resident.rate
    evidence = [_resident_sentence(gauges), f"What malloc has in use {_how(in_use)}."]
    probes = [probe for probe in run.layers.probes if probe.loop == loop.id and probe.given_back is not None]
    if probes:
        best = max(probes, key=lambda probe: probe.given_back or 0)
        if (best.given_back or 0) < _PROVED * rise:
            return None
        evidence.append(_trim_sentence(best))
    elif (
        _are_objects(gauges, resident.rate)
        or gauges.free is None
        or (gauges.free.rise or 0) <= _PROVED * rise
    ):
        return None
    else:
        evidence.append("What malloc keeps free grows with it: gaps between live blocks.")
    title = "memory is fragmented: free gaps grow, not data"
    return plain_case(run, "fragmentation", "no-leak", title, beyond, evidence)


def _segments(run: Run, loop: LoopTrace) -> list[Case]:
    """Files in /dev/shm that pile up: shared memory that outlives the program unless it is unlinked."""
    found = piles(readings_of(run, loop), lambda one: one.segments)
    if not found or loop.iterations < ENOUGH_TURNS:
        return []
    rate, size = sum(pile.rate for pile in found), sum(pile.resident_rate for pile in found)
    metered = metered_line(run, loop, "segments", rate)
    names = ", ".join(f"/dev/shm/{pile.name}" for pile in found[:3])
    evidence = [
        f"{format_count(sum(pile.last for pile in found))} segments made since the program began were there at "
        f"the last reading ({names}), more at every reading.",
        "They take the machine's memory until somebody unlinks them.",
        metered.sentence if metered else "Another program of the same user may have made them.",
    ]
    added = f"{format_count(rate, signed=True)}, {format_bytes(size, signed=True)} per iteration"
    title = f"shared memory segments pile up in /dev/shm: {added}"
    case = plain_case(
        run, "native-growth", "leak" if metered else "cannot-tell", title, size, evidence, count=rate
    )
    return [_named_case(case, "segments", "shared memory segments", metered, None)]


def _mapped_files(run: Run, loop: LoopTrace, gauges: GaugeTrends) -> list[Case]:
    """Mappings of ever more files. Reading on in one mapped file is none: its pages can be dropped any time."""
    if loop.iterations < ENOUGH_TURNS:
        return []
    found = [
        pile
        for pile in piles(readings_of(run, loop), lambda one: one.maps)
        if pile.name.startswith("/") and not pile.name.startswith(_SHARED) and pile.bytes_rate > 0
    ]
    if not found:
        return []
    rate, size = sum(pile.rate for pile in found), sum(pile.bytes_rate for pile in found)
    metered = metered_line(run, loop, "mapped", size)
    names = ", ".join(shortened(pile.name, run.cwd) for pile in found[:3])
    evidence = [
        f"{format_count(sum(pile.last for pile in found))} mappings of files like {names} were open at the last "
        "reading, more at every reading."
    ]
    if gauges.file is not None and gauges.file.grows:
        evidence.append(f"Resident pages of files grow by {format_bytes(gauges.file.rate)} per iteration.")
    if metered is not None:
        evidence.append(metered.sentence)
    added = f"{format_count(rate, signed=True)}, {format_bytes(size, signed=True)} mapped per iteration"
    title = f"mapped files pile up: {added}"
    verdict: Verdict = "leak" if metered is not None else "cannot-tell"
    case = plain_case(run, "native-growth", verdict, title, size, evidence, count=rate)
    return [_named_case(case, "files", "mapped files", metered, size)]


def _named_case(case: Case, layer: str, what: str, metered: Metered | None, rate: float | None) -> Case:
    sites = [metered.site(rate)] if metered is not None else []
    where = f"{what} {metered.line.function}" if metered is not None else what
    finding = dataclasses.replace(case.finding, id=fingerprint(case.finding.kind, where, ""), sites=sites)
    return dataclasses.replace(case, finding=finding, layer=layer)


def _explained(holders: list[Case]) -> float:
    named = [case for case in holders if case.finding.verdict != "no-leak" or not case.judgement.negligible]
    return sum(case.charged for case in named)


def _are_objects(gauges: GaugeTrends, rate: float) -> bool:
    """Tell whether more small objects of Python's make up a good part of the growth."""
    blocks = gauges.blocks
    return blocks is not None and blocks.grows and (blocks.rate or 0.0) * BYTES_PER_BLOCK >= _OBJECTS * rate


def _rises(trend: Trend | None, least: float) -> bool:
    return trend is not None and trend.grows and (trend.rise or 0) > least


def _grown(trend: Trend) -> float:
    return trend.rate or 0.0 if trend.grows else 0.0


def _in_use_evidence(gauges: GaugeTrends, in_use: Trend) -> list[str]:
    first = f"What malloc has in use {in_use.reason}."
    return [
        _resident_sentence(gauges) if gauges.resident.grows else first,
        f"Per iteration: {format_bytes(in_use.rate)} more in use from malloc, "
        f"{format_bytes(gauges.resident.rate)} more resident.",
    ]


def _resident_sentence(gauges: GaugeTrends) -> str:
    return f"Resident memory {gauges.resident.reason}, by {format_bytes(gauges.resident.rate)} per iteration."


def _how(trend: Trend) -> str:
    return f"rises by {format_bytes(trend.rate)} per iteration" if trend.grows else "stays level"


def _trims(run: Run, loop: LoopTrace) -> list[str]:
    return [_trim_sentence(probe) for probe in run.layers.probes if probe.loop == loop.id and probe.resident][
        -1:
    ]


def _trim_sentence(probe: Probe) -> str:
    return (
        f"malloc_trim gave back {format_bytes(max(0, probe.given_back or 0))} of "
        f"{format_bytes(probe.resident[0] if probe.resident else None)} at turn {probe.turns}."
    )


def _named(run: Run, loop: LoopTrace) -> str:
    """The mappings that grow, in brackets; nothing when none was seen to."""
    readings = [one for one in readings_of(run, loop) if one.maps]
    if len(readings) < 2:
        return ""
    first, last = readings[0].maps or {}, readings[-1].maps or {}
    turns = max(1, readings[-1].turns - readings[0].turns)
    grown = [
        Pile(name, 0.0, group[0], 0.0, (group[2] - first.get(name, (0, 0, 0))[2]) / turns)
        for name, group in last.items()
        if name.startswith(_SHARED)
    ]
    names = [
        pile.name for pile in sorted(grown, key=lambda pile: -pile.resident_rate) if pile.resident_rate > 0
    ]
    return f" ({', '.join(names[:2])})" if names else ""
