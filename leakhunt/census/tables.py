"""The data frames that the program's variables held at a census, as a file of their own beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from leakhunt.census.files import read_bytes, write_bytes


@dataclass(frozen=True, slots=True)
class Table:
    """A data frame in a variable: its columns, and the bytes of each where they are known.

    `function` is None for a global variable. Attributes of the running method's object read `self.name`.
    """

    file: str
    function: str | None
    name: str
    columns: list[str]
    bytes: list[int | None]


def tables_beside(census_path: str | os.PathLike[str]) -> str:
    """Return where the tables of a census are."""
    return os.fspath(census_path) + ".tables.json"


def save_tables(tables: Sequence[Table], path: str) -> None:
    """Write the tables that belong to a census. Raises OSError."""
    packed = [[one.file, one.function, one.name, one.columns, one.bytes] for one in tables]
    write_bytes(path, json.dumps(packed, separators=(",", ":")).encode("utf-8", "backslashreplace"))


def load_tables(path: str) -> list[Table]:
    """Return the tables in a file; none when it is missing or torn."""
    try:
        return [Table(*entry) for entry in json.loads(read_bytes(path))]
    except (OSError, ValueError, TypeError):
        return []
