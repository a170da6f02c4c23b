"""Collects the agent's records, in the order they come: loops, samples, checkpoints, insertions, the end.

Fed with plain field dictionaries; samples go into compact arrays at once, so a journal of a night
costs tens of megabytes. Reads no files and judges nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

from leakhunt.model.fields import NAN, loss_from, number, number_or_none, text, whole, without_ours
from leakhunt.model.layers import LayerRecords
from leakhunt.model.run import (
    Checkpoint,
    End,
    Insertion,
    Instance,
    LoopTrace,
    LossSeen,
)

#: Text of loop variables is kept for this many samples of a loop, evenly thinned when there are more.
_MOST_LABELS = 4_000


_PLAIN_GAUGES = (
    "rss_anon",
    "rss_file",
    "rss_shmem",
    "blocks",
    "fds",
    "threads",
    "mapped",
    "cpu",
    "processes",
)
#: What memray's tables and buffers swell while a window is open: nobody knows by how much.
_NOT_THE_TARGETS = dict.fromkeys(
    ("rss_anon", "rss_file", "rss_shmem", "blocks", "native", "mapped", "threads", "fds")
)
_COLUMNS = ("turns", "seconds", *_PLAIN_GAUGES, "in_use", "free", "collections", "collected", "uncollectable",
            "gpu", "gpu_reserved")  # fmt: skip
_UNREAD: list[Any] = [None, None, None]


class _Open:
    """An instance while its records come in."""

    __slots__ = (
        "completed",
        "entered",
        "last",
        "left",
        "loop",
        "main",
        "parent",
        "serial",
        "thread",
        "total",
        "values",
    )

    def __init__(self, serial: int, loop: str, fields: Mapping[str, Any], now: float) -> None:
        self.serial = serial
        self.loop = loop
        self.parent = whole(fields.get("parent_instance"))
        self.total = whole(fields.get("total"))
        self.thread = whole(fields.get("thread"))
        main = fields.get("main")
        self.main = main if isinstance(main, bool) else None
        self.entered = self.last = now
        self.completed = 0
        self.values: list[Any] | None = None
        self.left: str | None = None


class _Loop:
    """A loop in the source while its samples come in."""

    __slots__ = ("fields", "label_stride", "labels", "rows", "turns")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.turns = 0
        self.rows = array("d")  # one stretch of `_COLUMNS` per sample
        self.labels: dict[int, list[Any]] = {}
        self.label_stride = 1


class AgentBuilder:
    """What one agent journal says: loops, instances, samples, checkpoints, insertions, the end."""

    def __init__(self, origin: float) -> None:
        self.origin = origin
        self.loops: dict[str, _Loop] = {}
        self.open: dict[int, _Open] = {}
        self.checkpoints: list[Checkpoint] = []
        self.insertions: list[Insertion] = []
        self.windows: list[dict[str, Any]] = []
        self._ours: Mapping[str, Any] = {}
        self._recording = False
        self.end: End | None = None
        self.header: Mapping[str, Any] = {}
        self.losses: list[LossSeen] = []
        self.events: list[tuple[float, str, Any]] = []
        self.layers = LayerRecords()
        self.unplaced = 0

    def add(self, kind: str, boot: float, fields: Mapping[str, Any]) -> None:
        """Take in one record; kinds that say nothing about the target are passed over."""
        if self.layers.add(kind, fields):
            return
        read = getattr(self, "_" + kind.replace("-", "_"), None)
        if read is not None and kind in _AGENT_KINDS:
            read(boot - self.origin, fields)

    def _header(self, _now: float, fields: Mapping[str, Any]) -> None:
        self.header = self.header or fields

    def _loss(self, _now: float, fields: Mapping[str, Any]) -> None:
        self.losses.append(loss_from(fields))

    def _event(self, now: float, fields: Mapping[str, Any]) -> None:
        self.events.append((now, str(fields.get("name")), fields.get("detail")))
        # a window of a few turns; one that records the whole run gives its capture's name alone
        if fields.get("name") == "window-open" and isinstance(fields.get("detail"), list):
            self._recording = True

    def _loop(self, _now: float, fields: Mapping[str, Any]) -> None:
        name = fields.get("id")
        if isinstance(name, str) and name not in self.loops:
            self.loops[name] = _Loop(fields)

    def _enter(self, now: float, fields: Mapping[str, Any]) -> None:
        serial, loop = whole(fields.get("instance")), fields.get("loop")
        if serial is None or loop not in self.loops:
            self.unplaced += 1
        else:
            self.open[serial] = _Open(serial, loop, fields, now)

    def _sample(self, now: float, fields: Mapping[str, Any]) -> None:
        instance = self.open.get(fields.get("instance", -1))
        completed = fields.get("completed")
        if instance is None or not isinstance(completed, int):
            self.unplaced += 1
            return
        loop = self.loops[instance.loop]
        loop.turns += max(0, completed - instance.completed)
        instance.completed = max(instance.completed, completed)
        instance.last = now
        values = fields.get("values")
        instance.values = values if isinstance(values, list) else None
        if self._recording:
            fields = {**fields, **_NOT_THE_TARGETS}
        elif self._ours:
            fields = without_ours(fields, self._ours)
        take, native, gc = fields.get, fields.get("native"), fields.get("gc")
        given = [loop.turns, now, *[take(name) for name in _PLAIN_GAUGES]]
        given += native[:2] if isinstance(native, list) and len(native) >= 2 else _UNREAD[:2]
        given += gc[:3] if isinstance(gc, list) and len(gc) >= 3 else _UNREAD
        gpu = fields.get("gpu")
        given += gpu[:2] if isinstance(gpu, list) and len(gpu) >= 2 else [gpu, None]
        try:
            row = array("d", [NAN if value is None else value for value in given])
        except (TypeError, OverflowError):
            row = array("d", [number(value) for value in given])
        loop.rows += row
        self._label(loop, instance.values)

    @staticmethod
    def _label(loop: _Loop, values: list[Any] | None) -> None:
        at = len(loop.rows) // len(_COLUMNS) - 1
        if values is None or at % loop.label_stride:
            return
        loop.labels[at] = values
        if len(loop.labels) > _MOST_LABELS:
            loop.label_stride *= 2
            loop.labels = {key: kept for key, kept in loop.labels.items() if key % loop.label_stride == 0}

    def _leave(self, now: float, fields: Mapping[str, Any]) -> None:
        instance = self.open.get(fields.get("instance", -1))
        if instance is None:
            self.unplaced += 1
            return
        completed = whole(fields.get("completed"))
        if completed is not None and completed > instance.completed:
            self.loops[instance.loop].turns += completed - instance.completed
            instance.completed = completed
        instance.last = now
        instance.left = str(fields.get("how") or "left")

    def _checkpoint(self, now: float, fields: Mapping[str, Any]) -> None:
        number, turns = whole(fields.get("number")), whole(fields.get("turns"))
        if number is None or turns is None:
            return
        self.checkpoints.append(
            Checkpoint(
                number,
                str(fields.get("loop")),
                turns,
                now,
                text(fields.get("file")),
                text(fields.get("how")),
                number_or_none(fields.get("pause")),
                arrived=False,
                in_use=whole(fields.get("in_use")),
            )
        )

    def _insertion(self, _now: float, fields: Mapping[str, Any]) -> None:
        line = whole(fields.get("line"))
        if line is None:
            return
        stack = [
            (str(frame[0]), int(frame[1]), str(frame[2]))
            for frame in fields.get("stack") or []
            if isinstance(frame, list)
            and len(frame) >= 3
            and isinstance(frame[1], int)
            and not _is_ours(frame[0])
        ]
        self.insertions.append(
            Insertion(
                str(fields.get("path")),
                str(fields.get("file")),
                line,
                str(fields.get("function")),
                stack,
                whole(fields.get("items")),
                whole(fields.get("turns")),
                text(fields.get("via")),
            )
        )

    def _window(self, _now: float, fields: Mapping[str, Any]) -> None:
        marks = [
            (int(mark[0]), float(mark[1]))
            for mark in fields.get("marks") or []
            if isinstance(mark, list)
            and len(mark) == 2
            and all(isinstance(part, (int, float)) for part in mark)
        ]
        self.windows.append({**fields, "marks": marks})
        self._recording = False

    def _own(self, _now: float, fields: Mapping[str, Any]) -> None:
        self._ours = dict(fields)

    def _end(self, _now: float, fields: Mapping[str, Any]) -> None:
        self.end = End(
            text(fields.get("how")),
            whole(fields.get("exit_code")),
            text(fields.get("exception")),
            number_or_none(fields.get("cost_seconds")),
            whole(fields.get("cost_bytes")),
            number_or_none(fields.get("longest_pause")),
        )

    def traces(self) -> dict[str, LoopTrace]:
        """Return the loops with their samples as arrays, outermost first."""
        totals = self._totals()
        entered: dict[str, list[_Open]] = {}
        for instance in self.open.values():
            entered.setdefault(instance.loop, []).append(instance)
        traces = []
        for name, loop in self.loops.items():
            fields, known = loop.fields, entered.get(name, [])
            table = np.frombuffer(loop.rows, dtype=np.float64) if loop.rows else np.empty(0)
            table = np.ascontiguousarray(table.reshape(-1, len(_COLUMNS)).T)
            columns = dict(zip(_COLUMNS, table, strict=True))
            traces.append(
                LoopTrace(
                    id=name,
                    file=str(fields.get("file")),
                    line=whole(fields.get("line")) or 0,
                    function=str(fields.get("function")),
                    variables=[str(v) for v in fields.get("variables") or []],
                    kind=str(fields.get("loop_kind") or "for"),
                    parent=text(fields.get("parent")),
                    iterations=loop.turns,
                    entries=len(known),
                    total=totals.get(name),
                    seconds_inside=sum(one.last - one.entered for one in known) if known else None,
                    turns=columns.pop("turns"),
                    seconds=columns.pop("seconds"),
                    gauges=columns,
                    labels=[loop.labels.get(at) for at in range(table.shape[1])],
                    depth=self._depth(name),
                    in_main=_in_main(known),
                )
            )
        return {trace.id: trace for trace in sorted(traces, key=lambda trace: trace.depth)}

    def _depth(self, name: str) -> int:
        depth, seen = 0, {name}
        parent = self.loops[name].fields.get("parent")
        while isinstance(parent, str) and parent in self.loops and parent not in seen:
            depth, seen = depth + 1, seen | {parent}
            parent = self.loops[parent].fields.get("parent")
        return depth

    def _totals(self) -> dict[str, int | None]:
        """Turns expected over all entries: of a loop inside others, only when every entry has one length."""
        lengths: dict[str, set[int | None]] = {}
        entries: dict[str, int] = {}
        for instance in self.open.values():
            lengths.setdefault(instance.loop, set()).add(instance.total)
            entries[instance.loop] = entries.get(instance.loop, 0) + 1
        totals: dict[str, int | None] = {}
        for name in sorted(lengths, key=self._depth):
            known = lengths[name]
            length = next(iter(known)) if len(known) == 1 else None
            parent = self.loops[name].fields.get("parent")
            if length is None:
                totals[name] = None
            elif isinstance(parent, str) and parent in self.loops:
                around = totals.get(parent)
                totals[name] = None if around is None else length * around
            else:
                totals[name] = length * entries[name]
        return totals

    def instances(self) -> dict[int, Instance]:
        """Return every instance with where it stood when last heard of."""
        return {
            one.serial: Instance(
                one.serial,
                one.loop,
                one.parent,
                one.total,
                one.thread,
                one.entered,
                one.completed,
                one.values,
                one.left,
                one.main,
            )
            for one in self.open.values()
        }


def _in_main(entered: list[_Open]) -> bool | None:
    """Tell whether a loop ran in the main thread: of one that ran in several, whether it ever did."""
    known = [one.main for one in entered if one.main is not None]
    return any(known) if known else None


def _is_ours(file: Any) -> bool:
    """Tell whether a frame belongs to what follows the target, not to the target."""
    return "/leakhunt/capture/" in str(file).replace("\\", "/")


_AGENT_KINDS = frozenset(
    {
        "header",
        "loss",
        "event",
        "loop",
        "enter",
        "sample",
        "leave",
        "checkpoint",
        "insertion",
        "window",
        "own",
        "end",
    }
)
