"""The line that has malloc hand out what tensors hold: no traced window sees more of them than their wrappers."""

from __future__ import annotations

import dataclasses

import pytest
from described import described, looked, loop_text

from leakhunt.analysis.allocation import with_allocation_sites
from leakhunt.analysis.cases import Case
from leakhunt.analysis.holders import Judgement
from leakhunt.findings.diagnosis import Finding, Kind, Process


def joined(kind: Kind, rate: float, net: int) -> list[tuple[int, float | None]]:
    """Lines and shares of the allocation sites of such a finding, where line 20 added `net` to malloc in two turns."""
    places = [["/app/train.py", 20, "main", net, []], ["/app/train.py", 21, "main", 300, []]]
    metered = [
        looked("bracket", turn, meter="malloc", places=places, net=net, via="settrace", complete=True)
        for turn in (20, 21)
    ]
    run = described(loop_text(40, lambda turn: 100e6 + turn * 400e3) + "".join(metered))
    finding = Finding("f1", kind, "leak", "it grows", rate, Process("main", [1]), None, [], ["It rises."], [])
    case = Case(finding, Judgement(kind, "leak", [], rate))
    loop = next(iter(run.loops.values()))
    (found,) = with_allocation_sites(run, dataclasses.replace(loop), [case])
    return [(site.line, site.share) for site in found.finding.sites if site.role == "allocation"]


def test_tensors_are_given_the_line_that_was_metered() -> None:
    assert joined("tensor-accumulation", 400_000.0, 392_000) == [(20, pytest.approx(0.98))]


@pytest.mark.parametrize(("kind", "net"), [("tensor-accumulation", 90_000), ("growing-container", 392_000)])
def test_a_line_that_adds_little_and_a_holder_of_other_things_are_not_joined(kind: Kind, net: int) -> None:
    assert joined(kind, 400_000.0, net) == []
