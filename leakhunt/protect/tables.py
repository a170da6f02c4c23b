"""Writes rows of results as CSV or Parquet, whole or not at all; appends single rows to a CSV."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `rows` to `path` through a temporary file that is on the disk before it takes the name.

    Parquet goes through pandas. Raises OSError, and for what Parquet cannot hold (a column of text and
    numbers) ValueError or TypeError; ImportError where pandas or its engine is missing.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.suffix == ".parquet":
            frame_of(columns, rows).to_parquet(temporary, index=False)
        else:
            text = _lines([columns, *([row.get(column) for column in columns] for row in rows)])
            temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
        _to_disk(temporary)
        os.replace(temporary, path)
        _to_disk(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def frame_of(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> pandas.DataFrame:
    """Return the rows as a table; whole numbers stay whole where some are missing."""
    import pandas

    frame = pandas.DataFrame(list(rows), columns=list(columns))
    for column in columns:
        values = [row.get(column) for row in rows]
        kinds = {type(value) for value in values}
        if kinds == {int, type(None)} and all(value is None or -(2**63) <= value < 2**63 for value in values):
            frame[column] = pandas.array(values, dtype="Int64")
    return frame


def append_row(path: Path, columns: Sequence[str], row: Mapping[str, Any]) -> None:
    """Append one row in a single write. Raises OSError."""
    text = _lines([[row.get(column) for column in columns]])
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, text.encode("utf-8", "backslashreplace"))
    finally:
        os.close(handle)


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
