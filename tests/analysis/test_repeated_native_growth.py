"""What a repeated call adds to malloc's use beyond Python's own: a block of its own per call, or a table that grew."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from described import LOOP, described, looked, loop_text

from leakhunt.findings.diagnosis import Finding
from leakhunt.repeat.levels import LEAST
from leakhunt.repeat.unheld import unheld_cases


def told(rate: float, more: str = "") -> list[Finding]:
    """The findings when malloc has `rate` bytes more in use after each call."""
    run = described(loop_text(40, lambda turn: 100_000_000) + more)
    recorded: Any = SimpleNamespace(rates={"in_use": rate}, floor=8.0, allowed=LEAST, capture=None)
    return [case.finding for case in unheld_cases(recorded, run, run.loops[LOOP], [])]


@pytest.mark.parametrize(("rate", "expected"), [(31, []), (32, ["cannot-tell"])])
def test_less_than_the_smallest_block_per_call_is_nothing_while_no_line_was_seen(
    rate: float, expected: list[str]
) -> None:
    assert [finding.verdict for finding in told(rate)] == expected


def test_a_line_that_was_seen_to_take_it_is_told_however_small() -> None:
    places = [["/app/sweep.py", 9, "parse", 16, []]]
    lines = "".join(looked("bracket", turn, meter="malloc", places=places, net=16) for turn in (20, 21))

    (finding,) = told(16, lines)

    assert finding.verdict == "leak"
