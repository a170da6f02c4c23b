"""Reads what an allocation window recorded: per call stack, what each turn left behind.

memray's captures are large; what was read of one is put beside it as JSON and read from there from then
on, so that the capture itself can go. It is read in a process of its own, since a damaged one may end its
reader. Needs memray in the tool's own environment. Counts only; what the pattern means is for `analysis.births`.
"""

from __future__ import annotations

import contextlib
import json
import os
from bisect import bisect_left
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from leakhunt.model.apart import apart
from leakhunt.model.run import AllocationSite, Capture, LossSeen

FORMAT = 1
#: Sites kept, most surviving bytes first: the rest is summed in `other_bytes`.
_SITES = 300
#: Frames read of each; of the first few that are deeper, all (recursion hides the line that began it).
_STACK_DEPTH = 40
_OUTERMOST = 20
_READ_WHOLE = 50
_DEEPEST = 100_000
Mark = tuple[int, float]


def captures_of(
    directory: Path, windows: list[dict[str, Any]], events: list[tuple[float, str, Any]]
) -> tuple[dict[str, list[Capture]], list[LossSeen]]:
    """Return what the windows recorded, by loop and the latest first, and what could not be read."""
    found: dict[str, list[Capture]] = {}
    losses = []
    for window in windows:
        if not window.get("file"):
            continue
        seen = kept_or_read(directory / str(window["file"]), window)
        if isinstance(seen, LossSeen):
            losses.append(seen)
        else:
            found.setdefault(str(window.get("loop")), []).insert(0, seen)
    opened = sum(1 for _, name, _ in events if name == "window-open")
    if opened > len(windows):
        what = "an allocation window was open when the program ended, so that nothing of it can be used"
        losses.append(LossSeen("window-unfinished", what, opened - len(windows)))
    return found, losses


def kept_or_read(path: Path, window: Mapping[str, Any]) -> Capture | LossSeen:
    """Return what was kept of the capture at `path` or, the first time, read it and keep that."""
    beside = path.with_suffix(".json")
    kept = load_capture(beside)
    if kept is not None or path == beside:
        return kept or LossSeen("window-unreadable", f"{path.name} could not be read: run it again")
    recorded = (bool(window.get("python_allocators")), bool(window.get("native")))
    seen = apart(path, _read, path, window["marks"], *recorded)
    if not (isinstance(seen, LossSeen) and seen.slug == "window-no-memray"):
        with contextlib.suppress(OSError):
            save_capture(seen, beside)
    return seen


def _read(path: Path, marks: list[Mark], python_allocators: bool, native: bool) -> Capture | LossSeen:
    return read_capture(path, marks, python_allocators=python_allocators, native=native)


def drop_captures(directory: Path) -> int:
    """Delete the captures of which everything that is used is kept; return how many bytes that freed."""
    freed = 0
    for path in directory.glob("captures/*.bin"):
        with contextlib.suppress(OSError):
            if path.with_suffix(".json").exists():
                size = path.stat().st_size
                path.unlink()
                freed += size
    return freed


def read_capture(
    path: Path, marks: list[Mark], *, python_allocators: bool, native: bool
) -> Capture | LossSeen:
    """Return the survivors per site and turn of the capture at `path`; a `LossSeen` when it cannot be read.

    `marks` are (completed turns, Unix seconds) at the boundaries inside the window, in order.
    """
    if len(marks) < 2:
        return LossSeen("window-empty", "an allocation window saw no whole turn: let the run go on longer")
    try:
        import memray
    except Exception:
        return LossSeen(
            "window-no-memray",
            "memray cannot be imported beside leakhunt: install it to see allocation sites",
        )
    try:
        with memray.FileReader(str(path), max_memory_records=1_000_000) as reader:
            ticks = [snapshot.time / 1000.0 for snapshot in reader.get_memory_snapshots()]
            boundaries = [when for _, when in marks]
            records = reader.get_temporal_allocation_records(merge_threads=True)
            largest = _Largest(native)
            for record in records:
                largest.add(record, _survivors(record, ticks, boundaries))
            sites, rest = largest.sites()
    except Exception as problem:  # a damaged capture makes memray raise all kinds of things
        return LossSeen("window-unreadable", f"a capture could not be read ({problem}): run it again")
    return Capture([turn for turn, _ in marks], sites, rest, python_allocators, native)


class _Largest:
    """The sites with the most surviving bytes, kept while any number of them passes by.

    Stacks are read of those that stay only: that costs more than all the rest.
    """

    def __init__(self, native: bool) -> None:
        self._native = native
        self._kept: list[tuple[int, Any, dict[int, list[int]]]] = []
        self._rest = 0
        self._least = 0

    def add(self, record: Any, survivors: dict[int, list[int]]) -> None:
        """Take in one site."""
        size = sum(amount for _, amount in survivors.values())
        if size <= self._least:
            self._rest += size
            return
        self._kept.append((size, record, survivors))
        if len(self._kept) >= 2 * _SITES:
            self._cut()
            self._least = self._kept[-1][0]

    def _cut(self) -> None:
        self._kept.sort(key=lambda site: -site[0])
        self._rest += sum(size for size, _, _ in self._kept[_SITES:])
        del self._kept[_SITES:]

    def sites(self) -> tuple[list[AllocationSite], int]:
        """Return the sites, most bytes first, and the bytes of all others."""
        self._cut()
        sites = []
        for rank, (_, record, survivors) in enumerate(self._kept):
            read = record.hybrid_stack_trace if self._native else record.stack_trace
            frames = read(_STACK_DEPTH)
            if len(frames) >= _STACK_DEPTH and rank < _READ_WHOLE:
                frames = read(_DEEPEST)
            stack = [(file, line, function) for function, file, line in frames]
            sites.append(AllocationSite(without_repeats(stack), survivors, str(record.allocator)))
        return sites, self._rest


def without_repeats(stack: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """Return a stack with a frame that calls itself shown once; of a deep one, both ends."""
    shown = [frame for frame, _ in groupby(stack)]
    if len(shown) <= _STACK_DEPTH + _OUTERMOST:
        return shown
    return shown[:_STACK_DEPTH] + shown[-_OUTERMOST:]


def _survivors(record: Any, ticks: list[float], boundaries: list[float]) -> dict[int, list[int]]:
    survivors: dict[int, list[int]] = {}
    turns = len(boundaries) - 1
    for interval in record.intervals:
        if interval.deallocated_before_snapshot is not None:
            continue
        turn = _turn_of(interval.allocated_before_snapshot, ticks, boundaries)
        if 0 <= turn < turns:
            entry = survivors.setdefault(turn, [0, 0])
            entry[0] += interval.n_allocations
            entry[1] += interval.n_bytes
    return survivors


def _turn_of(before_tick: int, ticks: list[float], boundaries: list[float]) -> int:
    """The turn in which something allocated before `before_tick` (and after the tick before it) was born."""
    if not ticks:
        return 0
    end = ticks[min(before_tick, len(ticks) - 1)]
    start = ticks[max(0, min(before_tick, len(ticks)) - 1)]
    return bisect_left(boundaries, (start + end) / 2) - 1


# ---- what is kept ---------------------------------------------------------------------------


def save_capture(seen: Capture | LossSeen, path: Path) -> None:
    """Write what was read of a capture, or why it could not be. Raises OSError."""
    if isinstance(seen, LossSeen):
        content: dict[str, Any] = {"format": FORMAT, "loss": [seen.slug, seen.what]}
    else:
        content = {
            "format": FORMAT,
            "source": seen.source,
            "turns": seen.turns,
            "sites": [[site.stack, site.survivors, site.allocator] for site in seen.sites],
            "other_bytes": seen.other_bytes,
            "python_allocators": seen.python_allocators,
            "native": seen.native,
            "held": {key: [[stack, count] for stack, count in held] for key, held in seen.held.items()},
        }
    waiting = path.with_suffix(f".{os.getpid()}.tmp")
    waiting.write_text(json.dumps(content), encoding="utf-8", errors="backslashreplace")
    waiting.replace(path)


def load_capture(path: Path) -> Capture | LossSeen | None:
    """Return what was kept at `path`; None when there is nothing that can be used."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            return None
        if "loss" in content:
            slug, what = content["loss"]
            return LossSeen(str(slug), str(what))
        return Capture(
            [int(turn) for turn in content["turns"]],
            [
                AllocationSite(
                    _stack(stack),
                    {int(turn): [int(count), int(size)] for turn, (count, size) in survivors.items()},
                    str(allocator),
                )
                for stack, survivors, allocator in content["sites"]
            ],
            int(content["other_bytes"]),
            bool(content["python_allocators"]),
            bool(content["native"]),
            str(content["source"]),
            {
                str(key): [(_stack(stack), int(count)) for stack, count in held]
                for key, held in content["held"].items()
            },
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _stack(frames: list[Any]) -> list[tuple[str, int, str]]:
    return [(str(file), int(line), str(function)) for file, line, function in frames]
