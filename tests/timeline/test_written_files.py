"""Which files a program wrote is found by their times, within bounds, wherever results usually go."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from leakhunt.evidence import written
from leakhunt.evidence.written import roots_of, rows_of_parquet, rows_of_text, written_between


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return Path(os.path.realpath(tmp_path))


def put(path: Path, text: str = "a,b\n1,2\n", at: float | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if at is not None:
        os.utime(path, (at, at))
    return path


def names(found: written.Found) -> list[str]:
    return [Path(one.path).name for one in found.files]


def test_what_was_written_meanwhile_is_found_the_last_first(place: Path) -> None:
    put(place / "old.csv", at=1_000)
    put(place / "results" / "first.csv", at=2_000)
    put(place / "results" / "deep" / "second.csv", at=2_500)
    put(place / "later.csv", at=9_000)

    found = written_between([place], 1_500, 3_000)

    assert names(found) == ["second.csv", "first.csv"]
    assert found.complete


def test_logs_are_told_apart_from_results_and_code_is_neither(place: Path) -> None:
    for name in ("run.log", "table.parquet", "program.py", "module.pyc", ".hidden.csv", "r.csv.ledger-wal"):
        put(place / name, at=2_000)

    found = written_between([place], 1_500, 3_000)

    assert {Path(one.path).name: one.role for one in found.files} == {
        "run.log": "log",
        "table.parquet": "data",
    }


@pytest.mark.parametrize("folder", [".git", "node_modules", "__pycache__", ".leakhunt", "env"])
def test_folders_that_hold_no_results_are_passed_over(place: Path, folder: str) -> None:
    put(place / folder / "x.csv", at=2_000)
    if folder == "env":
        put(place / folder / "pyvenv.cfg")

    assert names(written_between([place], 1_500, 3_000)) == []


def test_the_runs_themselves_are_passed_over(place: Path) -> None:
    put(place / "home" / "runs" / "x" / "a.json", at=2_000)

    assert names(written_between([place], 1_500, 3_000, without=place / "home")) == []


def test_a_link_is_not_followed(place: Path) -> None:
    put(place / "elsewhere" / "x.csv", at=2_000)
    (place / "here").mkdir()
    (place / "here" / "loop").symlink_to(place / "here")
    (place / "here" / "away").symlink_to(place / "elsewhere")

    assert names(written_between([place / "here"], 1_500, 3_000)) == []


def test_a_folder_too_large_to_be_looked_at_is_said_to_be(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "MOST_ENTRIES", 3)
    for number in range(5):
        put(place / f"{number}.csv", at=2_000)

    assert not written_between([place], 1_500, 3_000).complete


def test_arguments_that_name_folders_are_looked_at_too(place: Path) -> None:
    (place / "cwd").mkdir()
    (place / "out").mkdir()
    put(place / "data" / "in.csv")

    roots = roots_of(
        place / "cwd", ["--out", str(place / "out"), f"--input={place / 'data' / 'in.csv'}", "--fast", "7"]
    )

    assert roots == [place / "cwd", place / "out", place / "data"]


def test_a_folder_inside_another_is_looked_at_once(place: Path) -> None:
    (place / "out").mkdir()

    assert roots_of(place, ["out", "."]) == [place]


def test_the_root_of_the_machine_is_never_walked() -> None:
    assert roots_of("/", ["/"]) == []


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("lam,beta\n1,2\n3,4\n", 2),
        ("1,2\n3,4\n", 2),
        ('name,text\n1,"two\nlines"\n2,b\n', 2),
        ("lam,beta\n", 0),
        ("", 0),
        ("lam,beta\n1,2\n3,", 2),
    ],
)
def test_the_rows_of_a_csv_are_counted_without_its_heading(place: Path, text: str, rows: int) -> None:
    path = put(place / "t.csv", text)

    assert rows_of_text(str(path), len(text)) == rows


def test_the_rows_of_a_parquet_file_are_read_from_its_footer(place: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    pandas.DataFrame({"a": range(7)}).to_parquet(place / "t.parquet")
    put(place / "torn.parquet", "PAR1")

    assert rows_of_parquet(str(place / "t.parquet")) == 7
    assert rows_of_parquet(str(place / "torn.parquet")) is None
    assert rows_of_parquet(str(place / "none.parquet")) is None


def test_a_file_of_this_moment_counts(place: Path) -> None:
    began = time.time()
    put(place / "now.csv")

    assert names(written_between([place], began, None)) == ["now.csv"]
