"""The JSON Schema of the report, generated from the types in `leakhunt.findings.diagnosis`.

`python -m leakhunt.report.schema` prints it; `report.schema.json` beside this file is that text
(a test compares them). Descriptions are the docstrings of the types.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import types
import typing
from typing import Any

from leakhunt.findings.diagnosis import Diagnosis

_PLAIN: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_TITLE = "leakhunt report, format 1"
_INTRODUCTION = (
    "Fields may be added; those below never change meaning within format 1. Sizes are bytes, times are "
    "seconds, instants are Unix seconds. What was not measured is null, never 0."
)


def report_schema() -> dict[str, Any]:
    """Return the schema of `to_json`'s text (JSON Schema, draft 2020-12)."""
    shapes: dict[str, Any] = {}
    root = _object(Diagnosis, shapes)
    root["properties"]["format"] = {"const": 1}
    root["required"].append("format")
    root["description"] = f"{root['description']} {_INTRODUCTION}"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": _TITLE,
        **root,
        "$defs": dict(sorted(shapes.items())),
    }


def schema_text() -> str:
    """Return the text of `report.schema.json`."""
    return json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n"


def _object(kind: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    shape: dict[str, Any] = {"type": "object"}
    if description := _description(kind):
        shape["description"] = description
    shape["required"] = [f.name for f in fields if _is_required(f)]
    shape["properties"] = {f.name: _property(f.name, hints[f.name], shapes) for f in fields}
    return shape


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _description(kind: Any) -> str | None:
    text = inspect.getdoc(kind) or ""
    # dataclass() writes a signature where the author wrote nothing.
    return None if text.startswith(f"{kind.__name__}(") else " ".join(text.split())


def _property(name: str, kind: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    shape = _shape(kind, shapes)
    if name.endswith("_ci"):
        shape |= {"minItems": 2, "maxItems": 2, "description": "95 % interval: lower and upper end"}
    return shape


def _shape(kind: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        inner = next(choice for choice in arguments if choice is not type(None))
        return _or_null(_shape(inner, shapes))
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _shape(arguments[0], shapes)}
    if origin is tuple:
        items = [_shape(part, shapes) for part in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if dataclasses.is_dataclass(kind):
        name = kind.__name__ if isinstance(kind, type) else type(kind).__name__
        if name not in shapes:
            shapes[name] = {}  # holds the place, in case a type refers to itself
            shapes[name] = _object(kind, shapes)
        return {"$ref": f"#/$defs/{name}"}
    return {"type": _PLAIN[kind]}


def _or_null(shape: dict[str, Any]) -> dict[str, Any]:
    if "enum" in shape:
        return {"enum": [*shape["enum"], None]}
    if "$ref" in shape:
        return {"anyOf": [shape, {"type": "null"}]}
    return {**shape, "type": [shape["type"], "null"]}


if __name__ == "__main__":
    print(schema_text(), end="")
