"""One report of a whole session: the findings of all tests in the form of a run's diagnosis."""

from __future__ import annotations

import dataclasses
import json
import platform
import time
from typing import Any

import pytest

from leakhunt._version import __version__
from leakhunt.api import draw
from leakhunt.findings.diagnosis import Cost, Diagnosis, Finding, Loop, Recommendation, RunInfo, Verdict
from leakhunt.report.json_report import from_json, to_plain

_RANK: dict[str, int] = {"leak": 0, "cannot-tell": 1, "no-leak": 2}


def render(
    form: str, found: list[dict[str, Any]], config: pytest.Config, started: float, exit_code: int | None
) -> str:
    """Return the report of a session as "json" or "html"; the JSON lists the tests as well."""
    diagnosis = combined(found, list(config.invocation_params.args), started, exit_code)
    if form != "json":
        return draw(diagnosis, form)
    tests = [_test(one) for one in found]
    return json.dumps({**to_plain(diagnosis), "tests": tests}, indent=2, ensure_ascii=True, allow_nan=False)


def _test(one: dict[str, Any]) -> dict[str, Any]:
    diagnosis = one["diagnosis"] or {"findings": []}
    kept = {name: value for name, value in one.items() if name != "diagnosis"}
    return {**kept, "findings": [finding["id"] for finding in diagnosis["findings"]]}


def combined(
    found: list[dict[str, Any]], arguments: list[str], started: float, exit_code: int | None
) -> Diagnosis:
    """Return one diagnosis for all tests: each finding once, with the tests that it was seen in."""
    ordered = sorted(found, key=lambda one: _RANK[one["verdict"]])
    told = [(one, from_json(json.dumps(one["diagnosis"]))) for one in ordered if one["diagnosis"]]
    findings: dict[str, Finding] = {}
    seen_in: dict[str, list[str]] = {}
    recommendations: dict[tuple[str, object], Recommendation] = {}
    loops: dict[str, Loop] = {}
    for one, diagnosis in told:
        for finding in diagnosis.findings:
            known = findings.get(finding.id)
            if known is None or _RANK[finding.verdict] < _RANK[known.verdict]:
                findings[finding.id] = finding
            seen_in.setdefault(finding.id, []).append(f"{one['test']} ({one['calls']} calls)")
        for advice in diagnosis.recommendations:
            recommendations.setdefault((advice.slug, advice.where), advice)
        for loop in diagnosis.loops:
            loops.setdefault(loop.id, dataclasses.replace(loop, primary=not loops))
    verdict: Verdict = ordered[0]["verdict"] if ordered else "no-leak"
    counts = {name: sum(1 for one in found if one["verdict"] == name) for name in _RANK}
    return Diagnosis(
        leakhunt=__version__,
        run=RunInfo(
            id=f"pytest-{int(started * 1e6)}",
            target="pytest",
            argv=["pytest", *arguments],
            started=started,
            ended=time.time(),
            outcome="completed" if exit_code in (0, None) else "failed",
            exit_code=exit_code,
            signal=None,
            peak_rss=None,
            processes=1,
            python=platform.python_version(),
        ),
        loops=list(loops.values()),
        verdict=verdict,
        findings=[
            dataclasses.replace(finding, evidence=[*finding.evidence, _tests_sentence(seen_in[finding.id])])
            for finding in sorted(findings.values(), key=lambda one: _RANK[one.verdict])
        ],
        recommendations=list(recommendations.values()),
        losses=list({loss.what: loss for _, diagnosis in told for loss in diagnosis.losses}.values()),
        cost=Cost(None, None, None),
        reasons=[
            f"{len({one['test'] for one in found})} tests were repeated: {counts['leak']} grow, "
            f"{counts['cannot-tell']} cannot be told."
        ],
        memory=told[0][1].memory if told else None,
    )


def _tests_sentence(tests: list[str]) -> str:
    shown = ", ".join(tests[:3])
    more = len(tests) - 3
    return f"Seen in {shown}" + (f" and {more} more tests." if more > 0 else ".")
