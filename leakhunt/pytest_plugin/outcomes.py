"""Where the outcomes of a test are kept until its report is made, and their form between processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from leakhunt.repeat.outcome import Outcome
    from leakhunt.repeat.peak import Peak

#: (what was repeated, its outcome), in the order of the test.
OUTCOMES: pytest.StashKey[list[tuple[str, Outcome]]] = pytest.StashKey()
#: The peak of the body of a test that has a budget.
PEAK: pytest.StashKey[Peak] = pytest.StashKey()


def keep(item: pytest.Item, name: str, outcome: Outcome) -> None:
    """Keep an outcome until the report of the test is made."""
    item.stash.setdefault(OUTCOMES, []).append((name, outcome))


def plain(name: str, outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as what JSON can hold."""
    from leakhunt.report.json_report import to_plain

    return {
        "subject": name,
        "verdict": outcome.verdict,
        "calls": outcome.calls,
        "seconds": round(outcome.seconds, 6),
        "reason": outcome.reason,
        "problem": outcome.problem,
        "noise": outcome.noise,
        "diagnosis": None if outcome.diagnosis is None else to_plain(outcome.diagnosis),
    }
