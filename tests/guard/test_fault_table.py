"""The page on fault injection says what the tests do: every test it names exists, every fault is on it."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
PAGE = (TESTS.parent / "docs" / "fault-injection.md").read_text()
NAMED = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)
#: All that these files test is a fault.
FILES_OF_FAULTS = (
    "test_faults.py",
    "test_ledger_faults.py",
    "test_brake_without_memory.py",
    "test_pool_deaths.py",
    "test_random_kills.py",
)
#: Those of a pool that are settings, not faults.
NO_FAULTS = {
    "test_a_unit_that_runs_again_does_not_wait_for_results_that_wait_for_it",
    "test_a_script_without_a_main_guard_is_told_so",
    "test_an_initializer_that_fails_is_said_once",
    "test_a_worker_is_replaced_after_so_many_units",
}


def names_in(name: str) -> set[str]:
    (path,) = TESTS.rglob(name)
    return set(re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE))


def test_every_test_that_the_page_names_exists():
    assert len(NAMED) > 30
    assert [(file, test) for file, test in NAMED if test not in names_in(file)] == []


def test_every_fault_that_is_tested_is_on_the_page():
    tested = {test for file in FILES_OF_FAULTS for test in names_in(file)}

    assert tested - {test for _, test in NAMED} == NO_FAULTS


def test_every_row_says_what_held_and_what_was_lost():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "::" in line]

    assert len(rows) == len(NAMED)
    assert [
        row for row in rows if len([cell for cell in row.strip("|").split("|") if cell.strip()]) != 4
    ] == []
