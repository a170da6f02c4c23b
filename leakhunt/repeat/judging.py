"""Judges what an inquiry recorded, by the rules of profiled loops, and says it as a diagnosis."""

from __future__ import annotations

import dataclasses

from leakhunt._version import __version__
from leakhunt.analysis.advice import advise
from leakhunt.analysis.allocation import with_allocation_sites
from leakhunt.analysis.cases import Case, worst_first
from leakhunt.analysis.gauge_findings import gauge_cases
from leakhunt.analysis.gauges import gauge_trends
from leakhunt.analysis.holder_findings import holder_cases
from leakhunt.analysis.known_leaks import with_known_leaks
from leakhunt.analysis.memory import loop_memory
from leakhunt.analysis.metered import metered_line
from leakhunt.analysis.opaque import without_explained
from leakhunt.analysis.runinfo import cost_of, loops_of, run_info
from leakhunt.findings.diagnosis import Diagnosis, Finding, Recommendation, Site, Verdict
from leakhunt.findings.losses import explained
from leakhunt.model.run import LoopTrace, Run
from leakhunt.repeat.censuses import HOME
from leakhunt.repeat.outcome import Outcome
from leakhunt.repeat.recorded import Recorded
from leakhunt.repeat.unheld import LAYERS, traced_sites, unheld_cases
from leakhunt.units import format_bytes, format_count

_WORDS = {
    "blocks": "Python's memory blocks",
    "objects": "objects",
    "in_use": "bytes in use from malloc",
    "descriptors": "open files and sockets",
    "threads": "threads",
    "resident": "resident bytes",
    "mapped": "mapped bytes",
}


def judge(recorded: Recorded) -> Outcome:
    """Return the outcome for a subject of which something rose."""
    if not recorded.confirmed:
        return _too_slow(recorded)
    if not recorded.rates:
        reason = f"Something rose at first, and stayed level over the last {recorded.calls} calls."
        return Outcome("no-leak", recorded.all_calls, recorded.lasted, reason)
    loop = recorded.loop()
    run = recorded.run(loop)
    cases = _cases(recorded, run, loop)
    verdict, reasons = _weighed(recorded, cases)
    memory = loop_memory(run, loop, gauge_trends(loop, run.tree))
    recommendations = [_told_for_tests(one) for one in advise(run, loop, cases, memory)]
    diagnosis = Diagnosis(
        leakhunt=__version__,
        run=run_info(run),
        loops=loops_of(run, loop),
        verdict=verdict,
        findings=[_with_advice(case.finding, recommendations) for case in cases],
        recommendations=recommendations,
        losses=[explained(loss.slug, loss.what, loss.count) for loss in run.losses],
        cost=cost_of(run),
        reasons=reasons,
        more_iterations=recorded.calls if verdict == "cannot-tell" else None,
        memory=memory,
    )
    return Outcome(
        verdict,
        recorded.all_calls,
        recorded.lasted,
        reasons[0],
        diagnosis,
        noise=recorded.allowed["in_use"].once,
    )


def _cases(recorded: Recorded, run: Run, loop: LoopTrace) -> list[Case]:
    gauges = gauge_trends(loop, run.tree)
    holders = holder_cases(run, loop, gauges)
    cases = without_explained(holders, gauge_cases(run, loop, gauges, holders))
    cases = [_with_seen_lines(recorded, run, loop, case) for case in _without_stacks(cases)]
    cases = with_allocation_sites(run, loop, cases)
    cases += unheld_cases(recorded, run, loop, cases)
    cases = [_without_home(case) for case in _threads_first(worst_first(cases))]
    return with_known_leaks(run, loop, cases)


def _without_stacks(cases: list[Case]) -> list[Case]:
    """Leave out memory outside the heap where threads pile up: it is their stacks."""
    if not any(_are_threads(case) for case in cases):
        return cases
    return [case for case in cases if case.finding.kind not in LAYERS and not _is_held_natively(case)]


def _is_held_natively(case: Case) -> bool:
    return case.growth is not None and case.growth.root == "native"


def _with_seen_lines(recorded: Recorded, run: Run, loop: LoopTrace, case: Case) -> Case:
    """Put what calls were seen to do in the place of what the source suggests, where no container was polled."""
    sites: list[Site] = []
    if _is_held_natively(case):
        sites = traced_sites(recorded, case.finding)
    elif _are_threads(case) and recorded.rates.get("threads") and not _was_polled(case):
        metered = metered_line(run, loop, "threads", recorded.rates["threads"])
        sites = [metered.site(None)] if metered is not None else []
    if not sites:
        return case
    return dataclasses.replace(case, finding=dataclasses.replace(case.finding, sites=sites))


def _was_polled(case: Case) -> bool:
    return any(site.source == "census" for site in case.finding.sites)


def _without_home(case: Case) -> Case:
    """Leave out the file of the module that stands for a test's fixtures: there is none."""
    finding, growth = case.finding, case.growth
    if finding.owner is None or growth is None or growth.module != HOME:
        return case
    owner = dataclasses.replace(finding.owner, file=None, line=None)
    return dataclasses.replace(case, finding=dataclasses.replace(finding, owner=owner))


def _threads_first(cases: list[Case]) -> list[Case]:
    """Threads hold what they run with: of all that grows with them they are what to look at first."""
    return sorted(cases, key=lambda case: not _are_threads(case))


def _are_threads(case: Case) -> bool:
    return case.finding.kind == "thread-growth" and case.finding.verdict == "leak"


def _weighed(recorded: Recorded, cases: list[Case]) -> tuple[Verdict, list[str]]:
    leaks = [case.finding for case in cases if case.finding.verdict == "leak"]
    if leaks:
        return "leak", [f"{finding.title}." for finding in leaks[:3]]
    undecided = [case.finding for case in cases if case.finding.verdict == "cannot-tell"]
    if undecided:
        return "cannot-tell", [_with_evidence(finding) for finding in undecided[:3]]
    if cases:
        return "no-leak", [_with_evidence(case.finding) for case in cases[:3]]
    rising = ", ".join(_rate(name, rate) for name, rate in recorded.rates.items())
    return "no-leak", [f"What rises ({rising}) is bookkeeping or within the tolerance."]


def _with_evidence(finding: Finding) -> str:
    first = finding.evidence[0] if finding.evidence else ""
    return f"{finding.title}: {first[:1].lower()}{first[1:]}" if first else f"{finding.title}."


def _rate(name: str, rate: float) -> str:
    amount = (
        format_bytes(rate, signed=True)
        if name in ("in_use", "resident", "mapped")
        else format_count(rate, signed=True)
    )
    return f"{amount} {_WORDS[name]} per call"


def _too_slow(recorded: Recorded) -> Outcome:
    rising = ", ".join(_WORDS[name] for name in recorded.rising)
    reason = (
        f"{rising[:1].upper()}{rising[1:]} rose over {recorded.all_calls} calls, which are too few to tell a leak "
        "from a cache that fills: give it more time (max_seconds) or more iterations."
    )
    return Outcome("cannot-tell", recorded.all_calls, recorded.lasted, reason)


def _told_for_tests(recommendation: Recommendation) -> Recommendation:
    if recommendation.confirm is None:
        return recommendation
    confirm = recommendation.confirm.replace("leakhunt profile ", "pytest ")
    return dataclasses.replace(recommendation, confirm=confirm)


def _with_advice(finding: Finding, recommendations: list[Recommendation]) -> Finding:
    slugs = [one.slug for one in recommendations if finding.id in one.findings]
    return dataclasses.replace(finding, advice=slugs)
