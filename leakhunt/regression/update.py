"""Writes what was measured into a baseline, and explains in sentences what that changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import replace

from leakhunt.regression.baseline import Accepted, Baseline, Known, Recorded
from leakhunt.regression.compare import compare_sides
from leakhunt.regression.judge import MEASURES
from leakhunt.regression.measures import Measured


def updated(
    baseline: Baseline,
    target: str,
    environment: str,
    now: Measured,
    *,
    today: dt.date,
    packages: dict[str, str],
    until: dt.date | None = None,
) -> tuple[Baseline, list[str]]:
    """Return the baseline with the levels of `now`, its leaks accepted (up to `until`), and what that changes.

    What was accepted before keeps its own date and reason; what is gone is no longer accepted.
    """
    known = baseline.of(target)
    earlier = known.environments.get(environment)
    accepted, changes = accepting(known, now, today=today, until=until)
    recorded = Recorded(
        today, now.python, now.runs, now.iterations, now.verdict, now.levels, now.findings, packages
    )
    changed = replace(known, environments={**known.environments, environment: recorded}, accepted=accepted)
    return baseline.having(target, changed), [*_explained(earlier, target, now, environment), *changes]


def accepting(
    known: Known, now: Measured, *, today: dt.date, until: dt.date | None, elsewhere: Collection[str] = ()
) -> tuple[dict[str, Accepted], list[str]]:
    """Return what is accepted once the leaks of `now` are, and what that changes.

    `elsewhere`: leaks of other environments, which stay accepted although they are not seen in this one.
    """
    accepted = {
        id_: known.accepted.get(id_) or Accepted(found.title, until)
        for id_, found in now.findings.items()
        if found.leak
    }
    if until is not None:  # a new date was asked for: what has expired, or never would, gets it
        accepted = {
            id_: one if one.until and one.holds(today) else replace(one, until=until)
            for id_, one in accepted.items()
        }
    accepted |= {id_: one for id_, one in known.accepted.items() if id_ in elsewhere and id_ not in accepted}
    said = [
        f"accepted from now on: {one.title}{until_when(one)}"
        for id_, one in accepted.items()
        if id_ not in known.accepted
    ]
    said += [
        f"no longer needed: {one.title} is gone" for id_, one in known.accepted.items() if id_ not in accepted
    ]
    return accepted, said


def _explained(earlier: Recorded | None, target: str, now: Measured, environment: str) -> list[str]:
    if earlier is None:
        return [
            f"new for {environment}: {measure.words} {measure.in_words(middle)}"
            for measure in MEASURES
            if (middle := now.levels[measure.name].middle) is not None
        ]
    comparison = compare_sides(earlier.as_side(target), now, ("baseline", "now"))
    words = {measure.name: measure.words for measure in MEASURES}
    said = [
        f"{words[one.measure]}: {one.reason}"
        for one in comparison.changes
        if one.standing in ("worse", "better")
    ]
    said += [f"{one.standing}: {one.title}" for one in comparison.findings if one.standing != "same"]
    return said or ["nothing that matters changed; the levels of today's runs replace the old ones"]


def until_when(accepted: Accepted) -> str:
    """Return up to when it is accepted, in brackets; nothing where that has no end."""
    return f" (until {accepted.until.isoformat()})" if accepted.until else ""
