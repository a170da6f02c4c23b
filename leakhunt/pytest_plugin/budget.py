"""Holds the body of a test to its memory budgets: the most memory that it may take at any moment."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from pathlib import PurePath
from typing import Any

import pytest

from leakhunt.pytest_plugin.marks import Budget
from leakhunt.pytest_plugin.outcomes import PEAK
from leakhunt.repeat.peak import Peak, high_water_mark
from leakhunt.units import format_bytes


class PeakUnmeasured(pytest.PytestWarning):
    """The peak of a test was not measured by memray, or not at all."""


def hold_to(item: pytest.Item, budgets: list[Budget]) -> Generator[None, Any, Any]:
    """Run the body and fail the test when it took more than the smallest of its budgets."""
    __tracebackhide__ = True
    with high_water_mark() as peak:
        result = yield
    smallest = min(budget.peak for budget in budgets)
    item.stash[PEAK] = peak
    item.user_properties.append(("memory_peak", peak.bytes))
    if peak.bytes is None:
        why = peak.why or "nothing could measure it"
        warnings.warn(PeakUnmeasured(f"{item.name}: its peak is not known ({why})"), stacklevel=2)
        return result
    if peak.bytes > smallest:
        pytest.fail(_text(item.name, peak, smallest), pytrace=False)
    return result


def _text(name: str, peak: Peak, budget: int) -> str:
    over = (peak.bytes or 0) - budget
    lines = [
        f"{name} took {format_bytes(peak.bytes)} at its peak; its budget is {format_bytes(budget)} "
        f"({format_bytes(over)} too much, measured by {peak.how})"
    ]
    if peak.why:
        lines.append(f"  memray did not measure it: {peak.why}")
    if peak.largest:
        lines.append("  at that moment, largest first:")
        for file, line, function, size in peak.largest:
            lines.append(f"    {format_bytes(size):>9}  {PurePath(file).name}:{line} in {function}")
    return "\n".join(lines)
