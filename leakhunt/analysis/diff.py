"""Compares two recorded iterations of a run: which owners, types and lines hold more or less than before.

Finds the iterations that are meant and adds up; judges nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import leakhunt
from leakhunt._version import __version__
from leakhunt.analysis.diff_owners import owner_changes
from leakhunt.analysis.diff_select import chosen_loop, chosen_moment, label_of
from leakhunt.analysis.source import read_source
from leakhunt.analysis.stacks import user_frame
from leakhunt.census.format import Census
from leakhunt.errors import LeakhuntError
from leakhunt.findings.diagnosis import Loss
from leakhunt.findings.difference import ComparedLoop, Difference, LineChange, Moment, TypeChange, TypesFrom
from leakhunt.findings.losses import explained
from leakhunt.model.moments import Recorded, Stack, alive_by_stack, census_at, recorded_of
from leakhunt.model.run import LoopTrace, LossSeen, Run

#: A change of a line's memory below this is bookkeeping.
_LEAST_BYTES = 64
#: Where tracemalloc's totals were cut off.
_ELSEWHERE = ("<elsewhere>", 0)
#: tracemalloc's notes on one block: two blocks of malloc, which memray sees on the same line.
_NOTES, _NOTES_BYTES = 2, 48
#: So what is left of a line's native memory is known to some kilobytes only.
_LEAST_NATIVE_BYTES = 4096
_OURS = str(Path(leakhunt.__file__).parent) + os.sep
Place = tuple[str, int]
#: (blocks, bytes)
Sum = tuple[int, int]


def compare(run: Run, directory: Path, first: str, second: str, loop: str | None = None) -> Difference:
    """Return what changed between two recorded iterations of a loop; LeakhuntError when there are none."""
    trace = chosen_loop(run, loop)
    recorded = recorded_of(run, trace.id)
    before, after = (chosen_moment(text, trace, recorded) for text in (first, second))
    if before.turns == after.turns:
        raise LeakhuntError(
            f"both {first} and {second} are iteration {before.turns}: name two", slug="diff-same"
        )
    censuses = [_census(directory, one) for one in (before, after)]
    types_from, types = _type_changes(*censuses)
    losses: list[Loss] = []
    lines = _line_changes(run, censuses, losses)
    native = _native_changes(run, directory, [before, after], censuses, losses)
    losses += _doubts(*censuses)
    return Difference(
        leakhunt=__version__,
        run=run.id,
        target=run.target,
        loop=ComparedLoop(
            trace.id, trace.file, trace.line, trace.function, list(trace.variables),
            [one.turns for one in recorded],
        ),
        before=_moment(before, trace),
        after=_moment(after, trace),
        owners=owner_changes(*censuses),
        types=types,
        types_from=types_from,
        lines=lines,
        native_lines=native,
        losses=losses,
    )  # fmt: skip


def _census(directory: Path, recorded: Recorded) -> Census:
    census = census_at(directory, recorded)
    if census is None:
        raise LeakhuntError(
            f"the census after iteration {recorded.turns} cannot be read: name another iteration",
            slug="diff-unreadable",
        )
    return census


def _moment(recorded: Recorded, trace: LoopTrace) -> Moment:
    return Moment(
        recorded.turns,
        label_of(trace, recorded.values),
        round(recorded.seconds, 6),
        recorded.rss,
        recorded.in_use,
    )


def _doubts(before: Census, after: Census) -> list[Loss]:
    """What makes the two censuses less than whole."""
    if before.complete and after.complete:
        return []
    return [explained("census-partial", "A census ran out of time: some owners were not counted in it")]


# ---- by type ------------------------------------------------------------------------------------


def _type_changes(before: Census, after: Census) -> tuple[TypesFrom, list[TypeChange]]:
    source: TypesFrom = "pympler" if before.sizes and after.sizes else "census"
    tables = [
        {kind: (count, size) for kind, (count, size) in census.sizes.items()}
        if source == "pympler"
        else _types_of(census)
        for census in (before, after)
    ]
    changes = [
        TypeChange(kind, *_both(tables, kind, 0), *_both(tables, kind, 1))
        for kind in tables[0].keys() | tables[1].keys()
    ]
    changed = [
        one for one in changes if one.count_before != one.count_after or one.bytes_before != one.bytes_after
    ]
    changed.sort(key=lambda one: (-abs(one.bytes_after - one.bytes_before), one.type))
    return source, changed


def _both(tables: list[dict[str, tuple[int, int]]], kind: str, at: int) -> tuple[int, int]:
    return tables[0].get(kind, (0, 0))[at], tables[1].get(kind, (0, 0))[at]


def _types_of(census: Census) -> dict[str, tuple[int, int]]:
    """Objects and own bytes by type, over all paths of a census."""
    totals: dict[str, tuple[int, int]] = {}

    def add(kind: str, count: int, size: int) -> None:
        known = totals.get(kind, (0, 0))
        totals[kind] = known[0] + count, known[1] + size

    for row in census.rows:
        add(row.type, row.objects, row.bytes)
        for kind, (count, size) in row.leaves.items():
            add(kind, count, size)
    return totals


# ---- by line ------------------------------------------------------------------------------------


def _line_changes(run: Run, censuses: list[Census], losses: list[Loss]) -> list[LineChange] | None:
    tables = [table for census in censuses if (table := _traced(census)) is not None]
    if len(tables) < 2:
        if run.options.get("every_iteration"):
            text = "Too many blocks were alive to say which lines allocated them"
        else:
            text = "Which lines allocate was not recorded"
        losses.append(explained("diff-no-lines", text))
        return None
    was_cut = [_ELSEWHERE in table for table in tables]
    changes = []
    for place in (tables[0].keys() | tables[1].keys()) - {_ELSEWHERE}:
        if any(cut and place not in table for cut, table in zip(was_cut, tables, strict=True)):
            continue  # among the smallest: how small is not known
        then, now = (table.get(place, (0, 0)) for table in tables)
        changes.append(_line(run, place, then, now))
    return _largest(changes, _LEAST_BYTES)


def _traced(census: Census) -> dict[Place, Sum] | None:
    if census.traced is None:
        return None
    return {(str(file), int(line)): (int(count), int(size)) for file, line, count, size in census.traced}


def _native_changes(
    run: Run, directory: Path, moments: list[Recorded], censuses: list[Census], losses: list[Loss]
) -> list[LineChange] | None:
    if not run.options.get("every_iteration"):
        return None  # said with the lines
    earlier, later = sorted(moments, key=lambda one: one.turns)
    started = run.started or 0.0
    alive = alive_by_stack(directory, (started + earlier.seconds, started + later.seconds))
    if alive is None:
        losses.append(explained("diff-no-native", "What native code allocates was not recorded"))
        return None
    if isinstance(alive, LossSeen):
        losses.append(explained(alive.slug, alive.what, alive.count))
        return None
    lines: dict[Place, list[list[int]]] = {}
    for stack, counts in alive.items():
        frame = user_frame(_without_ours(stack))
        if frame is None:
            continue
        entry = lines.setdefault(frame[:2], [[0, 0], [0, 0]])
        for total, count in zip(entry, counts if moments[0] is earlier else counts[::-1], strict=True):
            total[0] += count[0]
            total[1] += count[1]
    traced = [_traced(census) or {} for census in censuses]
    return _largest(
        (
            _line(
                run,
                place,
                *(_beyond(sum_, known.get(place)) for sum_, known in zip(sums, traced, strict=True)),
            )
            for place, sums in lines.items()
        ),
        _LEAST_NATIVE_BYTES,
    )


def _beyond(seen: list[int], traced: Sum | None) -> Sum:
    """What memray saw of a line beyond Python's own blocks and tracemalloc's notes on them."""
    if traced is None:
        return seen[0], seen[1]
    blocks, size = traced
    return max(0, seen[0] - _NOTES * blocks), max(0, seen[1] - _NOTES_BYTES * blocks - size)


def _without_ours(stack: Stack) -> list[tuple[str, int, str]]:
    """The stack as far as leakhunt's own frames: what these allocate is not the program's."""
    ours = next((at for at, frame in enumerate(stack) if frame[0].startswith(_OURS)), len(stack))
    return list(stack[:ours])


def _line(run: Run, place: Place, then: Sum, now: Sum) -> LineChange:
    source = read_source(place[0], changed_before=run.started)
    code = source.code(place[1]) if source is not None else None
    return LineChange(*place, then[0], now[0], then[1], now[1], code=code.strip() if code else None)


def _largest(changes: Iterable[LineChange], least: int) -> list[LineChange]:
    """The lines whose memory changed, the largest change first."""
    changed = [one for one in changes if abs(one.bytes_after - one.bytes_before) >= least]
    return sorted(changed, key=lambda one: (-abs(one.bytes_after - one.bytes_before), one.file, one.line))
