"""The memory of each turn of the outer loop: as it began, as it ended, what it left behind.

Which loop that is, is decided here: the outermost that turned at least twice. Reads no files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leakhunt.findings.timeline import IterationMemory
from leakhunt.model.run import Column, LoopTrace, Run

#: The children count when the whole tree has this much more than the program itself.
_TREE_MATTERS = 1.3
#: A table of more turns than this is thinned evenly; its rows then stand for several turns each.
MOST_ROWS = 2_000
_VALUE = 60


@dataclass(frozen=True, slots=True)
class Outer:
    """The loop that the story counts in, and where its memory is read: the program or its whole tree."""

    loop: LoopTrace
    of_tree: bool
    rows: list[IterationMemory]

    @property
    def done(self) -> int:
        """Completed turns."""
        return self.loop.iterations

    def done_at(self, seconds: float) -> int:
        """Return how many turns were complete at an instant."""
        at = int(np.searchsorted(self.loop.seconds, seconds, side="right"))
        return int(np.max(self.loop.turns[:at])) if at else 0


def outer_loop(run: Run, open_loops: list[str]) -> LoopTrace | None:
    """Return the outermost loop that turned at least twice, of those open at the end or else of all.

    None when no loop was followed.
    """
    measured = [one for one in run.loops.values() if len(one.turns) >= 2 and one.iterations >= 1]
    standing = [run.loops[name] for name in open_loops if name in run.loops]
    for loop in standing:
        if loop.iterations >= 2 and loop in measured:
            return loop
    if standing and standing[0] in measured:
        return standing[0]
    working = [one for one in measured if one.iterations >= 2 and one.in_main is not False] or measured
    if not working:
        return None
    longest = max(one.seconds_inside or 0.0 for one in working)
    worth = [one for one in working if (one.seconds_inside or 0.0) >= 0.1 * longest]
    return min(worth, key=lambda one: (one.depth, one.kind == "comprehension", -(one.seconds_inside or 0.0)))


def outer(run: Run, open_loops: list[str]) -> Outer | None:
    """Return the outer loop with its table; None when no loop was followed."""
    loop = outer_loop(run, open_loops)
    if loop is None:
        return None
    of_tree = _tree_matters(run)
    return Outer(loop, of_tree, _rows(run, loop, of_tree))


def _tree_matters(run: Run) -> bool:
    tree, main = run.tree.tree_rss, run.tree.main_rss
    both = np.isfinite(tree) & np.isfinite(main)
    if not both.any():
        return False
    return float(np.median(tree[both])) > _TREE_MATTERS * float(np.median(main[both]))


def _rows(run: Run, loop: LoopTrace, of_tree: bool) -> list[IterationMemory]:
    turns, firsts = np.unique(loop.turns, return_index=True)
    resident = _resident(run, loop, of_tree)
    seconds = loop.seconds
    if len(firsts) > MOST_ROWS:
        chosen = np.unique(np.linspace(0, len(firsts) - 1, MOST_ROWS).astype(int))
        turns, firsts = turns[chosen], firsts[chosen]
    rows = []
    for at in range(len(firsts) - 1):
        here, following = int(firsts[at]), int(firsts[at + 1])
        start, end = _bytes(resident[here]), _bytes(resident[following])
        rows.append(
            IterationMemory(
                number=int(turns[at + 1]),
                label=_label(loop, following if turns[at + 1] - turns[at] > 1 else here),
                began=float(seconds[here]),
                ended=float(seconds[following]),
                start=start,
                end=end,
                growth=end - start if start is not None and end is not None else None,
                completed=True,
            )
        )
    if len(firsts) and _in_flight(run, loop):
        rows.append(_last_row(run, loop, int(turns[-1]), int(firsts[-1]), resident, of_tree))
    return rows


def _in_flight(run: Run, loop: LoopTrace) -> bool:
    return any(one.loop == loop.id and one.left is None for one in run.instances.values()) and (
        run.end is None or run.end.how not in ("completed", "system-exit")
    )


def _last_row(
    run: Run, loop: LoopTrace, done: int, here: int, resident: Column, of_tree: bool
) -> IterationMemory:
    """The turn that was going on: its end is what was last seen of the program."""
    start = _bytes(resident[here])
    last, when = _last_seen(run, of_tree)
    if when is None or when < loop.seconds[here]:
        last, when = start, float(loop.seconds[here])
    growth = last - start if start is not None and last is not None else None
    return IterationMemory(
        number=done + 1,
        label=_label(loop, here),
        began=float(loop.seconds[here]),
        ended=when,
        start=start,
        end=last,
        growth=growth,
        completed=False,
    )


def _last_seen(run: Run, of_tree: bool) -> tuple[int | None, float | None]:
    """Return the last resident set that anybody read, and when."""
    found: list[tuple[float, float]] = []
    column = run.tree.tree_rss if of_tree else run.tree.main_rss
    known = np.flatnonzero(np.isfinite(column))
    if len(known):
        found.append((float(run.tree.seconds[known[-1]]), float(column[known[-1]])))
    if not of_tree:
        for trace in run.loops.values():
            rss = trace.rss
            known = np.flatnonzero(np.isfinite(rss))
            if len(known):
                found.append((float(trace.seconds[known[-1]]), float(rss[known[-1]])))
    if not found:
        return None, None
    when, size = max(found)
    return int(size), when


def _resident(run: Run, loop: LoopTrace, of_tree: bool) -> Column:
    """Resident memory at each sample of the loop: as the program read it, or of the whole tree."""
    tree = run.tree
    column = tree.tree_rss if of_tree else tree.main_rss
    outside = np.full(len(loop.seconds), np.nan)
    known = np.isfinite(column)
    if known.any():
        outside = np.interp(loop.seconds, tree.seconds[known], column[known])
    if of_tree:
        return outside
    own = loop.rss
    return np.where(np.isfinite(own), own, outside)


def _label(loop: LoopTrace, at: int) -> str | None:
    """Return the loop variables at a sample: `lam = 3e-08`."""
    values = loop.labels[at] if at < len(loop.labels) else None
    if values is None or not loop.variables:
        return None
    shown = [_short(value) for value in values]
    if len(shown) != len(loop.variables):
        return ", ".join(shown)
    return ", ".join(f"{name} = {value}" for name, value in zip(loop.variables, shown, strict=True))


def _short(value: object) -> str:
    text = value if isinstance(value, str) else f"{value:.9g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"


def _bytes(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None
