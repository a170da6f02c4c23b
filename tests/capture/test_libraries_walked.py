"""What libraries hold is walked when the process has grown since it was walked last, and else left out of a census."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leakhunt.capture.stillness import LibrariesWalked

LEVEL = (27_000_000, 90_000, 370_000_000)
PROGRAM = """
import sys, time
import lending
for turn in range(40):
    time.sleep(0.01)
    rows = [str(k) for k in range(2_000)]
    if sys.argv[1] == "leak":
        lending.lend(rows)
"""
LIBRARY = "LENT = []\ndef lend(rows):\n    LENT.append(rows)\n"


def due(*readings: tuple[int | None, int | None, int | None], every: int = 10) -> list[bool]:
    """Whether libraries are walked at censuses with these readings, `every` turns apart."""
    walked = LibrariesWalked()
    return [walked.are_due(every * at, one, at_end=False) for at, one in enumerate(readings, start=1)]


def raised(in_use: int = 0, blocks: int = 0) -> tuple[int, int, int]:
    return (LEVEL[0] + in_use, LEVEL[1] + blocks, LEVEL[2])


def test_the_first_census_walks_them_and_those_of_a_process_that_stands_still_do_not() -> None:
    assert due(LEVEL, LEVEL, raised(blocks=120), raised(in_use=9_000)) == [True, False, False, False]


@pytest.mark.parametrize("grown", [raised(in_use=200_000), raised(blocks=2_000)], ids=["in use", "blocks"])
def test_a_process_that_has_grown_is_walked_whole_and_measured_by_that_census_from_then_on(
    grown: tuple[int, int, int],
) -> None:
    assert due(LEVEL, grown, grown, LEVEL) == [True, True, False, False]


def test_growth_that_is_slower_than_one_step_shows_adds_up() -> None:
    steps = [raised(in_use=1_600 * turns) for turns in range(0, 50, 10)]

    assert due(*steps) == [True, False, True, False, True]


def test_what_cannot_be_read_may_have_grown() -> None:
    assert due((None, 90_000, None), (None, 90_000, None)) == [True, True]


def test_the_end_of_a_loop_is_compared_with_what_had_grown() -> None:
    still, grown = LibrariesWalked(), LibrariesWalked()
    still.are_due(5, LEVEL, at_end=False)
    grown.are_due(5, LEVEL, at_end=False)
    grown.are_due(10, raised(in_use=500_000), at_end=False)

    assert not still.are_due(40, LEVEL, at_end=True)
    assert grown.are_due(40, raised(in_use=500_000), at_end=True)


def profiled(directory: Path, word: str) -> tuple[dict[str, Any], list[bool]]:
    """Return the report, and of each census whether it is complete."""
    library = directory / "site-packages"
    library.mkdir()
    (library / "lending.py").write_text(LIBRARY)
    (directory / "job.py").write_text(f"import sys\nsys.path.append({str(library)!r})\n{PROGRAM}")
    subprocess.run(
        [sys.executable, "-m", "leakhunt", "profile", "--quiet", "--home", "home", "--json", "r.json", "job.py", word],
        cwd=directory, check=True, timeout=100,
    )  # fmt: skip
    files = sorted(path for path in directory.glob("home/runs/*/checkpoints/*.json") if path.stem.isdigit())
    report: dict[str, Any] = json.loads((directory / "r.json").read_text())
    return report, [json.loads(file.read_text())["complete"] for file in files]


def test_a_program_that_does_not_grow_gets_one_whole_census(tmp_path: Path) -> None:
    report, complete = profiled(tmp_path, "clean")

    assert report["verdict"] == "no-leak"
    assert complete[0]
    assert not any(complete[1:])


def test_what_a_library_holds_more_and_more_of_is_found(tmp_path: Path) -> None:
    report, complete = profiled(tmp_path, "leak")

    assert report["verdict"] == "leak"
    assert report["findings"][0]["owner"]["path"] == "lending.LENT"
    assert all(complete)
