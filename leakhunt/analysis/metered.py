"""Which line adds to a counter of the process, from the turns that were metered line by line.

A line is named when it made at least half of a turn's growth in every metered turn but at most one, and
in two at least: what one turn shows may be an accident.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass

from leakhunt.analysis.source import Source, read_source
from leakhunt.findings.diagnosis import Frame, Site
from leakhunt.model.layers import Line
from leakhunt.model.run import LoopTrace, Run
from leakhunt.units import format_bytes, format_count

_FEWEST_TURNS = 2
_LEAST_SHARE = 0.5
#: A line that takes much more in a turn than the turn leaves behind gives most of it back later.
_MOST_SHARE = 2.0
_MEMORY = frozenset({"malloc", "mapped"})
_PYTHONS_OWN = frozenset(
    name
    for kind in (builtins, str, bytes, bytearray, list, tuple, dict, set, frozenset)
    for name in dir(kind)
)


@dataclass(frozen=True, slots=True)
class Metered:
    """A line that adds `net` (mean per metered turn) to a counter, in `seen` of `turns` metered turns."""

    line: Line
    net: float
    seen: int
    turns: int
    source: Source | None
    memory: bool

    @property
    def place(self) -> str:
        """The line as `file.py:12`."""
        return f"{self.line.file.rpartition('/')[2]}:{self.line.line}"

    @property
    def sentence(self) -> str:
        """The measurement as evidence."""
        added = format_bytes(self.net, signed=True) if self.memory else format_count(self.net, signed=True)
        what = f"Metered line by line, {self.place} added {added} in {self.seen} of {self.turns} turns"
        library = self.library
        return f"{what}; it calls into {library}." if library else f"{what}."

    @property
    def only_python(self) -> bool:
        """Tell whether the line calls nothing but functions, types and methods of Python's own."""
        if self.source is None:
            return False
        called = [
            node.func
            for node in self.source.nodes
            if isinstance(node, ast.Call)
            and node.lineno <= self.line.line <= (node.end_lineno or node.lineno)
        ]
        names = [
            func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
            for func in called
        ]
        return bool(names) and all(name in _PYTHONS_OWN and name not in self.source.defined for name in names)

    @property
    def library(self) -> str | None:
        """The one imported module that the line's statement uses by name; None without, or with several."""
        if self.source is None:
            return None
        imported: dict[str, str] = {}
        used: set[str] = set()
        for node in self.source.nodes:
            if isinstance(node, ast.Import):
                imported.update({(one.asname or one.name).partition(".")[0]: one.name for one in node.names})
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.update({one.asname or one.name: node.module for one in node.names})
            elif isinstance(node, ast.Name) and node.lineno == self.line.line:
                used.add(node.id)
        found = {imported[name].partition(".")[0] for name in used if name in imported}
        return found.pop() if len(found) == 1 else None

    def site(self, rate: float | None) -> Site:
        """Return the line as a finding's site."""
        share = min(1.0, self.net / rate) if rate and self.memory else None
        frames = self.line.stack or [(self.line.file, self.line.line, self.line.function)]
        return Site(
            self.line.file,
            self.line.line,
            self.line.function,
            self.net if self.memory else None,
            share,
            "census",
            [Frame(*frame) for frame in frames],
            role="allocation",
            code=self.source.code(self.line.line) if self.source else None,
        )


def metered_line(run: Run, loop: LoopTrace, meter: str, rate: float) -> Metered | None:
    """Return the line that makes `meter` grow by `rate` per turn; None when no line was seen to."""
    turns = [
        one for one in run.layers.brackets if one.loop == loop.id and one.meter == meter and one.complete
    ]
    if len(turns) < _FEWEST_TURNS or rate <= 0:
        return None
    seen: dict[tuple[str, int], list[Line]] = {}
    for turn in turns:
        for line in turn.lines:
            if line.net >= _LEAST_SHARE * rate:
                seen.setdefault((line.file, line.line), []).append(line)
    # A line may take as much and another give it back: the one that is meant adds what the counter grows by.
    lines = min(seen.values(), key=lambda found: (-len(found), abs(_mean_net(found) - rate)), default=[])
    if len(lines) < max(_FEWEST_TURNS, len(turns) - 1):
        return None
    source = read_source(lines[0].file, changed_before=run.started)
    net = _mean_net(lines)
    if meter == "malloc" and net > _MOST_SHARE * rate:
        return None
    return Metered(lines[0], net, len(lines), len(turns), source, meter in _MEMORY)


def _mean_net(lines: list[Line]) -> float:
    return sum(line.net for line in lines) / len(lines)
