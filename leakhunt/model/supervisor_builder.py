"""Collects the supervisor's records: the process tree over time, limits, signals, the exit.

Reads no files and judges nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

from leakhunt.model.fields import loss_from, number, number_or_none, signal_name, text, whole
from leakhunt.model.run import Column, Exit, Limits, LossSeen, ProcessSeen, TreeTrace


class SupervisorBuilder:
    """What the supervisor's journal says: the process tree over time, limits, signals, the exit."""

    def __init__(self, origin: float) -> None:
        self.origin = origin
        self.header: Mapping[str, Any] = {}
        self.columns = {
            name: array("d") for name in ("seconds", "tree_rss", "main_rss", "processes", "available")
        }
        self.processes: dict[int, ProcessSeen] = {}
        self.limits: Limits | None = None
        self.exit: Exit | None = None
        self.signals: list[str] = []
        self.losses: list[LossSeen] = []
        self.events: list[tuple[float, str, Any]] = []
        self.argv: list[str] | None = None
        self.pid: int | None = None

    def add(self, kind: str, boot: float, fields: Mapping[str, Any]) -> None:
        """Take in one record."""
        now = boot - self.origin
        if kind == "tree":
            self.columns["seconds"].append(now)
            for name in ("tree_rss", "main_rss", "processes", "available"):
                self.columns[name].append(number(fields.get(name)))
        elif kind == "header":
            self.header = self.header or fields
        elif kind == "limits":
            self.limits = Limits(
                whole(fields.get("memory_total")),
                whole(fields.get("memory_available")),
                whole(fields.get("limit")),
                text(fields.get("source")),
            )
        elif kind == "start":
            self.pid = whole(fields.get("pid"))
            self.argv = [str(part) for part in fields.get("argv") or []]
        elif kind == "process":
            self._process(now, fields)
        elif kind == "signal":
            self.signals.append(str(fields.get("name") or fields.get("number")))
        elif kind == "loss":
            self.losses.append(loss_from(fields))
        elif kind == "event":
            self.events.append((now, str(fields.get("name")), fields.get("detail")))
        elif kind == "exit":
            self.exit = Exit(
                whole(fields.get("exit_code")),
                signal_name(fields.get("signal")),
                whole(fields.get("oom_kills")),
                whole(fields.get("peak_rss")),
                number_or_none(fields.get("seconds")),
            )

    def _process(self, now: float, fields: Mapping[str, Any]) -> None:
        pid = whole(fields.get("pid"))
        if pid is None:
            return
        before = self.processes.get(pid)
        peaks = [peak for peak in (whole(fields.get("peak_rss")), before and before.peak_rss) if peak]
        self.processes[pid] = ProcessSeen(
            pid,
            whole(fields.get("ppid")) or (before.ppid if before else None),
            text(fields.get("role")) or (before.role if before else "subprocess"),
            text(fields.get("command")) or (before.command if before else None),
            max(peaks, default=None),
            before.first_seen if before else now,
            fields.get("alive") is not False,
        )

    def tree(self) -> TreeTrace:
        """Return the tree's samples as arrays."""
        kept: dict[str, Column] = {
            name: np.frombuffer(column, dtype=np.float64) if column else np.empty(0)
            for name, column in self.columns.items()
        }
        return TreeTrace(**kept)
