"""What grows inside worker processes: from the workers' own records, or else what the source says of them.

From outside, children that grow are one number. A worker that was followed has censuses of its own, per task that
it did; what they name is who holds it there. Workers that were not followed have at least a line that makes them
and a function that they run.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Sequence

from leakhunt.analysis.cases import Case, plain_case, sources_of
from leakhunt.analysis.source import Source
from leakhunt.analysis.trend import ENOUGH_TURNS
from leakhunt.findings.diagnosis import Process
from leakhunt.findings.fingerprint import fingerprint
from leakhunt.model.run import LoopTrace, Run
from leakhunt.units import format_bytes

#: Layer of the case that speaks of children's memory.
CHILDREN = "children"
_MAKES = frozenset({"Pool", "ProcessPoolExecutor", "Process", "get_reusable_executor", "Parallel"})
_GIVES = frozenset({"map", "imap", "imap_unordered", "map_async", "starmap", "starmap_async", "apply", "apply_async",
                    "submit"})  # fmt: skip

#: A worker, the loop of its tasks, what grows in it, and what its resident memory grows by per task, if it does.
Inside = tuple[Run, LoopTrace, list[Case], float | None]
#: A worker, the loop of its tasks, and a leak in it.
Held = tuple[Run, LoopTrace, Case]


def with_workers(
    run: Run, loop: LoopTrace, cases: list[Case], inside: Callable[[Run], Inside | None]
) -> list[Case]:
    """Return the cases, that of growing children with what grows in the workers; `inside` judges one of them.

    From outside, a worker's growth may drown in that of others: one that grows from the beginning of the loop to its
    end is a finding of its own then.
    """
    if any(case.finding.kind == "process-growth" and case.layer != CHILDREN for case in cases):
        return cases  # ever more children: what each of them holds is not the question
    looked = [found for worker in run.workers if (found := inside(worker)) is not None]
    held = [
        (worker, tasks, one)
        for worker, tasks, its_cases, _ in looked
        for one in its_cases
        if one.finding.verdict == "leak" and one.finding.owner is not None and one.finding.bytes_per_iteration
    ]
    if not any(case.layer == CHILDREN for case in cases):
        return cases + _unseen_from_outside(run, loop, looked, held)
    return [
        (_told(run, loop, case, held, len(looked)) if held else _from_source(run, case, len(looked)))
        if case.layer == CHILDREN
        else case
        for case in cases
    ]


def _lasts(run: Run, loop: LoopTrace, worker: Run, tasks: LoopTrace) -> bool:
    """Tell whether a worker lived through most of the loop, to its end: it is not replaced by fresh ones."""
    if run.started is None or worker.started is None or tasks.iterations < ENOUGH_TURNS:
        return False
    begun, ended = float(loop.seconds[0]), float(loop.seconds[-1])
    apart = worker.started - run.started
    first, last = float(tasks.seconds[0]) + apart, float(tasks.seconds[-1]) + apart
    return first <= begun + 0.3 * (ended - begun) and last >= ended - 0.1 * (ended - begun)


def _unseen_from_outside(
    run: Run, loop: LoopTrace, looked: Sequence[Inside], held: Sequence[Held]
) -> list[Case]:
    """A finding about workers that grow from the beginning of the loop to its end; empty when none does."""
    lasting = [one for one in looked if one[3] and _lasts(run, loop, one[0], one[1])]
    if not lasting:
        return []
    rate = sum((each or 0.0) * tasks.iterations / max(1, loop.iterations) for _, tasks, _, each in lasting)
    title = f"the child processes grow by {format_bytes(rate)} per iteration"
    evidence = ["Resident memory of a worker that lives through the loop rises to its end, task by task."]
    process = Process("workers", [worker.pid for worker, *_ in lasting if worker.pid is not None])
    case = plain_case(run, "process-growth", "cannot-tell", title, rate, evidence, process=process)
    named = [one for one in held if any(one[0] is worker for worker, *_ in lasting)]
    if named:
        return [_told(run, loop, case, named, len(looked))]
    return [_from_source(run, case, len(looked))]


def _told(run: Run, loop: LoopTrace, case: Case, held: Sequence[Held], looked: int) -> Case:
    """The finding with what the workers' own censuses name."""
    _, tasks, worst = max(held, key=lambda one: one[2].finding.bytes_per_iteration or 0.0)
    finding, theirs = case.finding, worst.finding
    path = theirs.owner.path if theirs.owner else ""
    rate = format_bytes(theirs.bytes_per_iteration, signed=True)
    same = sum(1 for _, _, one in held if one.finding.id == theirs.id)
    evidence = [
        *finding.evidence,
        f"In {same} of {looked} workers that were looked into, {path} grows by {rate} per task, over "
        f"{tasks.iterations} tasks.",
        *theirs.evidence,
    ]
    long_enough = loop.iterations >= ENOUGH_TURNS and tasks.iterations >= ENOUGH_TURNS
    changed = dataclasses.replace(
        finding,
        id=fingerprint("process-growth", path, ""),
        verdict="leak" if long_enough else "cannot-tell",
        title=f"{finding.title}: {path} in a worker",
        process=Process("workers", [one.pid for one, _, _ in held if one.pid is not None]),
        owner=theirs.owner,
        sites=theirs.sites,
        evidence=evidence,
        confidence=theirs.confidence if long_enough else None,
    )
    return dataclasses.replace(case, finding=changed)


def _from_source(run: Run, case: Case, looked: int) -> Case:
    """Name the line that makes the workers and what they are given, where the source has just one of each."""
    said = [f"No holder was seen to grow in {looked} workers that were looked into."] if looked else []
    sources = sources_of(run)
    made = _one([(source, node) for source, node, name in _calls(sources) if name in _MAKES])
    given = _one([(source, node) for source, node, name in _calls(sources) if name in _GIVES and node.args])
    if made is not None:
        said.append(f"They are made on line {made[1].lineno} of {_name(made[0])}.")
    if given is not None:
        what = given[1].args[0]
        called = (
            what.id if isinstance(what, ast.Name) else what.attr if isinstance(what, ast.Attribute) else None
        )
        if called is not None:
            said.append(f"They run {called}(), which line {given[1].lineno} of {_name(given[0])} gives them.")
    finding = dataclasses.replace(case.finding, evidence=[*case.finding.evidence, *said])
    return dataclasses.replace(case, finding=finding)


def _calls(sources: Sequence[Source]) -> list[tuple[Source, ast.Call, str]]:
    return [
        (source, node, node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id)
        for source in sources
        for node in source.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name))
    ]


def _one(found: list[tuple[Source, ast.Call]]) -> tuple[Source, ast.Call] | None:
    return found[0] if len(found) == 1 else None


def _name(source: Source) -> str:
    return source.path.rpartition("/")[2]
