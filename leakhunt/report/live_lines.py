"""The two to four lines that stand below the output of a running target, drawn for a terminal.

Draws what it is given as lines of text with colours in it; where and when they are shown is not its business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from leakhunt.findings.diagnosis import Position
from leakhunt.report.console import PlainConsole
from leakhunt.report.wording import STEP, open_loop

_BAR = 24
#: Below this width a bar would take the place of what says more.
_NARROW = 60


def lines_below(
    stream: TextIO, title: str, elapsed: str, loops: Sequence[Position], memory: str, spark: str, width: int
) -> list[str]:
    """Return a title, where the loops stand (the outermost, and what is inside it), and memory."""
    console = PlainConsole(stream, width=max(width, 1))
    rows: list[RenderableType] = [_heading(title, elapsed, width)]
    if loops:
        rows.append(_loop_rows(loops, width))
    if memory:
        line = Text(memory)
        if spark and cell_len(memory) + 2 + len(spark) <= width:
            line.append(f"  {spark}", style="blue")
        rows.append(line)
    with console.capture() as capture:
        for row in rows:
            console.print(row, no_wrap=True, overflow="ellipsis")
    return capture.get().splitlines()


def _heading(title: str, elapsed: str, width: int) -> Text:
    left, right = f"── {title} ", f" {elapsed} ──"
    line = left + "─" * max(0, width - cell_len(left) - cell_len(right)) + right
    return Text(line, style="dim")


def _loop_rows(loops: Sequence[Position], width: int) -> Table:
    """Return one row for the outermost loop and one for all those inside it, with the innermost's bar."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, overflow="ellipsis")
    for row in filter(None, (loops[:1], loops[1:])):
        name = Text(STEP.join(open_loop(at) for at in row), style="cyan")
        total, number = row[-1].total, row[-1].number
        if total and width >= _NARROW:
            done = min(max(number - 1, 0), total)
            table.add_row(name, ProgressBar(total, done, width=_BAR), f"{done / total:.0%}")
        else:
            table.add_row(name, "", "")
    return table
