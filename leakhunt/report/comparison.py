"""A comparison of runs, and the outcome of a check, as text for a terminal and as JSON.

Works on what `text.drawable` returned; every number and every judgement is the comparison's.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leakhunt.findings.comparison import Change, Checked, Comparison, Course, FindingChange
from leakhunt.report.console import PlainConsole, silence
from leakhunt.report.text import NAME, SENTENCE, TITLE, drawable, in_ascii, one_line, sparkline
from leakhunt.units import format_bytes, format_count, format_seconds

WIDEST = 140
MEASURES = {
    "peak": "Peak memory",
    "resident-growth": "Growth, resident",
    "malloc-growth": "Growth, malloc in use",
    "block-growth": "Growth, Python blocks",
    "seconds": "Time per iteration",
}
_STYLES = {"worse": "bold red", "new": "bold red", "better": "green", "gone": "green"}
_SPARK = 40


def comparison_json(comparisons: Sequence[Comparison], courses: Sequence[Course]) -> str:
    """Return comparisons with the same first side as a JSON document, with the courses of all runs."""
    content = {
        "format": 1,
        "comparisons": [dataclasses.asdict(one) for one in comparisons],
        "courses": [dataclasses.asdict(one) for one in courses],
    }
    return json.dumps(content, indent=1, allow_nan=False)


def checked_json(checked: Checked) -> str:
    """Return the outcome of a check as a JSON document."""
    return json.dumps({**dataclasses.asdict(checked), "failed": checked.failed}, indent=1, allow_nan=False)


def print_comparisons(
    comparisons: Sequence[Comparison],
    courses: Sequence[Course],
    console: Console | None = None,
    *,
    file: TextIO | None = None,
) -> None:
    """Print comparisons of several runs with one, on `console` or on `file` (standard output by default)."""
    console = console or PlainConsole(file)
    try:
        for one in comparisons:
            _print(drawable(one), console)
        _say(console, "")
        for shown in map(drawable, courses):
            line = sparkline([float(size) for _, size in shown.points], _SPARK)
            if line:
                peak = max(size for _, size in shown.points)
                _say(
                    console,
                    f"{line.ljust(_SPARK)}  {one_line(shown.label, NAME)}, up to {format_bytes(peak)}",
                )
        console.file.flush()
    except BrokenPipeError:
        silence(console.file)


def print_checked(checked: Checked, console: Console | None = None) -> None:
    """Print the outcome of a check, on standard error by default: standard output is the target's."""
    console = console or PlainConsole(sys.stderr)
    try:
        _print_checked(drawable(checked), console)
        console.file.flush()
    except BrokenPipeError:
        silence(console.file)


def verdict_line(checked: Checked) -> str:
    """Return the outcome in one line."""
    failing = [problem for problem in checked.problems if problem.fails]
    runs = "1 run" if checked.runs == 1 else f"{checked.runs} runs"
    if failing:
        count = "1 problem" if len(failing) == 1 else f"{len(failing)} problems"
        return f"FAILED  {one_line(checked.target, TITLE)}: {count} in {runs}"
    verdict = {"leak": "only accepted leaks", "no-leak": "nothing leaks"}.get(checked.verdict, "not decided")
    against = ", nothing worse than the baseline" if checked.comparison is not None else ""
    return f"PASSED  {one_line(checked.target, TITLE)}: {verdict} in {runs}{against}"


def change_cells(change: Change) -> tuple[str, str, str, str]:
    """Return (before, now, difference, standing) of a measure as text."""
    before, after = change.before.middle, change.after.middle
    return (
        amount(change.measure, before),
        amount(change.measure, after),
        "" if change.difference is None else amount(change.measure, change.difference, signed=True),
        change.standing,
    )


def finding_cells(one: FindingChange) -> tuple[str, str, str, str]:
    """Return (before, now, difference, standing) of a finding as text."""
    difference = None if one.before is None or one.after is None else one.after - one.before
    return (
        "-" if one.standing == "new" else _rate(one.before),
        "-" if one.standing == "gone" else _rate(one.after),
        "" if difference is None else format_bytes(difference, signed=True),
        one.standing,
    )


def amount(measure: str, value: float | None, *, signed: bool = False) -> str:
    """Return a value of a measure in its unit; "unknown" for None."""
    if value is None:
        return "unknown"
    if measure == "seconds":
        sign = "-" if value < 0 else "+" if signed else ""
        return f"{sign}{format_seconds(abs(value))}"
    if measure == "block-growth":
        return f"{format_count(value, signed=signed)}/iteration"
    text = format_bytes(value, signed=signed)
    return text if measure == "peak" else f"{text}/iteration"


def _rate(value: float | None) -> str:
    return "unknown" if value is None else f"{format_bytes(value)}/iteration"


def _print(comparison: Comparison, console: Console) -> None:
    before, after = comparison.before, comparison.after
    said = "" if comparison.differs else ": no difference"
    _say(console, f"{one_line(before.label, NAME)} → {one_line(after.label, NAME)}{said}")
    table = Table(box=box.SIMPLE_HEAD if _writes_unicode(console) else box.ASCII, pad_edge=False)
    for name, right in (("", False), ("before", True), ("now", True), ("difference", True), ("", False)):
        table.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    table.add_row(*(_text(console, cell) for cell in ("Verdict", before.verdict, after.verdict, "", "")))
    rows = [(MEASURES[change.measure], change_cells(change)) for change in comparison.changes]
    rows += [(one_line(one.title, TITLE), finding_cells(one)) for one in comparison.findings]
    for label, cells in rows:
        style = _STYLES.get(cells[3], "")
        table.add_row(*(_text(console, cell) for cell in (label, *cells[:3])), Text(cells[3], style=style))
    _print_table(console, table)
    for note in comparison.notes:
        _say(console, f"Note  {one_line(note, SENTENCE)}")


def _print_checked(checked: Checked, console: Console) -> None:
    style = "bold red" if checked.failed else "bold green"
    console.print(_text(console, verdict_line(checked), style), soft_wrap=True)
    for problem in checked.problems:
        mark = problem.kind.upper() if problem.fails else f"{problem.kind}, not failed on"
        where = f" ({one_line(problem.file, NAME)}:{problem.line})" if problem.file else ""
        _say(console, f"  {mark}: {one_line(problem.title, TITLE)}{where}")
        _say(console, f"      {one_line(problem.why, SENTENCE)}")
    for title in checked.accepted:
        _say(console, f"  accepted: {one_line(title, TITLE)}")
    if checked.comparison is not None:
        _print(checked.comparison, console)
    else:
        for note in checked.notes:
            _say(console, f"Note  {one_line(note, SENTENCE)}")


def _print_table(console: Console, table: Table) -> None:
    width = min(console.width, WIDEST)
    for line in console.render_lines(table, console.options.update(width=width), pad=False):
        text = Text()
        for segment in line:
            text.append(segment.text, segment.style)
        text.rstrip()
        if text.plain:
            console.print(text, soft_wrap=True)


def _text(console: Console, text: str, style: Any = "") -> Text:
    """Text, never markup: nothing from the run is obeyed."""
    return Text(text if _writes_unicode(console) else in_ascii(text), style=style)


def _writes_unicode(console: Console) -> bool:
    return (console.encoding or "").lower().startswith("utf")


def _say(console: Console, line: str) -> None:
    console.print(_text(console, line), soft_wrap=True)
