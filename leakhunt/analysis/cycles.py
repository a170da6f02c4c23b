"""Finds memory in reference cycles that the collector does not free, from what censuses could not reach."""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import numpy as np

from leakhunt.analysis.cases import Case, main_process, sources_of
from leakhunt.analysis.cycle_lines import closing_lines
from leakhunt.analysis.fillers import static_site
from leakhunt.analysis.holders import Judgement
from leakhunt.analysis.repeated import repeated_in
from leakhunt.analysis.trend import ENOUGH_TURNS
from leakhunt.findings.diagnosis import Finding, Owner, Site, Verdict
from leakhunt.findings.fingerprint import fingerprint
from leakhunt.model.run import LoopTrace, Run
from leakhunt.units import format_bytes, format_count

_FEWEST_CENSUSES = 4
#: Objects per turn from which garbage piles up.
_LEAST_RATE = 0.3
#: A collector that waits for so many new objects is as good as off.
_NEVER = 100_000
#: Of the readings of what is frozen so many are higher than the one before.
_MOST_RISE = 0.75
_ATOMS = frozenset({"dict", "list", "tuple", "set", "cell", "function", "frame"})


def cycle_cases(run: Run, loop: LoopTrace, holders: list[Case]) -> list[Case]:
    """Return a case when unreachable objects pile up from census to census."""
    if any(case.finding.kind == "reference-cycle" for case in holders):
        return []
    seen = [one for one in run.checkpoints if one.arrived and one.loop == loop.id]
    if len(seen) < _FEWEST_CENSUSES:
        return []
    # Without the first: one jump, of an import say, is no pile. They are counted from when there may be more of them.
    counted = [(one.turns, one.garbage) for one in seen[1:] if one.garbage is not None]
    if len(counted) < _FEWEST_CENSUSES - 1:
        return []
    turns = np.array([turn for turn, _ in counted], dtype=np.float64)
    span = turns[-1] - turns[0]
    rising: list[tuple[float, float, str]] = []
    for name in {name for _, garbage in counted for name in garbage}:
        counts, sizes = np.array([garbage.get(name, (0, 0)) for _, garbage in counted], dtype=np.float64).T
        if np.all(np.diff(counts) >= _LEAST_RATE * np.diff(turns)):
            rising.append(((sizes[-1] - sizes[0]) / span, (counts[-1] - counts[0]) / span, name))
    if not rising:
        return []
    rate = sum(size for size, _, _ in rising)
    if rate < 1_000:
        return []
    main = max(rising, key=lambda one: (one[2] not in _ATOMS, one[0], one[1]))
    return [_case(run, loop, main[2], main[1], rate, [one[2] for one in rising])]


def _case(run: Run, loop: LoopTrace, name: str, count: float, rate: float, names: list[str]) -> Case:
    why = why_uncollected(run, loop)
    verdict: Verdict = "leak" if why is not None and loop.iterations >= ENOUGH_TURNS else "cannot-tell"
    evidence = [f"Objects that nothing refers to any more pile up: {', '.join(sorted(names)[:4])}."]
    evidence.append(why or "The collector has not run on them yet; it may free them later.")
    judged = Judgement(
        "reference-cycle",
        verdict,
        evidence,
        rate,
        items_rate=count,
        more_turns=None if verdict == "leak" else max(ENOUGH_TURNS, loop.iterations),
    )
    title = (
        f"{name} objects in cycles are not collected: {format_count(count, signed=True)} "
        f"{'object' if 0.95 <= count < 1.05 else 'objects'}, "
        f"{format_bytes(rate, signed=True)} per iteration"
    )
    finding = Finding(
        id=fingerprint("reference-cycle", "garbage", name),
        kind="reference-cycle",
        verdict=verdict,
        title=title,
        bytes_per_iteration=rate,
        process=main_process(run),
        owner=Owner(path="unreachable cycles (garbage)", root="garbage", type=name),
        sites=_sites(run, loop, name, rate),
        evidence=evidence,
        advice=[],
        count_per_iteration=count,
        confidence="medium" if verdict == "leak" else None,
    )
    return Case(finding, judged)


def _sites(run: Run, loop: LoopTrace, name: str, rate: float) -> list[Site]:
    """The one line that closes the cycle, if the source shows just one."""
    sources = sources_of(run)
    closing = closing_lines(sources, name, repeated_in(sources, loop.file, loop.line))
    return [static_site(closing[0], rate)] if len(closing) == 1 else []


def why_uncollected(run: Run, loop: LoopTrace) -> str | None:
    """Return why the collector does not free what nobody refers to, as a sentence; None when it may yet."""
    states = [one.collector for one in run.layers.surroundings if one.loop == loop.id and one.collector]
    # What is loaded for the first census is frozen with it, and freed again.
    at_censuses = [
        one.frozen for one in run.checkpoints[1:] if one.loop == loop.id and one.frozen is not None
    ]
    readings = [count for _, _, count in states], at_censuses
    frozen = next((counts for counts in readings if _freezes_on(counts)), None)
    if frozen is not None:
        line = collector_call(run, "freeze")
        return (
            f"gc.freeze() puts more objects out of the collector's sight again and again{_at(line)}: "
            f"{format_count(frozen[0])} were frozen at first, {format_count(frozen[-1])} at the last reading."
        )
    line = collector_off(run)
    if states:
        off = all(not on or not threshold for on, threshold, _ in states)
        rare = min(threshold for _, threshold, _ in states) >= _NEVER
    else:
        off, rare = line is not None or any(one.collecting is False for one in run.checkpoints), False
    if off:
        return f"The program turned the collector off{_at(line)}."
    if rare:
        waits = format_count(states[-1][1])
        return f"The collector waits for {waits} new objects before it runs{_at(line)}."
    return "The collector found them and could not free them." if _rises(loop, "uncollectable") else None


def _freezes_on(frozen: list[int]) -> bool:
    """Tell whether more and more objects are frozen: those that are freed again, our own too, make a step down."""
    if len(frozen) < _FEWEST_CENSUSES:
        return False
    rises = sum(now > then for then, now in pairwise(frozen))
    return rises >= _MOST_RISE * (len(frozen) - 1) and frozen[-1] > median(frozen[:-1])


def collector_off(run: Run) -> tuple[str, int] | None:
    """Return file and line at which the user's code turns the collector off, or as good as; else None."""
    return collector_call(run, "disable") or collector_call(run, "set_threshold", _as_good_as_never)


def collector_call(
    run: Run, name: str, fits: Callable[[ast.Call], bool] = lambda _: True
) -> tuple[str, int] | None:
    """Return file and line of the first `gc.<name>()` in the user's code; None without one."""
    for source in sources_of(run):
        for node in ast.walk(source.tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            called = node.func
            if (
                isinstance(called.value, ast.Name)
                and called.value.id == "gc"
                and called.attr == name
                and fits(node)
            ):
                return source.path, node.lineno
    return None


def _as_good_as_never(call: ast.Call) -> bool:
    first = call.args[0] if call.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, int):
        return False
    return first.value == 0 or first.value >= _NEVER


def _at(line: tuple[str, int] | None) -> str:
    return f" ({line[0].rpartition('/')[2]}:{line[1]})" if line else ""


def _rises(loop: LoopTrace, gauge: str) -> bool:
    known = loop.gauges[gauge][np.isfinite(loop.gauges[gauge])]
    return len(known) >= 2 and bool(known[-1] > known[0])
