"""Turns an outcome into what pytest shows: a failure with its whole story, or a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from leakhunt.repeat.outcome import Outcome

_WIDTH = 96


class GrowthUndecided(pytest.PytestWarning):
    """It could not be told whether a test leaves more behind each time."""


def failure_text(name: str, outcome: Outcome) -> str:
    """Return why it fails, readable in a terminal."""
    if outcome.diagnosis is None:
        return f"leakhunt cannot tell whether {name} grows: {outcome.reason}"
    from leakhunt.report.terminal import growth_text

    word = "grows" if outcome.verdict == "leak" else "may grow"
    head = f"{name} {word}: {outcome.calls} calls in {outcome.seconds:.1f} s"
    return f"{head}\n{growth_text(outcome.diagnosis, width=_WIDTH)}"


def settle(item: pytest.Item, name: str, outcome: Outcome, *, strict: bool, shows_line: bool) -> None:
    """Fail the running test for a leak; for `cannot-tell` warn, or fail where it is strict.

    A leak that the baseline accepts passes, if one was given.

    `shows_line`: the line that asked for it is worth showing.
    """
    __tracebackhide__ = True
    refused = ""
    baseline: Any = item.config.pluginmanager.get_plugin("leakhunt-baseline")
    if outcome.verdict == "leak" and baseline is not None:
        reasons = baseline.refusal(item, outcome)
        if not reasons:
            return
        refused = "".join(f"\n{reason}" for reason in reasons)
    if outcome.verdict == "leak" or (outcome.verdict == "cannot-tell" and strict):
        pytest.fail(failure_text(name, outcome) + refused, pytrace=shows_line)
    if outcome.verdict == "cannot-tell":
        item.warn(GrowthUndecided(f"{name}: {outcome.problem or outcome.reason}"))
