"""The experiment on one screen: a recorded run in, the whole answer out.

Chooses the loop, judges its gauges and the holders, asks for advice, weighs the verdict. Reads no
files but the user's source (as data), prints nothing.
"""

from __future__ import annotations

import dataclasses

from leakhunt._version import __version__
from leakhunt.analysis.advice import advise
from leakhunt.analysis.allocation import with_allocation_sites
from leakhunt.analysis.cases import Case, worst_first
from leakhunt.analysis.cycles import cycle_cases
from leakhunt.analysis.gauge_findings import gauge_cases
from leakhunt.analysis.gauges import LEAST_RESIDENT_RISE, GaugeTrends, gauge_trends
from leakhunt.analysis.holder_findings import holder_cases
from leakhunt.analysis.keepers import with_keepers
from leakhunt.analysis.known_leaks import with_known_leaks
from leakhunt.analysis.made_at import with_static_sites
from leakhunt.analysis.memory import forecast, loop_memory, tree_memory
from leakhunt.analysis.opaque import without_explained
from leakhunt.analysis.position import position_at_end
from leakhunt.analysis.primary import Choice, choose_primary
from leakhunt.analysis.runinfo import cost_of, loops_of, losses_of, run_info
from leakhunt.analysis.verdict import Weighed, weigh, weigh_without_loop
from leakhunt.analysis.workers import Inside, with_workers
from leakhunt.findings.diagnosis import Diagnosis, Finding, Memory, Recommendation
from leakhunt.model.run import LoopTrace, Run


def diagnose(run: Run) -> Diagnosis:
    """Return what can be said about `run`: verdict, findings, advice, and what was not seen."""
    choice = choose_primary(run)
    if choice.loop is None:
        return _without_loop(run, choice)
    found = _about(run, choice, choice.loop)
    if choice.after is not None and found.verdict != "leak":
        # What a comprehension makes is kept until it is done; what uses it afterwards is the work.
        return _about(run, dataclasses.replace(choice, loop=choice.after), choice.after)
    return found


def _about(run: Run, choice: Choice, loop: LoopTrace) -> Diagnosis:
    """Return what can be said of the turns of one loop."""
    gauges = gauge_trends(loop, run.tree, run.layers.probes)
    cases = _cases(run, loop, gauges)
    memory = loop_memory(run, loop, gauges)
    weighed = weigh(run, loop, gauges, [case.finding for case in cases], [case.judgement for case in cases])
    recommendations = advise(run, loop, cases, memory)
    return _diagnosis(
        run,
        choice,
        weighed,
        _with_advice(cases, recommendations),
        recommendations,
        memory,
        gauges=gauges,
        leaking=sum(case.charged for case in cases if case.finding.verdict == "leak"),
    )


def _cases(run: Run, loop: LoopTrace, gauges: GaugeTrends) -> list[Case]:
    holders = holder_cases(run, loop, gauges)
    holders += cycle_cases(run, loop, holders)
    counted = with_keepers(gauge_cases(run, loop, gauges, holders), holders)
    counted = with_workers(run, loop, counted, _inside)
    cases = without_explained(holders, counted)
    placed = [with_static_sites(run, case) for case in with_allocation_sites(run, loop, cases)]
    return with_known_leaks(run, loop, worst_first(placed))


def _inside(worker: Run) -> Inside | None:
    """Return what grows in a worker of the run, per turn of the loop in which it takes its tasks."""
    loop = choose_primary(worker).loop
    if loop is None:
        return None
    gauges = gauge_trends(loop, worker.tree, worker.layers.probes)
    grows = gauges.resident.grows and (gauges.resident.rise or 0.0) > LEAST_RESIDENT_RISE
    return worker, loop, _cases(worker, loop, gauges), gauges.resident.rate if grows else None


def _without_loop(run: Run, choice: Choice) -> Diagnosis:
    return _diagnosis(run, choice, weigh_without_loop(run), [], [], tree_memory(run))


def _with_advice(cases: list[Case], recommendations: list[Recommendation]) -> list[Finding]:
    found = []
    for case in cases:
        slugs = [one.slug for one in recommendations if case.finding.id in one.findings]
        found.append(dataclasses.replace(case.finding, advice=slugs))
    return found


def _diagnosis(
    run: Run,
    choice: Choice,
    weighed: Weighed,
    findings: list[Finding],
    recommendations: list[Recommendation],
    memory: Memory,
    gauges: GaugeTrends | None = None,
    leaking: float = 0.0,
) -> Diagnosis:
    exception = run.end.exception if run.end else None
    return Diagnosis(
        leakhunt=__version__,
        run=run_info(run),
        loops=loops_of(run, choice.loop),
        verdict=weighed.verdict,
        findings=findings,
        recommendations=recommendations,
        losses=losses_of(run, choice),
        cost=cost_of(run),
        forecast=forecast(
            run, choice.loop, memory, findings, grows=bool(gauges and gauges.resident.grows), leaking=leaking
        ),
        reasons=weighed.reasons,
        more_iterations=weighed.more_iterations,
        memory=memory,
        position=position_at_end(run),
        exception=exception,
    )
