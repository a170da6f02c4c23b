"""Chooses the loop whose turns verdicts are "per iteration" of.

The outermost loop with enough turns, each long enough to measure, of the main thread where that works at
all; a loop that the user named wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from leakhunt.model.run import LoopTrace, Run

FEWEST_TURNS = 6
#: Gauges cost microseconds, but a turn shorter than this says little by itself.
SHORTEST_TURN = 1e-3
#: A thread that spends less of a loop's time on the processor than this, and less than a turn's, only waits.
LEAST_WORK = 0.05
#: Loops that took less than this share of the longest loop's time are preparation, not the work.
LEAST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Choice:
    """The primary loop (None without one) and the reason, as a sentence."""

    loop: LoopTrace | None
    reason: str
    named: str | None = None
    #: A loop that began when the chosen one, which makes data for it, was over: asked when that shows no leak.
    after: LoopTrace | None = None


def choose_primary(run: Run) -> Choice:
    """Return the primary loop of `run`."""
    named = run.options.get("primary") or run.options.get("loop")
    if isinstance(named, str) and named:
        found = named_loop(run, named)
        if found is not None:
            return Choice(found, f"named by --loop {named}", named)
        reason = f"--loop {named} names no loop that ran"
    else:
        named, reason = None, ""
    measured = [loop for loop in run.loops.values() if len(loop.turns) >= 2 and loop.iterations >= 1]
    if not measured:
        return Choice(None, reason or "no loop was followed", named)
    for wanted in (_is_slow_and_long, _is_long):
        fitting = [loop for loop in measured if wanted(loop)]
        if fitting:
            chosen = _outermost(_main_first(fitting))
            after = _after(chosen, _main_first(fitting)) if wanted is _is_slow_and_long else None
            return Choice(chosen, reason or "the outermost loop with enough turns", named, after)
    return Choice(_outermost(measured), reason or "no loop had enough turns", named)


def _main_first(loops: list[LoopTrace]) -> list[LoopTrace]:
    """The loops of the main thread, if one of them works; a main thread that waits leaves it to the others."""
    main = [loop for loop in loops if loop.in_main]
    return main if any(_works(loop) for loop in main) else loops


def _works(loop: LoopTrace) -> bool:
    spent, inside = loop.processor_seconds, loop.seconds_inside
    if spent is None or not inside or not loop.iterations:
        return True
    return spent >= LEAST_WORK * inside or spent / loop.iterations >= SHORTEST_TURN


def _outermost(loops: list[LoopTrace]) -> LoopTrace:
    longest = max(_seconds(loop) for loop in loops)
    working = [loop for loop in loops if _seconds(loop) >= LEAST_SHARE * longest]
    # Beside a statement, a comprehension makes the data that the statement works on.
    return min(working, key=lambda loop: (loop.depth, loop.kind == "comprehension", -_seconds(loop)))


def _after(chosen: LoopTrace, fitting: list[LoopTrace]) -> LoopTrace | None:
    """The longest statement that a comprehension prepared: it began when the comprehension was over."""
    if chosen.kind != "comprehension":
        return None
    over = float(chosen.seconds[-1])
    later = [loop for loop in fitting if loop.kind != "comprehension" and float(loop.seconds[0]) >= over]
    return _outermost(later) if later else None


def _seconds(loop: LoopTrace) -> float:
    return loop.seconds_inside or 0.0


def _is_long(loop: LoopTrace) -> bool:
    return loop.iterations >= FEWEST_TURNS and len(loop.turns) >= FEWEST_TURNS


def _is_slow_and_long(loop: LoopTrace) -> bool:
    turn = loop.seconds_per_iteration
    return _is_long(loop) and turn is not None and turn >= SHORTEST_TURN


def named_loop(run: Run, named: str) -> LoopTrace | None:
    """Return the loop that begins at FILE:LINE; None when none of the run's does."""
    file, _, line = named.rpartition(":")
    if not line.isdigit():
        return None
    for loop in run.loops.values():
        if loop.line == int(line) and (not file or _same_file(loop.file, file)):
            return loop
    return None


def _same_file(recorded: str, given: str) -> bool:
    theirs, mine = PurePath(recorded).parts, PurePath(given).parts
    mine = tuple(part for part in mine if part not in (".", ".."))
    return bool(mine) and theirs[-len(mine) :] == mine
