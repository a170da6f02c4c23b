"""Findings from gauges: files, sockets, threads, children and GPU; and the layer that grows without a holder."""

from __future__ import annotations

import dataclasses

from leakhunt.analysis.cases import Case, plain_case
from leakhunt.analysis.gauges import LEAST_RESIDENT_RISE, GaugeTrends, exact_growth
from leakhunt.analysis.layers import layer_cases
from leakhunt.analysis.metered import Metered, metered_line
from leakhunt.analysis.open_names import descriptor_names, piles, readings_of, thread_names
from leakhunt.analysis.trend import Trend
from leakhunt.analysis.workers import CHILDREN
from leakhunt.findings.diagnosis import Kind, Process, Verdict
from leakhunt.model.run import LoopTrace, Run
from leakhunt.units import format_bytes, format_count

#: A holder explains growth of another layer when its own makes this share of it.
_EXPLAINED = 0.5


def gauge_cases(run: Run, loop: LoopTrace, gauges: GaugeTrends, holders: list[Case]) -> list[Case]:
    """Return cases for what the gauges show and no holder explains."""
    found = _handles(run, loop, holders) + _threads(run, loop, holders)
    found += _child_cases(run, loop, gauges)
    found += _gpu(run, gauges, holders)
    return found + layer_cases(run, loop, gauges, holders)


def _handles(run: Run, loop: LoopTrace, holders: list[Case]) -> list[Case]:
    grown = exact_growth(loop, "fds")
    if grown is None or _is_found("handle-growth", holders):
        return []
    named = piles(readings_of(run, loop), lambda one: one.descriptors)
    names = descriptor_names(named, run.cwd)
    what = _handles_called([pile.name for pile in named])
    return [_counter_case(run, loop, "handle-growth", what, "descriptors", grown, names)]


def _handles_called(names: list[str]) -> str:
    """What piles up in one word, where it is of one sort."""
    if names and all(name.startswith("/") for name in names):
        return "open files"
    if names and all("socket" in name for name in names):
        return "open sockets"
    return "open pipes" if names == ["pipe"] else "open files and sockets"


def _threads(run: Run, loop: LoopTrace, holders: list[Case]) -> list[Case]:
    grown = exact_growth(loop, "threads")
    if grown is None or _is_found("thread-growth", holders):
        return []
    names = thread_names(piles(readings_of(run, loop), lambda one: one.threads))
    return [_counter_case(run, loop, "thread-growth", "threads", "threads", grown, names)]


def _is_found(kind: Kind, holders: list[Case]) -> bool:
    return any(case.finding.kind == kind and case.finding.verdict == "leak" for case in holders)


def _counter_case(
    run: Run,
    loop: LoopTrace,
    kind: Kind,
    what: str,
    meter: str,
    grown: tuple[float, int, int],
    names: str | None,
) -> Case:
    rate, first, last = grown
    title = f"{what} pile up: {format_count(rate, signed=True)} per iteration"
    evidence = [f"{what.capitalize()} rose from {first} to {last}, in every part of the run to its end."]
    if names:
        evidence.append(f"At the last reading there were {names}, more at every reading.")
    metered = metered_line(run, loop, meter, rate)
    if metered is not None:
        evidence.append(metered.sentence)
    return _at_line(plain_case(run, kind, "leak", title, None, evidence, count=rate), metered)


def _at_line(case: Case, metered: Metered | None) -> Case:
    if metered is None:
        return case
    sites = [metered.site(None)]
    return dataclasses.replace(
        case, finding=dataclasses.replace(case.finding, sites=sites, confidence="high")
    )


def _gpu(run: Run, gauges: GaugeTrends, holders: list[Case]) -> list[Case]:
    """GPU memory: tensors that are held, or only the allocator's own store of free blocks."""
    allocated, reserved = gauges.gpu, gauges.gpu_reserved
    if allocated is None:
        return []
    kept = (
        ""
        if reserved is None or reserved.rate is None
        else (f" What it has reserved on the device {_moves(reserved)}.")
    )
    if allocated.grows and allocated.rate:
        tensors = sum(case.charged for case in holders if case.finding.kind == "tensor-accumulation")
        if tensors >= _EXPLAINED * allocated.rate:
            return []
        verdict: Verdict = "leak" if allocated.is_long_enough else "cannot-tell"
        title = f"memory allocated on the GPU grows by {format_bytes(allocated.rate)} per iteration"
        evidence = [f"What the allocator has handed out {allocated.reason}: tensors that are held.{kept}"]
        return [plain_case(run, "gpu-growth", verdict, title, allocated.rate, evidence)]
    if reserved is not None and reserved.grows and (reserved.rise or 0) > LEAST_RESIDENT_RISE:
        title = "the GPU allocator keeps more memory in reserve, tensors do not grow"
        evidence = [f"What it has handed out to tensors {allocated.reason}.{kept}"]
        return [plain_case(run, "gpu-growth", "no-leak", title, reserved.rate, evidence)]
    return []


def _moves(trend: Trend) -> str:
    return f"grows by {format_bytes(trend.rate)} per iteration" if trend.grows else trend.reason


def _child_cases(run: Run, loop: LoopTrace, gauges: GaugeTrends) -> list[Case]:
    memory, count = gauges.children, gauges.child_count
    process = Process("children", [seen.pid for seen in run.processes if seen.role != "main"])
    rate = memory.rate if memory else None
    grown = exact_growth(loop, "processes")
    if grown is not None:
        case = _counter_case(run, loop, "process-growth", "child processes", "processes", grown, None)
        finding = dataclasses.replace(case.finding, process=process, bytes_per_iteration=rate)
        return [dataclasses.replace(case, finding=finding)]
    if count is not None and count.grows and count.is_long_enough:
        title = f"child processes pile up: {format_count(count.rate, signed=True)} per iteration"
        evidence = [f"The number of child processes {count.reason}."]
        metered = metered_line(run, loop, "processes", count.rate or 0.0)
        if metered is not None:
            evidence.append(metered.sentence)
        case = plain_case(
            run, "process-growth", "leak", title, rate, evidence, count=count.rate, process=process
        )
        return [_at_line(case, metered)]
    if memory is not None and memory.grows and (memory.rise or 0) > LEAST_RESIDENT_RISE:
        title = f"the child processes grow by {format_bytes(memory.rate)} per iteration"
        evidence = [f"The children's memory {memory.reason}."]
        case = plain_case(run, "process-growth", "cannot-tell", title, memory.rate, evidence, process=process)
        return [dataclasses.replace(case, layer=CHILDREN)]
    return []
