"""Known leaks are found and named, their clean twins are not accused: through the command, end to end.

The fast tests run a few pairs at 20 turns; the slow ones run every program at 40. `make accuracy` runs
all lengths and prints what each was told.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
from known_answers import (
    CLEANS,
    HERE,
    LEAKS,
    QUICK,
    Clean,
    Leak,
    allowed_verdicts,
    explains,
    insertion_lines,
    lines_that_allocate,
    lines_that_grow,
    names_owner,
    owner_path,
    suspects,
)
from profiled import lacking, profile, target_for

#: Whole runs of programs, on machines that do other things too.
pytestmark = pytest.mark.timeout(600)

QUICK_LEAKS = [leak for leak in LEAKS if leak.name in QUICK]
QUICK_CLEANS = [clean for clean in CLEANS if clean.name in QUICK]

OPEN_LEAKS = [leak for leak in LEAKS if not leak.held_out]
OPEN_CLEANS = [clean for clean in CLEANS if not clean.held_out]


def name_of(case: Leak | Clean) -> str:
    return case.name


def report_of(case: Leak | Clean, turns: int) -> dict[str, Any]:
    """Return the report of the program, or skip the test where what it imports is missing."""
    target = target_for(case.needs)
    absent = lacking(case.needs, target or sys.executable)
    if absent == {"torch"}:
        pytest.skip("no torch here: LEAKHUNT_TORCH_PYTHON names an interpreter that has it")
    if absent:
        pytest.skip(f"needs {', '.join(sorted(absent))}")
    return profile(case.program, str(turns), target_python=target)


def falls_short_of_a_verdict(case: Leak | Clean, report: dict[str, Any]) -> None:
    """Undecided, where a case is known to stay so, is short of the truth; the opposite verdict is a failure."""
    if case.undecided and report["verdict"] == "cannot-tell":
        pytest.xfail(case.short or "")


@pytest.mark.parametrize("leak", QUICK_LEAKS, ids=name_of)
def test_a_known_leak_is_named_after_twenty_turns(leak: Leak) -> None:
    report = report_of(leak, 20)

    assert report["verdict"] in allowed_verdicts(leak, 20)
    assert any(names_owner(leak, owner_path(finding)) for finding in suspects(report)[:1])


@pytest.mark.parametrize("clean", QUICK_CLEANS, ids=name_of)
def test_a_clean_twin_is_not_accused_after_twenty_turns(clean: Clean) -> None:
    report = report_of(clean, 20)

    assert report["verdict"] in allowed_verdicts(clean, 20)


@pytest.mark.slow
@pytest.mark.parametrize("leak", OPEN_LEAKS, ids=name_of)
def test_a_known_leak_is_found_and_named_after_forty_turns(leak: Leak) -> None:
    report = report_of(leak, 40)

    falls_short_of_a_verdict(leak, report)
    assert report["verdict"] == "leak"
    worst = suspects(report)[0]
    assert worst["kind"] in leak.kinds
    if leak.short and not names_owner(leak, owner_path(worst)):
        pytest.xfail(leak.short)
    assert leak.owner is None or names_owner(leak, owner_path(worst))
    assert insertion_lines(worst) & lines_that_grow(leak.program) or leak.owner is None


@pytest.mark.slow
@pytest.mark.parametrize("clean", OPEN_CLEANS, ids=name_of)
def test_a_clean_program_is_cleared_after_forty_turns(clean: Clean) -> None:
    report = report_of(clean, 40)

    falls_short_of_a_verdict(clean, report)
    assert report["verdict"] in allowed_verdicts(clean, 40)
    if clean.short and not explains(clean, report):
        pytest.xfail(clean.short)
    assert explains(clean, report)


def test_every_leaking_program_has_a_clean_twin_and_an_entry_in_the_table() -> None:
    on_disk = {file.name for pattern in ("leak_*.py", "clean_*.py") for file in HERE.glob(f"*/{pattern}")}

    in_table = {case.program.name for case in (*LEAKS, *CLEANS)}

    assert on_disk == in_table


@pytest.mark.parametrize("leak", LEAKS, ids=name_of)
def test_every_leaking_program_marks_the_line_that_grows(leak: Leak) -> None:
    assert lines_that_grow(leak.program)
    assert lines_that_allocate(leak.program)
    twin = leak.program.with_name(leak.program.name.replace("leak_", "clean_", 1))
    assert not any(mark in twin.read_text() for mark in ("# grows", "# allocates"))


def test_an_owner_is_matched_as_a_whole_name() -> None:
    rows = next(leak for leak in LEAKS if leak.name == "list_append")

    assert names_owner(rows, "leak_list_append.main() local rows")
    assert names_owner(rows, "main() local rows[*]")
    assert not names_owner(rows, "main() local rows_written")
    assert not names_owner(rows, None)
