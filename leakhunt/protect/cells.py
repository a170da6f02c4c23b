"""Values of a results table as JSON and back: plain Python, numpy and pandas scalars, dates.

A cell that JSON has no form for is tagged with its type, `{"timestamp": "2026-01-05T00:00:00"}`. numpy
and pandas are recognised by what a value looks like and never imported here.
"""

from __future__ import annotations

import datetime
import decimal
import json
import math
from collections.abc import Mapping
from typing import Any

_DATES: dict[str, Any] = {
    "datetime": datetime.datetime,
    "date": datetime.date,
    "time": datetime.time,
}
_OTHERS = (decimal.Decimal, datetime.timedelta)
_MICROSECOND = datetime.timedelta(microseconds=1)


def plain(value: Any) -> Any:
    """Return the value as plain Python: numpy scalars as numbers, missing values of pandas as None.

    Raises TypeError for what is no scalar, naming its type.
    """
    if value is None or type(value) in (bool, int, float, str, *_OTHERS, *_DATES.values()):
        return value
    module = type(value).__module__.partition(".")[0]
    if module == "pandas":
        if type(value).__name__ in ("NaTType", "NAType"):
            return None
        if hasattr(value, "to_pydatetime"):
            return value.to_pydatetime(warn=False)
        if hasattr(value, "to_pytimedelta"):
            return value.to_pytimedelta()
    if module == "numpy" and getattr(value, "shape", None) == ():
        # datetime64 in nanoseconds becomes an integer by item(): its text is the date
        if type(value).__name__ == "datetime64":
            text = str(value)
            return None if text == "NaT" else datetime.datetime.fromisoformat(text[:26])
        if type(value).__name__ == "timedelta64":
            if str(value) == "NaT":
                return None
            return value.astype("timedelta64[us]").astype("int64").item() * _MICROSECOND
        item = value.item()
        # a long double is its own item
        return float(item) if type(item) is type(value) else plain(item)
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return base(value)
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} is no single value")


def encode_row(row: Mapping[str, Any]) -> str:
    """Return the row as one line of JSON. Raises TypeError naming the column that cannot be kept."""
    cells = {}
    for column, value in row.items():
        try:
            cells[column] = _tagged(plain(value))
        except TypeError as error:
            raise TypeError(f"{column}: {error}; save numbers, text or dates") from None
    return json.dumps(cells, separators=(",", ":"))


def decode_row(text: str) -> dict[str, Any]:
    """Return the row that `encode_row` wrote."""
    return {column: _untagged(cell) for column, cell in json.loads(text).items()}


def encode_key(values: tuple[Any, ...]) -> str:
    """Return what a key is compared by. Equal numbers are equal keys, whatever their type (3, 3.0)."""
    return json.dumps([_tagged(_canonical(plain(value))) for value in values], separators=(",", ":"))


def _canonical(value: Any) -> Any:
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    return int(value) if isinstance(value, bool) else value


def _tagged(value: Any) -> Any:
    # datetime is a date too: the exact type decides
    for tag, kind in _DATES.items():
        if type(value) is kind:
            return {tag: value.isoformat()}
    if isinstance(value, datetime.timedelta):
        return {"microseconds": value // _MICROSECOND}
    return {"decimal": str(value)} if isinstance(value, decimal.Decimal) else value


def _untagged(cell: Any) -> Any:
    if not isinstance(cell, dict):
        return cell
    ((tag, text),) = cell.items()
    if tag == "microseconds":
        return text * _MICROSECOND
    return decimal.Decimal(text) if tag == "decimal" else _DATES[tag].fromisoformat(text)
