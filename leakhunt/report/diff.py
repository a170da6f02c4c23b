"""The difference between two iterations, as tables in a terminal and as JSON.

Works on what `text.drawable` returned; computes nothing but the subtraction.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import TextIO, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leakhunt.findings.difference import Difference, LineChange, Moment, OwnerChange, TypeChange
from leakhunt.report.console import PlainConsole, silence
from leakhunt.report.text import SENTENCE, drawable, in_ascii, one_line
from leakhunt.units import format_bytes, format_count, format_seconds

WIDEST = 140
#: Rows of a table: the rest is in the JSON.
MOST_ROWS = 12
_PATH, _TYPE, _PLACE = 90, 40, 34
#: Beside the largest change of a table, changes below this share of it are small.
_SMALL = 0.01
T = TypeVar("T", OwnerChange, TypeChange, LineChange)
#: (what, before, after, change, further columns) of one row.
Row = tuple[str, ...]


def difference_json(difference: Difference) -> str:
    """Return the difference as a JSON document."""
    content = {"format": difference.format, **dataclasses.asdict(difference)}
    return json.dumps(content, indent=1, allow_nan=False)


def print_difference(
    difference: Difference, console: Console | None = None, *, file: TextIO | None = None
) -> None:
    """Print the difference on `console`, or on `file` (standard output by default)."""
    console = console or PlainConsole(file)
    try:
        _print(drawable(difference), console)
        console.file.flush()
    except BrokenPipeError:
        silence(console.file)


def _print(difference: Difference, console: Console) -> None:
    for line in _head(difference):
        _say(console, line)
    harmless = [one for one in difference.owners if one.noise is not None]
    owners = [one for one in difference.owners if one.noise is None]
    _table(console, "By owner", ("owner", "type", "items", "bytes", "change"), owners, _owner_row)
    if harmless:
        _say(
            console,
            f"and {_more(len(harmless), 'change')} in caches that are known to be harmless (see --json)",
        )
    home = difference.loop.file.rpartition("/")[0] + "/"
    source = "pympler" if difference.types_from == "pympler" else "the census"
    _table(
        console, f"By type (own sizes, from {source})", ("type", "objects", "bytes", "change"),
        difference.types, _type_row,
    )  # fmt: skip
    for title, lines in (
        ("By line: allocated by Python and not freed (tracemalloc)", difference.lines),
        ("By line: beyond that, allocated by native code and not freed (memray)", difference.native_lines),
    ):
        if lines is not None:
            _table(console, title, ("line", "blocks", "bytes", "change", "code"), lines,
                   lambda one: _line_row(one, home))  # fmt: skip
    for index, loss in enumerate(difference.losses):
        if index == 0:
            _say(console, "")
        _say(console, f"Not seen  {one_line(loss.what, SENTENCE)}")


def _head(difference: Difference) -> list[str]:
    before, after = difference.before, difference.after
    loop = difference.loop
    over = f" over {', '.join(loop.variables)}" if loop.variables else ""
    turns = after.iteration - before.iteration
    lines = [
        f"{one_line(difference.target)}: from iteration {_named(before)} to {_named(after)} "
        f"of the loop{over} ({loop.file.rpartition('/')[2]}:{loop.line})"
    ]
    for what, was, now in (
        ("resident memory", before.rss, after.rss),
        ("in use from malloc", before.in_use, after.in_use),
    ):
        if was is not None and now is not None:
            each = f", {format_bytes((now - was) / turns, signed=True)} per iteration"
            lines.append(f"{what}: {_from_to(was, now)} ({format_bytes(now - was, signed=True)}{each})")
    if before.seconds is not None and after.seconds is not None:
        lines.append(
            f"time between, with the recording: {format_seconds(abs(after.seconds - before.seconds))}"
        )
    return lines


def _named(moment: Moment) -> str:
    return f"{moment.iteration}" + (f" ({one_line(moment.label, 60)})" if moment.label else "")


def _owner_row(one: OwnerChange) -> Row:
    return (
        one_line(one.path, _PATH),
        one_line(one.type, _TYPE),
        _counts(one.items_before, one.items_after),
        _from_to(one.bytes_before, one.bytes_after),
        format_bytes(one.bytes_after - one.bytes_before, signed=True),
    )


def _type_row(one: TypeChange) -> Row:
    return (
        one_line(one.type, _PATH),
        _counts(one.count_before, one.count_after),
        _from_to(one.bytes_before, one.bytes_after),
        format_bytes(one.bytes_after - one.bytes_before, signed=True),
    )


def _line_row(one: LineChange, home: str) -> Row:
    file = one.file[len(home) :] if home and one.file.startswith(home) else "/".join(one.file.split("/")[-2:])
    return (
        one_line(f"{file}:{one.line}", _PLACE),
        _counts(one.count_before, one.count_after),
        _from_to(one.bytes_before, one.bytes_after),
        format_bytes(one.bytes_after - one.bytes_before, signed=True),
        one_line(one.code or ""),
    )


def _counts(before: int | None, after: int | None) -> str:
    texts = ["?" if count is None else format_count(count) for count in (before, after)]
    return texts[0] if texts[0] == texts[1] else " → ".join(texts)


def _from_to(before: int | None, after: int | None) -> str:
    texts = ["?" if size is None else format_bytes(size) for size in (before, after)]
    return texts[0] if texts[0] == texts[1] else " → ".join(texts)


def _more(count: int, noun: str) -> str:
    return f"{format_count(count)} {noun}" + ("s" if count != 1 else "")


def _table(
    console: Console, title: str, columns: Sequence[str], some: Sequence[T], row_of: Callable[[T], Row]
) -> None:
    """Print a table of the changes that are not small beside the largest; its last column is cut to fit."""
    _say(console, "")
    if not some:
        _say(console, f"{title}: nothing changed")
        return
    least = _SMALL * abs(_change(some[0]))
    rows = [row_of(one) for one in some[:MOST_ROWS] if abs(_change(one)) >= least]
    table = Table(box=box.SIMPLE_HEAD if _writes_unicode(console) else box.ASCII, pad_edge=False,
                  title=_text(console, title), title_justify="left", title_style="bold")  # fmt: skip
    width = min(console.width, WIDEST)
    others = sum(max(len(name), *(len(row[at]) for row in rows)) + 4 for at, name in enumerate(columns[:4]))
    for name in columns:
        number = name in ("items", "objects", "blocks", "bytes", "change")
        table.add_column(
            name, justify="right" if number else "left", no_wrap=number or name == "line", overflow="fold"
        )
    for row in rows:
        cells = [one_line(cell, max(12, width - others)) if name == "code" else cell
                 for name, cell in zip(columns, row, strict=True)]  # fmt: skip
        table.add_row(*(_text(console, cell) for cell in cells))
    for line in _printed(console, table, width):
        _say(console, line)
    if len(some) > len(rows):
        _say(console, f"and {_more(len(some) - len(rows), 'smaller change')} (see --json)")


def _printed(console: Console, table: Table, width: int) -> list[str]:
    """The table's lines with no spaces at their ends and no empty lines."""
    lines = console.render_lines(table, console.options.update(width=width), pad=False)
    texts = ("".join(segment.text for segment in line).rstrip() for line in lines)
    return [text for text in texts if text]


def _change(one: OwnerChange | TypeChange | LineChange) -> int:
    return one.bytes_after - one.bytes_before


def _text(console: Console, text: str) -> Text:
    """Text, never markup: nothing from the run is obeyed."""
    return Text(text if _writes_unicode(console) else in_ascii(text))


def _writes_unicode(console: Console) -> bool:
    return (console.encoding or "").lower().startswith("utf")


def _say(console: Console, line: str) -> None:
    console.print(_text(console, line), soft_wrap=True)
