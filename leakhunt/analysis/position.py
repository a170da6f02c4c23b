"""Where the loops stood when the target was last heard of: the position page first, then the journal."""

from __future__ import annotations

import re
from typing import Any

from leakhunt.findings.diagnosis import Position
from leakhunt.model.run import Instance, Run

_INDEX_PREFIX = re.compile(r"^\d+[:|]\s?")


def position_at_end(run: Run) -> list[Position]:
    """Return the loops that were still open, outermost first; empty when the target left them all."""
    if run.end is not None and run.end.how in ("completed", "system-exit"):
        return []
    if run.standing:
        return [found for found in (_from_page(run, level) for level in run.standing) if found is not None]
    return [_from_journal(run, instance) for instance in _open_chain(run)]


def _from_page(run: Run, level: Any) -> Position | None:
    instance = run.instances.get(level.serial)
    if instance is None or instance.loop not in run.loops:
        return None
    loop = run.loops[instance.loop]
    values: list[str] | None = None
    if level.text is not None:
        values = _split(_INDEX_PREFIX.sub("", level.text), len(loop.variables))
    elif instance.values is not None and instance.completed == level.index:
        values = [str(value) for value in instance.values]
    total = level.total if level.total is not None else instance.total
    return Position(loop.id, list(loop.variables), values, level.index + 1, total)


def _split(text: str, count: int) -> list[str]:
    parts = [part.strip() for part in text.split(", ")] if count > 1 else [text]
    return parts if len(parts) == count else [text]


def _open_chain(run: Run) -> list[Instance]:
    """The innermost open instance of the main program and the ones around it, outermost first."""
    still_open = [one for one in run.instances.values() if one.left is None]
    if not still_open:
        return []
    step: Instance | None = max(still_open, key=lambda one: one.serial)
    chain: list[Instance] = []
    while step is not None and step not in chain:
        chain.insert(0, step)
        step = run.instances.get(step.parent) if step.parent is not None else None
    return chain


def _from_journal(run: Run, instance: Instance) -> Position:
    loop = run.loops[instance.loop]
    values = [str(value) for value in instance.values] if instance.values is not None else None
    return Position(loop.id, list(loop.variables), values, instance.completed + 1, instance.total)
