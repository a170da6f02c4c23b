"""Draws what may go wrong: a table for the terminal, worst first, and the same as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from leakhunt.findings.concerns import Concern, is_safe
from leakhunt.report.console import PlainConsole, silence

FORMAT = 1
_STYLES = {"unsafe": "bold red", "risky": "yellow", "note": "dim"}


def print_concerns(concerns: Sequence[Concern], facts: str, console: PlainConsole | None = None) -> None:
    """Print the concerns, which are in order, below one line of facts about the machine."""
    console = console or PlainConsole()
    try:
        console.print(Text(facts, style="dim"))
        if concerns:
            console.print(_table(concerns))
        for one in concerns:
            if one.where is not None:
                _print_change(console, one)
        console.print(Text(verdict(concerns), style="bold"))
        console.file.flush()
    except BrokenPipeError:
        silence(console.file)


def verdict(concerns: Sequence[Concern]) -> str:
    """Return the last line: whether to start."""
    unsafe = sum(1 for one in concerns if one.severity == "unsafe")
    if unsafe:
        return f"unsafe: {unsafe} {'thing' if unsafe == 1 else 'things'} to change before it is started"
    risky = sum(1 for one in concerns if one.severity == "risky")
    return f"safe to start; {risky} {'risk' if risky == 1 else 'risks'}" if risky else "safe to start"


def concerns_as_json(concerns: Sequence[Concern], machine: Mapping[str, Any]) -> str:
    """Return the concerns and the facts they rest on as JSON."""
    content = {
        "format": FORMAT,
        "safe": is_safe(concerns),
        "concerns": [_plain(one) for one in concerns],
        "machine": machine,
    }
    return json.dumps(content, indent=1, default=str)


def _plain(one: Concern) -> dict[str, Any]:
    return {
        "slug": one.slug, "severity": one.severity, "what": one.what, "figure": one.figure, "why": one.why,
        "do": one.do, "code": one.code or None,
        "file": one.where.file if one.where else None, "line": one.where.line if one.where else None,
    }  # fmt: skip


def _table(concerns: Sequence[Concern]) -> Table:
    table = Table(show_edge=False, pad_edge=False, box=None, padding=(0, 2, 0, 0))
    for name, ratio in (("", None), ("what", 3), ("figure", 2), ("what to do", 4)):
        table.add_column(name, ratio=ratio, overflow="fold", no_wrap=name == "")
    for one in concerns:
        style = _STYLES[one.severity]
        what = one.what if one.where is None else f"{os.path.basename(_place(one))}  {one.what}"
        table.add_row(Text(one.severity, style=style), Text(what), Text(one.figure), Text(one.do))
    return table


def _print_change(console: PlainConsole, one: Concern) -> None:
    console.print()
    console.print(Text(f"{_place(one)}  {one.what}", style="bold"))
    if one.why:
        console.print(Padding(Text(one.why), (0, 0, 0, 2)))
    if one.code:
        console.print(Padding(Text(one.code, style="cyan"), (0, 0, 0, 4)))


def _place(one: Concern) -> str:
    if one.where is None:
        return ""
    near = os.path.relpath(one.where.file)
    return f"{one.where.file if near.startswith(os.pardir) else near}:{one.where.line}"
