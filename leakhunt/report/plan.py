"""A plan as tables in a terminal and as JSON. Computes nothing."""

from __future__ import annotations

import dataclasses
import json
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leakhunt.findings.plan import Choice, Memory, RunPlan, Trial, Values
from leakhunt.report.console import PlainConsole, silence
from leakhunt.report.text import SENTENCE, in_ascii, one_line
from leakhunt.units import format_bytes, format_count

#: Settings in the last table; all are in the JSON.
MOST_ROWS = 30
_WIDE = 120


def plan_json(plan: RunPlan) -> str:
    """Return the plan as a JSON document."""
    return json.dumps({"format": plan.format, **dataclasses.asdict(plan)}, indent=1, allow_nan=False)


def print_plan(plan: RunPlan, console: Console | None = None, *, file: TextIO | None = None) -> None:
    """Print the plan on `console`, or on `file` (standard output by default)."""
    console = console or PlainConsole(file)
    try:
        _print(plan, console)
        console.file.flush()
    except BrokenPipeError:
        silence(console.file)


def _print(plan: RunPlan, console: Console) -> None:
    best = plan.recommended
    if best is None:
        smallest = min(plan.choices, key=lambda choice: choice.peak)
        answer = f"None of these settings fits: the smallest takes {format_bytes(smallest.peak)}"
    else:
        answer = f"Recommended: {_setting(best.values)} ({format_bytes(best.peak)}{_speed(best)})"
    _say(console, answer)
    _say(console, f"Memory: {_memory(plan.memory)}")
    parts = [
        f"{format_bytes(term.bytes)}{'' if term.what == 'base' else f' per {one_line(term.what, 60)}'}"
        for term in plan.terms
    ]
    _say(console, f"Peak   = {' + '.join(parts)}")
    names = list(plan.choices[0].values)
    _say(console, "")
    tried = _table(console, "Tried", [*names, "peak", "model", "error", "per second", ""])
    for trial in plan.trials:
        tried.add_row(*_values(trial.values), format_bytes(trial.peak), format_bytes(trial.predicted),
                      f"{trial.error:+.0%}", _rate(trial.rate, exact=True), _how(trial))  # fmt: skip
    _show(console, tried)
    _say(console, "")
    all_of_them = _table(console, "All settings", [*names, "peak", "per second", "fits"])
    ranked = sorted(plan.choices, key=lambda choice: (choice.fits is False, -(choice.rate or 0.0)))
    for choice in ranked[:MOST_ROWS]:
        fits = {True: "yes", False: "no", None: "?"}[choice.fits]
        if best is not None and choice.values == best.values:
            fits += "  (recommended)"
        all_of_them.add_row(*_values(choice.values), format_bytes(choice.peak),
                            _rate(choice.rate, exact=choice.measured), fits)  # fmt: skip
    _show(console, all_of_them)
    if len(ranked) > MOST_ROWS:
        _say(console, f"and {len(ranked) - MOST_ROWS} more (see --json)")
    for loss in plan.losses:
        _say(console, f"Not seen  {one_line(loss.what, SENTENCE)}")


def _memory(memory: Memory) -> str:
    room = format_bytes(memory.room)
    if not memory.asked.endswith("%") or memory.total is None:
        return f"{room} for the program"
    where = "control group" if memory.source == "cgroup" else "machine"
    return (
        f"{room} for the program ({one_line(memory.asked, 20)} of the {where}'s {format_bytes(memory.total)}, "
        f"{format_bytes(memory.used)} used by others)"
    )


def _how(trial: Trial) -> str:
    words = "fitted" if trial.calibrated else "checked"
    return words if trial.finished else f"{words}, stopped"


def _speed(choice: Choice) -> str:
    return "" if choice.rate is None else f", {_rate(choice.rate, exact=choice.measured)} iterations a second"


def _rate(rate: float | None, *, exact: bool) -> str:
    if rate is None:
        return "?"
    text = format_count(rate) if rate >= 100 else f"{rate:.3g}"
    return text if exact else f"~{text}"


def _setting(values: Values) -> str:
    return ", ".join(f"{one_line(name, 40)} {value:g}" for name, value in values.items())


def _values(values: Values) -> list[str]:
    return [f"{value:g}" for value in values.values()]


def _table(console: Console, title: str, columns: list[str]) -> Table:
    style = box.SIMPLE_HEAD if _writes_unicode(console) else box.ASCII
    table = Table(box=style, pad_edge=False, title=Text(title), title_justify="left", title_style="bold")
    for name in columns:
        table.add_column(
            Text(one_line(name, 30)), justify="left" if name in ("", "fits") else "right", no_wrap=True
        )
    return table


def _show(console: Console, table: Table) -> None:
    """Print a table with no spaces at the ends of its lines; numbers are never cut."""
    wide = console.options.update(width=max(console.width, _WIDE))
    for line in console.render_lines(table, wide, pad=False):
        text = "".join(segment.text for segment in line).rstrip()
        if text:
            _say(console, text)


def _writes_unicode(console: Console) -> bool:
    return (console.encoding or "").lower().startswith("utf")


def _say(console: Console, line: str) -> None:
    console.print(Text(line if _writes_unicode(console) else in_ascii(line)), soft_wrap=True)
