"""Loop variables as plain values: numbers as numbers, the rest as short text.

Runs no code of the user: no `__repr__`, no property, nothing that a subclass could override.
"""

from __future__ import annotations

import sys

# The target may replace a builtin: we keep what Python came with.
from builtins import (  # noqa: UP029
    AttributeError,
    OverflowError,
    TypeError,
    ValueError,
    bool,
    float,
    getattr,
    int,
    len,
    list,
    object,
    repr,
    str,
    tuple,
    type,
    zip,
)
from typing import Any

_LONGEST = 80
_BIGGEST_INT = 1 << 63
_type_name = type.__dict__["__name__"].__get__
_type_module = type.__dict__["__module__"].__get__
_type_mro = type.__dict__["__mro__"].__get__
#: Classes of the standard library whose text is short and made without user code.
_PRINTABLE = {
    ("pathlib", "PosixPath"), ("pathlib", "WindowsPath"), ("pathlib", "PurePosixPath"),
    ("pathlib._local", "PosixPath"), ("pathlib._local", "WindowsPath"), ("pathlib._local", "PurePosixPath"),
    ("datetime", "datetime"), ("datetime", "date"), ("datetime", "time"), ("datetime", "timedelta"),
    ("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID"),
    ("pandas._libs.tslibs.timestamps", "Timestamp"),
}  # fmt: skip


def plain(value: Any) -> Any:
    """Return `value` if it is a scalar that JSON can hold, else a text of at most 80 characters."""
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return value
    if kind is int:
        return value if -_BIGGEST_INT < value < _BIGGEST_INT else f"<int of {value.bit_length()} bits>"
    if kind is str:
        return _cut(value)
    if kind is tuple:
        return _tuple_text(value)
    try:
        return _unusual(value, kind)
    except (TypeError, ValueError, AttributeError, OverflowError):
        return f"<{_type_name(kind)}>"


def bound(item: Any, shape: Any) -> list[Any] | None:
    """Return the plain values of the variables that unpacking `item` like `shape` binds; None if unclear."""
    if shape is None:
        return [plain(item)]
    if shape == "*":
        return [f"<{_type_name(type(item))}>"]
    kind = type(item)
    if kind is not tuple and kind is not list:
        return None
    if "*" in shape:
        star = shape.index("*")
        tail = len(shape) - star - 1
        if len(item) < star + tail:
            return None
        stop = len(item) - tail
        item = [*item[:star], item[star:stop], *item[stop:]]
    if len(item) != len(shape):
        return None
    values: list[Any] = []
    for part, inner in zip(item, shape, strict=True):
        parts = bound(part, inner)
        if parts is None:
            return None
        values += parts
    return values


def text_of(values: list[Any] | None) -> str:
    """Return the values as one line of text for the position page."""
    return ", ".join(value if type(value) is str else repr(value) for value in values or ())


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _tuple_text(value: tuple[Any, ...]) -> str:
    if len(value) > 6:
        return f"<tuple of {len(value)}>"
    parts = []
    for part in value:
        kind = type(part)
        if kind is tuple:
            parts.append("(…)")
        else:
            shown = plain(part)
            parts.append(repr(shown) if kind is str or type(shown) is not str else shown)
    return _cut("(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")")


def _unusual(value: Any, kind: type) -> Any:
    name, module = _type_name(kind), _type_module(kind)
    if (module, name) in _PRINTABLE:
        owner = sys.modules.get(module.split(".")[0])
        if owner is not None and getattr(owner, name, None) is kind:
            return _cut(str(value))
    numpy = sys.modules.get("numpy")
    generic = getattr(numpy, "generic", None)
    if module == "numpy" and generic is not None and generic in _type_mro(kind):
        plain_value = generic.item(value)
        if type(plain_value) in (int, float, bool, str):
            return plain(plain_value)
        return _cut(str(plain_value)) if type(plain_value).__module__ == "datetime" else f"<{name}>"
    enum = sys.modules.get("enum")
    if enum is not None and type(kind) is enum.EnumMeta:
        member = object.__getattribute__(value, "__dict__").get("_name_")
        if type(member) is str:
            return _cut(f"{name}.{member}")
    return f"<{name}>"
