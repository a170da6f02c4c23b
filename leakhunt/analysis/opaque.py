"""The one holder whose items may keep memory that Python cannot see: maps, images, handles of a library.

A census sizes what Python knows: a list of a thousand memory maps weighs kilobytes. When memory outside
the heap grows and exactly one holder takes in such items at every turn, that is who holds it.
"""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.analysis.cases import Case
from leakhunt.model.run import LoopTrace
from leakhunt.units import format_count

#: Types whose memory is outside the heap by their nature.
_OUTSIDE = frozenset({"mmap.mmap", "multiprocessing.shared_memory.SharedMemory", "numpy.memmap"})
_EVERY_TURN = 0.9
_FEWEST_CENSUSES = 3


@dataclass(frozen=True, slots=True)
class Opaque:
    """The holder; `certain` when its items are of a type that is known to hold memory outside the heap."""

    case: Case
    path: str
    certain: bool
    sentence: str


def opaque_holder(holders: list[Case], loop: LoopTrace) -> Opaque | None:
    """Return the only holder that gets an item or more in every turn and weighs next to nothing."""
    light = [case for case in holders if _is_light(case)]
    outside = [case for case in light if _main_type(case) in _OUTSIDE]
    chosen = outside if len(outside) == 1 else light
    if len(chosen) != 1 or chosen[0].growth is None:
        return None
    case = chosen[0]
    path, kind = chosen[0].growth.path, _main_type(case)
    rate = format_count(case.judgement.items_rate, signed=True)
    if outside:
        return Opaque(
            case, path, True, f"{path} gets {rate} {kind} objects per iteration, which hold memory like that."
        )
    return Opaque(
        case,
        path,
        False,
        f"Only {path} gets items at that pace ({rate} per iteration); its items may hold memory that Python "
        "cannot see.",
    )


def _is_light(case: Case) -> bool:
    growth, judged = case.growth, case.judgement
    return (
        growth is not None
        and growth.noise is None
        and judged.negligible
        and (judged.items_rate or 0.0) >= _EVERY_TURN
        and len(growth.turns) >= _FEWEST_CENSUSES
    )


def _main_type(case: Case) -> str:
    contents = case.growth.contents if case.growth is not None else []
    return next((kind for kind, _, _ in contents if kind in _OUTSIDE), contents[0][0] if contents else "")


def without_explained(holders: list[Case], found: list[Case]) -> list[Case]:
    """Return all cases, less the light holders that a finding about memory outside the heap speaks for."""
    spoken_for = {case.growth.path for case in found if case.growth is not None}
    kept = [case for case in holders if case.growth is None or case.growth.path not in spoken_for]
    return kept + found
