"""A diagnosis as JSON text and back: `from_json(to_json(diagnosis))` is the same diagnosis.

Every field is written, None as null; a float that is no number is null too. Fields that a newer
leakhunt added are ignored when read, fields that an older one lacked get their defaults.
This module does not write files.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from typing import Any

from leakhunt.errors import LeakhuntError
from leakhunt.findings.diagnosis import Diagnosis
from leakhunt.report.text import interval, plain_number


def to_json(diagnosis: Diagnosis, *, indent: int | None = 2) -> str:
    """Return the report as strict JSON in ASCII: no NaN, no half of a surrogate pair."""
    return json.dumps(to_plain(diagnosis), indent=indent, ensure_ascii=True, allow_nan=False)


def to_plain(value: Any) -> Any:
    """Return a diagnosis as dicts, lists, strings, finite numbers and None."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # Half of a pair (surrogateescape in file names) is refused by strict JSON readers.
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        written = {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {name: interval(item) if name.endswith("_ci") else item for name, item in written.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return plain_number(value)


def from_json(text: str | bytes) -> Diagnosis:
    """Return the diagnosis that `text` holds; LeakhuntError when it is not a report of format 1."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _unreadable(f"it is not JSON ({error})") from None
    if not isinstance(data, dict) or "verdict" not in data:
        raise _unreadable("it has no verdict")
    if data.get("format") != 1:
        raise _unreadable(f"its format is {data.get('format')!r} and this leakhunt reads format 1")
    try:
        diagnosis = _build(Diagnosis, data)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(f"a field is missing or wrong ({error})") from None
    assert isinstance(diagnosis, Diagnosis)
    return diagnosis


def _unreadable(problem: str) -> LeakhuntError:
    message = f"not a leakhunt report: {problem}; give a file that `leakhunt profile --json FILE` wrote"
    return LeakhuntError(message, slug="report-unreadable")


def _build(kind: Any, data: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        inner = [choice for choice in arguments if choice is not type(None)]
        return None if data is None else _build(inner[0], data)
    if origin is typing.Literal:
        if data not in arguments:
            raise ValueError(f"{data!r} is none of {', '.join(map(str, arguments))}")
        return data
    if origin is list:
        return [_build(arguments[0], item) for item in _expect(data, list)]
    if origin is tuple:
        return tuple(_build(part, item) for part, item in zip(arguments, _expect(data, list), strict=True))
    if dataclasses.is_dataclass(kind):
        _expect(data, dict)
        hints = typing.get_type_hints(kind)
        known = [f.name for f in dataclasses.fields(kind) if f.name in data]
        return kind(**{name: _build(hints[name], data[name]) for name in known})  # type: ignore[operator]
    return _scalar(kind, data)


def _scalar(kind: type, data: Any) -> Any:
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return data
    if kind is int and isinstance(data, float) and data.is_integer():
        return int(data)
    if isinstance(data, bool) and kind is not bool:
        raise TypeError(f"{data!r} is not {kind.__name__}")
    return _expect(data, kind)


def _expect(data: Any, kind: type) -> Any:
    if not isinstance(data, kind):
        raise TypeError(f"{data!r:.60} is not {kind.__name__}")
    return data
