"""Diagnoses made by hand, one per kind of answer, that the golden files and the other tests draw.

The numbers of a case fit together (items x size = bytes, start + growth x iterations = end), so
that a person who reads a golden report can check it.
"""

from hostile_case import HOSTILE, hostile
from leak_cases import leaking_sweep, many_findings, replay_buffer
from other_cases import cannot_tell, clean, killed_run, no_loop, saturating_cache

__all__ = ["CASES", "HOSTILE", "cannot_tell", "clean", "hostile", "leaking_sweep", "many_findings"]

CASES = {
    case.__name__.replace("_", "-"): case
    for case in (
        leaking_sweep,
        replay_buffer,
        clean,
        saturating_cache,
        cannot_tell,
        killed_run,
        hostile,
        no_loop,
        many_findings,
    )
}
