"""Data frames in variables: their columns and bytes are read, and nothing of the program runs for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leakhunt.capture.heap.edges import learn
from leakhunt.capture.heap.roots import Project, walk_from_roots
from leakhunt.capture.heap.tables import record_tables, tables_of
from leakhunt.capture.heap.walk import Walk
from leakhunt.census.tables import Table, load_tables, tables_beside

ROWS = 1000


def seen() -> list[Table]:
    walk = Walk(learn, cpu_seconds=10.0, forked=False)
    walk_from_roots(walk, Project.at(str(Path(__file__).parent)), libraries=True)
    return [table for table in tables_of(walk) if table.file == __file__]


def sizes(name: str) -> dict[str, int | None]:
    table = next(one for one in seen() if one.name == name)
    return dict(zip(table.columns, table.bytes, strict=True))


def test_columns_of_numbers_have_the_bytes_of_their_arrays() -> None:
    df = pd.DataFrame({"a": np.arange(ROWS), "b": np.arange(ROWS) * 0.5, "c": np.arange(ROWS, dtype="int8")})

    assert sizes("df") == {"a": 8 * ROWS, "b": 8 * ROWS, "c": ROWS}
    assert len(df) == ROWS


def test_columns_of_texts_have_the_bytes_of_their_texts() -> None:
    df = pd.DataFrame({"a": np.arange(ROWS), "text": [f"{number:0100d}" for number in range(ROWS)]})

    text = sizes("df")["text"]
    assert text is not None
    assert 100 * ROWS <= text <= 200 * ROWS
    assert len(df) == ROWS


@pytest.mark.slow
def test_dates_categories_and_nullable_numbers_are_measured() -> None:
    df = pd.DataFrame(
        {
            "when": pd.date_range("2026-01-01", periods=ROWS),
            "kind": pd.Categorical(["x", "y"] * (ROWS // 2)),
            "count": pd.array([1, None] * (ROWS // 2), dtype="Int64"),
        }
    )

    assert sizes("df") == {"when": 8 * ROWS, "kind": ROWS, "count": 9 * ROWS}
    assert len(df) == ROWS


@pytest.mark.slow
def test_a_frame_read_from_parquet_has_its_columns(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    pd.DataFrame({"id": np.arange(ROWS), "name": ["n"] * ROWS}).to_parquet(tmp_path / "t.parquet")
    df = pd.read_parquet(tmp_path / "t.parquet")

    assert list(sizes("df")) == ["id", "name"]
    assert sizes("df")["id"] == 8 * ROWS
    assert len(df) == ROWS


def test_a_view_of_some_rows_has_the_bytes_of_these_rows() -> None:
    df = pd.DataFrame({"a": np.arange(ROWS), "b": np.arange(ROWS)})
    part = df.iloc[:10]

    assert sizes("part") == {"a": 80, "b": 80}
    assert len(part) == 10


@pytest.mark.slow
def test_columns_without_plain_names_are_left_out() -> None:
    numbered = pd.DataFrame(np.zeros((3, 3)))
    twice = pd.DataFrame(np.zeros((3, 2)), columns=["a", "a"])
    nested = pd.DataFrame(np.zeros((3, 1)), columns=pd.MultiIndex.from_tuples([("a", "b")]))

    assert {table.name for table in seen()} & {"numbered", "twice", "nested"} == set()
    assert len(numbered) == len(twice) == len(nested)


class Spying(pd.DataFrame):
    """A frame that tells when somebody asks it for anything."""

    asked: list[str] = []  # noqa: RUF012

    def __getattribute__(self, name: str) -> Any:
        Spying.asked.append(name)
        return super().__getattribute__(name)


@pytest.mark.slow
def test_a_subclass_is_read_without_asking_it() -> None:
    df = Spying({"a": np.arange(ROWS)})
    Spying.asked.clear()

    found = seen()

    assert Spying.asked == []
    assert [table.columns for table in found if table.name == "df"] == [["a"]]
    assert len(df) == ROWS


@pytest.mark.slow
def test_an_attribute_of_the_running_object_is_named_self() -> None:
    class Job:
        def __init__(self) -> None:
            self.df = pd.DataFrame({"a": np.arange(ROWS)})

        def run(self) -> list[str]:
            return [table.name for table in seen()]

    assert "self.df" in Job().run()


def test_what_was_seen_is_read_back_from_beside_the_census(tmp_path: Path) -> None:
    df = pd.DataFrame({"a": np.arange(ROWS)})
    walk = Walk(learn, cpu_seconds=10.0, forked=False)
    walk_from_roots(walk, Project.at(str(Path(__file__).parent)), libraries=True)

    record_tables(walk, str(tmp_path / "0001.json"))

    read = load_tables(tables_beside(tmp_path / "0001.json"))
    assert read == tables_of(walk)
    assert len(df) == ROWS


def test_a_torn_file_of_tables_is_no_tables(tmp_path: Path) -> None:
    (tmp_path / "torn").write_text('[["a.py", null, "df"')

    assert load_tables(str(tmp_path / "torn")) == []
    assert load_tables(str(tmp_path / "missing")) == []
