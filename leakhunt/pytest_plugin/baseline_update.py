"""Writes what the tests of a session measured into the baseline, and says test by test what that changes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path

from leakhunt.regression.baseline import Baseline, Known, Recorded, read_baseline, write_baseline
from leakhunt.regression.tested import update_test


@dataclass(frozen=True, slots=True)
class Update:
    """What was measured, by test, and under what; node ids are relative to `root`."""

    measured: dict[str, Recorded]
    environment: str
    today: dt.date
    until: dt.date | None
    root: Path


def written(path: Path, update: Update, option: str) -> tuple[list[tuple[str, str]], bool]:
    """Write the baseline; return what that changes, as (test, sentence), and whether the file had to be written.

    LeakhuntError when it cannot be. The file is read again first: `leakhunt check --update` may have changed it
    while the tests ran.
    """
    exists = path.exists()
    before = read_baseline(path, option) if exists else Baseline()
    after, changes = updated_tests(before, update)
    differs = after != before or not exists
    if differs:
        write_baseline(after, path)
    return changes, differs


def updated_tests(baseline: Baseline, update: Update) -> tuple[Baseline, list[tuple[str, str]]]:
    """Return the baseline with what was measured. Tests that did not run keep their entry while their file exists."""
    tests = dict(baseline.tests)
    changes: list[tuple[str, str]] = []
    for name in sorted(set(tests) - set(update.measured)):
        if not (update.root / name.partition("::")[0]).exists():
            del tests[name]
            changes.append((name, "taken out: its file is gone"))
    for name, now in sorted(update.measured.items()):
        known = tests.get(name, Known())
        changed, said = update_test(
            name, known, now, update.environment, today=update.today, until=update.until
        )  # fmt: skip
        if changed != known:
            tests[name] = changed
        changes += [(name, sentence) for sentence in said]
    return replace(baseline, tests=tests), changes
