"""Which loop and which of its recorded iterations a person means: `first`, `last`, a number, `lam=3e-08`.

Everything that cannot be meant is an error that says what could be.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from leakhunt.analysis.primary import choose_primary, named_loop
from leakhunt.errors import LeakhuntError
from leakhunt.model.moments import Recorded, recorded_of
from leakhunt.model.run import LoopTrace, Run

_SHOWN = 12


def chosen_loop(run: Run, named: str | None) -> LoopTrace:
    """Return the loop to compare in: the named one, the primary one, else the one with most censuses."""
    counts = {loop: len(recorded_of(run, loop)) for loop in run.loops}
    enough = [loop for loop, count in counts.items() if count >= 2]
    if named is not None:
        loop = named_loop(run, named)
        if loop is None:
            known = ", ".join(f"{_base(one.file)}:{one.line}" for one in run.loops.values()) or "none"
            raise LeakhuntError(
                f"--loop {named} names no loop that ran (loops: {known})", slug="loop-not-found"
            )
        if loop.id not in enough:
            raise _too_few(f"the loop on line {loop.line}", counts[loop.id])
        return loop
    if not enough:
        raise _too_few("this run", max(counts.values(), default=0))
    primary = choose_primary(run).loop
    if primary is not None and primary.id in enough:
        return primary
    return run.loops[max(enough, key=lambda loop: counts[loop])]


def _too_few(what: str, count: int) -> LeakhuntError:
    censuses = "no heap census" if count == 0 else "only 1 heap census"
    return LeakhuntError(
        f"{what} has {censuses}, and two are needed: profile it again with --every-iteration",
        slug="diff-too-few",
    )


def chosen_moment(text: str, trace: LoopTrace, recorded: list[Recorded]) -> Recorded:
    """Return the recorded boundary that `text` names."""
    if text in ("first", "last"):
        return recorded[0 if text == "first" else -1]
    name, equals, value = text.partition("=")
    turn = _turn_of(name.strip(), value.strip(), trace) if equals else _number(text)
    found = next((one for one in recorded if one.turns == turn), None)
    if found is None:
        what = f"iteration {turn}" + (f" ({text})" if equals else "")
        raise LeakhuntError(
            f"{what} was not recorded (recorded: {_listed(recorded, turn)}): name one of these, "
            "or profile again with --every-iteration",
            slug="diff-not-recorded",
        )
    return found


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise LeakhuntError(
            f"{text!r} is no iteration: write first, last, a number, or a loop variable's value (lam=3e-08)",
            slug="diff-iteration",
        ) from error


def _turn_of(name: str, value: str, trace: LoopTrace) -> int:
    """The number of the turn in which a loop variable had a value."""
    if name not in trace.variables:
        known = ", ".join(trace.variables) or "none"
        raise LeakhuntError(
            f"{name!r} is no variable of the loop on line {trace.line} (its variables: {known})",
            slug="diff-iteration",
        )
    at = trace.variables.index(name)
    turns: list[int] = []
    for index in np.flatnonzero(np.isfinite(trace.turns)):
        values = trace.labels[int(index)]
        if values is not None and at < len(values) and _is_same(values[at], value):
            turns.append(int(trace.turns[int(index)]) + 1)
    turns = sorted(set(turns))
    if not turns:
        raise LeakhuntError(f"no recorded turn had {name} = {value}", slug="diff-iteration")
    if len(turns) > 1:
        some = ", ".join(map(str, turns[:_SHOWN]))
        raise LeakhuntError(f"{name} = {value} in several iterations ({some}): name one by its number",
                            slug="diff-iteration")  # fmt: skip
    return turns[0]


def _is_same(recorded: Any, given: str) -> bool:
    if str(recorded) == given or recorded == f"'{given}'":
        return True
    if isinstance(recorded, bool) or not isinstance(recorded, (int, float)):
        return False
    try:
        return float(given) == float(recorded)
    except ValueError:
        return False


def label_of(trace: LoopTrace, values: list[Any] | None) -> str | None:
    """Return `lam = 3e-08` for a turn's values."""
    if not values or not trace.variables:
        return None
    return ", ".join(f"{name} = {value}" for name, value in zip(trace.variables, values, strict=False))


def _listed(recorded: list[Recorded], wanted: int) -> str:
    """The recorded iterations, those next to the wanted one if there are many."""
    near = sorted(
        sorted(recorded, key=lambda one: abs(one.turns - wanted))[:_SHOWN], key=lambda one: one.turns
    )
    text = ", ".join(str(one.turns) for one in near)
    return text if len(near) == len(recorded) else f"..., {text}, ..."


def _base(path: str) -> str:
    return path.rpartition("/")[2]
