"""The recorded iterations of a loop, to be compared: which there are, their censuses, what memray saw alive.

Reads files of a run directory; compares nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leakhunt.census.format import Census, load_census
from leakhunt.model.apart import apart
from leakhunt.model.run import LoopTrace, LossSeen, Run

Stack = tuple[tuple[str, int, str], ...]
_FREES = ("FREE", "MUNMAP", "PYMALLOC_FREE")
_ARENAS = frozenset({1 << 18, 1 << 20})
#: A capture begins this much after its boundary at the earliest: its clock and ours are read apart.
_CLOCKS = 0.002
#: Of the last boundary the capture has ended shortly before: pauses and the writing of it.
_LATE = 20.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A boundary of which there is a census: `turns` are completed turns of the loop."""

    turns: int
    values: list[Any] | None
    seconds: float
    rss: int | None
    in_use: int | None
    file: str


def recorded_of(run: Run, loop: str) -> list[Recorded]:
    """Return the boundaries of a loop that have a census, the earliest first."""
    trace = run.loops.get(loop)
    found = {
        one.turns: Recorded(
            one.turns,
            values_of(trace, one.turns),
            one.seconds,
            _at(trace, one.turns, "rss"),
            _at(trace, one.turns, "in_use"),
            one.file,
        )
        for one in run.checkpoints
        if one.arrived and one.loop == loop and one.file
    }
    return [found[turns] for turns in sorted(found)]


def values_of(trace: LoopTrace | None, turn: int) -> list[Any] | None:
    """Return the loop variables' values in the `turn`-th turn, counted from 1; None where not recorded."""
    if trace is None:
        return None
    for at in np.flatnonzero(trace.turns == turn - 1)[::-1]:
        if trace.labels[int(at)] is not None:
            return trace.labels[int(at)]
    return None


def census_at(directory: Path, recorded: Recorded) -> Census | None:
    """Return the census of a recorded boundary; None when it cannot be read or failed."""
    try:
        census = load_census(str(directory / recorded.file))
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    return census if census.rows else None


def alive_by_stack(
    directory: Path, moments: tuple[float, float]
) -> dict[Stack, list[list[int]]] | LossSeen | None:
    """Return stack -> [[blocks, bytes] alive at each of two instants], of what was allocated while memray recorded.

    Instants are Unix seconds. The captures of a run follow one another, and a block may be freed in a
    later one than it was allocated in. None where there are no captures up to the later instant. They are read
    in a process of its own: a damaged one may end its reader.
    """
    captures = directory / "captures"
    return apart(captures, _alive_by_stack, directory, moments) if captures.is_dir() else None


def _alive_by_stack(
    directory: Path, moments: tuple[float, float]
) -> dict[Stack, list[list[int]]] | LossSeen | None:
    try:
        import memray
    except ImportError:
        return LossSeen("every-no-memray", "memray is not installed beside leakhunt")
    frees = {getattr(memray.AllocatorType, name).value for name in _FREES}
    alive: dict[int, tuple[int, Stack]] = {}
    sums: list[dict[Stack, list[int]]] = []
    last = None
    for path in sorted(directory.glob("captures/every-*.bin")):
        try:
            with memray.FileReader(str(path)) as reader:
                begun = reader.metadata.start_time.timestamp()
                while len(sums) < 2 and begun > moments[len(sums)] - _CLOCKS:
                    sums.append(_summed(alive))
                if len(sums) == 2:
                    break
                _replay(reader.get_allocation_records(), frees, memray.AllocatorType.MMAP.value, alive)
                last = reader.metadata.end_time.timestamp()
        except (OSError, NotImplementedError, RuntimeError) as problem:
            return LossSeen("window-unreadable", f"{path.name} could not be read ({problem})")
    while len(sums) < 2 and last is not None and last > moments[len(sums)] - _LATE:
        sums.append(_summed(alive))
    if len(sums) < 2:
        return None
    none = [0, 0]
    return {
        stack: [sums[0].get(stack, none), sums[1].get(stack, none)]
        for stack in sums[0].keys() | sums[1].keys()
    }


def _summed(alive: dict[int, tuple[int, Stack]]) -> dict[Stack, list[int]]:
    totals: dict[Stack, list[int]] = {}
    for size, stack in alive.values():
        entry = totals.setdefault(stack, [0, 0])
        entry[0] += 1
        entry[1] += size
    return totals


def _replay(records: Iterable[Any], frees: set[int], mmap: int, alive: dict[int, tuple[int, Stack]]) -> None:
    """Bring `alive` (address -> size and stack) from the beginning of a capture to its end."""
    begun: dict[int, Any] = {}
    for record in records:
        if record.allocator == mmap and record.size in _ARENAS:
            continue  # pymalloc's: what lies in it is Python's
        if record.allocator in frees:
            begun.pop(record.address, None)
            alive.pop(record.address, None)
        else:
            begun[record.address] = record
    for address, record in begun.items():
        stack = tuple((file, line, name) for name, file, line in record.stack_trace(40))
        alive[address] = (record.size, stack)


def _at(trace: LoopTrace | None, turns: int, gauge: str) -> int | None:
    """The first reading at the boundary after `turns` turns."""
    if trace is None:
        return None
    column = trace.rss if gauge == "rss" else trace.gauges[gauge]
    known = column[np.flatnonzero((trace.turns == turns) & np.isfinite(column))]
    return int(known[0]) if len(known) else None
