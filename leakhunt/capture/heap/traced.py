"""What tracemalloc has traced so far, added up by the line of the user's code that asked for it.

For `--every-iteration` only. Raw traces are added up by the identity of their traceback, which is one
object for all traces of a place: fifty times faster than `Snapshot.statistics`, and nothing is kept.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tracemalloc
from typing import Any

#: Frames of a traceback that tracemalloc keeps: libraries are that deep between the user's line and malloc.
FRAMES = 10
#: Places kept, most bytes first; the rest is one sum.
_MOST = 1000
#: More traces than this take gigabytes as a list.
MOST_TRACES = 4_000_000
_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_REST = "<elsewhere>"

#: (file, line, allocations, bytes) of one line.
Traced = list[Any]


def traced_by_line(project_root: str) -> list[Traced] | None:
    """Return what is traced and alive by line, most bytes first; None when nothing traces."""
    if not tracemalloc.is_tracing():
        return None
    # The list below has an entry for each; a block is traced once at the most.
    if sys.getallocatedblocks() > MOST_TRACES:
        return None
    import _tracemalloc

    totals: dict[int, list[Any]] = {}
    for trace in _tracemalloc._get_traces():
        entry = totals.get(id(trace[2]))
        if entry is None:
            totals[id(trace[2])] = [trace[2], 1, trace[1]]
        else:
            entry[1] += 1
            entry[2] += trace[1]
    libraries = tuple(
        path.rstrip(os.sep) + os.sep
        for name in ("stdlib", "platstdlib", "purelib", "platlib")
        if (path := sysconfig.get_paths().get(name))
    )
    return _by_line(list(totals.values()), project_root.rstrip(os.sep) + os.sep, libraries)


def _by_line(totals: list[list[Any]], root: str, libraries: tuple[str, ...]) -> list[Traced]:
    lines: dict[tuple[str, int], Traced] = {}
    for frames, count, size in totals:
        place = _place(frames, root, libraries)
        if place is None:
            continue
        entry = lines.setdefault(place, [*place, 0, 0])
        entry[2] += count
        entry[3] += size
    ranked = sorted(lines.values(), key=lambda entry: -entry[3])
    rest = ranked[_MOST:]
    if rest:
        ranked[_MOST:] = [[_REST, 0, sum(each[2] for each in rest), sum(each[3] for each in rest)]]
    return ranked


def _place(
    frames: tuple[tuple[str, int], ...], root: str, libraries: tuple[str, ...]
) -> tuple[str, int] | None:
    """Return the innermost frame of the user's own; without any, the innermost; None for leakhunt's own."""
    innermost = frames[0]
    for file, line in frames:
        if file.startswith(_OURS):
            return None
        if file.startswith(root) and not file.startswith(libraries) and "site-packages" not in file:
            return file, line
    return innermost[0], innermost[1]
