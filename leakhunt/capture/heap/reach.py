"""What can be reached at all, without labels: for objects nobody reaches, and for who shares what.

The labelled walk samples and stops at the first path; this one is complete and fast, because the
collector's own `gc.get_referents` does the work in large batches. Runs in the forked copy only: it
touches every page of the heap.
"""

from __future__ import annotations

import contextvars
import gc
import sys
import time
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

from leakhunt.capture.heap import inspection as look
from leakhunt.capture.heap.birthplaces import CYCLES, NATIVE
from leakhunt.capture.heap.frames import running_frames
from leakhunt.capture.heap.walk import Walk

_CHUNK = 4000


class OutOfTime(Exception):
    """The complete walk would have taken too long."""


class Reach:
    """A complete walk over the heap with a deadline (processor seconds of this thread)."""

    def __init__(self, walk: Walk, cpu_seconds: float) -> None:
        self._walk = walk
        self._deadline = time.thread_time() + cpu_seconds
        self.marked: set[int] = set()

    def mark(self, start: Iterable[Any], barrier: set[int]) -> None:
        """Mark everything reachable from `start`, entering nothing whose id is in `barrier`."""
        marked = self.marked
        frontier = [held for held in start if id(held) not in barrier]
        marked.update(map(id, frontier))
        while frontier:
            following: list[Any] = []
            for chunk in _chunks(frontier):
                for held in self._held_by(chunk):
                    identity = id(held)
                    if identity not in marked and identity not in barrier:
                        marked.add(identity)
                        following.append(held)
                if time.thread_time() > self._deadline:
                    raise OutOfTime
            frontier = following

    def below(self, owner: Any) -> dict[int, int]:
        """Return id -> bytes of what `owner` holds beyond the marked objects, itself included."""
        sizes: dict[int, int] = {}
        frontier = [owner]
        while frontier:
            following = []
            for chunk in _chunks(frontier):
                for held in chunk:
                    if id(held) not in sizes and id(held) not in self.marked:
                        sizes[id(held)] = self._walk.kind_of(type(held)).size(held)
                        following.append(held)
                if time.thread_time() > self._deadline:
                    raise OutOfTime
            frontier = [held for chunk in _chunks(following) for held in self._held_by(chunk)]
        return sizes

    def _held_by(self, chunk: list[Any]) -> list[Any]:
        held = gc.get_referents(*chunk)
        kind_of = self._walk.kind_of
        for owner in chunk:
            hidden = kind_of(type(owner)).hidden
            if hidden is not None:
                held += hidden(owner)
        return held


def starting_points() -> list[Any]:
    """Return everything that the interpreter itself keeps alive."""
    start: list[Any] = [sys.modules, object]
    start += sys.modules.values()
    start += [
        namespace for module in sys.modules.values() if (namespace := look.module_dict(module)) is not None
    ]
    start.append(contextvars.copy_context())
    for chain in running_frames().values():
        # a frame's values, not the frame: its referents leave out what runs. Our own frames hold
        # lists of the whole heap.
        for frame in chain:
            start += [frame.f_globals, frame.f_builtins, *dict(frame.f_locals).values()]
    waiting: list[Any] = [object]
    while waiting:
        # static types are held by nothing that the collector sees
        cls = waiting.pop()
        below = [] if cls is type else [sub for sub in type.__subclasses__(cls) if not look.is_heap_type(sub)]
        start += below
        waiting += below
    return start


def unreached(reach: Reach, tracked: list[Any], walk: Walk) -> dict[str, list[int]]:
    """Return type -> [objects, bytes, objects and bytes that native code holds] of what nobody reaches.

    Native code holds what has more references than these objects have among themselves, and all that hangs
    below: a callback in a list of C, and the object that it is a method of. The rest is in cycles. The bytes
    are with what the collector does not track and only they hold.
    """
    among = [held for held in tracked if id(held) not in reach.marked]
    # Of all of them: what is not counted may hold what is, as a descriptor holds its class.
    inside = _held_inside(among)
    lost = [held for held in among if not walk.kind_of(type(held)).ignored]
    del among
    # the lists `tracked` and `lost`, the loop variable and the argument are ours
    outside = [held for held in lost if sys.getrefcount(held) - inside[id(held)] > 4]
    native = _below(outside, {id(held) for held in lost})
    counted: dict[str, list[int]] = {}
    charged: set[int] = set()
    for held in lost:
        kind = walk.kind_of(type(held))
        entry = counted.setdefault(kind.name, [0, 0, 0, 0])
        below = _untracked(held, reach, charged)
        size = kind.size(held) + sum(walk.kind_of(type(each)).size(each) for each in below)
        if walk.birthplaces is not None:
            _note_birthplaces(walk, [held, *below], NATIVE if id(held) in native else CYCLES)
        entry[0] += 1
        entry[1] += size
        if id(held) in native:
            entry[2] += 1
            entry[3] += size
    largest = sorted(counted.items(), key=lambda item: -item[1][0])
    return {name: entry for name, entry in islice(largest, 40) if entry[0] > 1}


def _below(start: list[Any], among: set[int]) -> set[int]:
    """Return the ids of `start` and of what hangs below it, of the objects `among` those."""
    found = set(map(id, start))
    waiting = list(start)
    while waiting:
        for held in gc.get_referents(waiting.pop()):
            if id(held) in among and id(held) not in found:
                found.add(id(held))
                waiting.append(held)
    return found


def _note_birthplaces(walk: Walk, held: list[Any], holder: str) -> None:
    assert walk.birthplaces is not None
    for each in held:
        walk.birthplaces.note(walk.birthplaces.unreached[holder], (each,), walk.kind_of(type(each)).size)


def _untracked(owner: Any, reach: Reach, charged: set[int]) -> list[Any]:
    """Return the strings, numbers and the like that hang below `owner` and that nobody else reaches."""
    found: list[Any] = []
    waiting = [owner]
    while waiting:
        for held in gc.get_referents(waiting.pop()):
            if gc.is_tracked(held) or id(held) in reach.marked or id(held) in charged:
                continue
            charged.add(id(held))
            found.append(held)
            waiting.append(held)
    return found


def _held_inside(lost: list[Any]) -> Counter[int]:
    """Count how often each of the lost objects is held by another of them."""
    inside: Counter[int] = Counter()
    for chunk in _chunks(lost):
        inside.update(map(id, gc.get_referents(*chunk)))
    return inside


def _chunks(objects: list[Any]) -> Iterable[list[Any]]:
    for start in range(0, len(objects), _CHUNK):
        yield objects[start : start + _CHUNK]
