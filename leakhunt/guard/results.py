"""Writes down which files a program that failed or was killed had written, before the next start changes them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from leakhunt.evidence.written import roots_of, written_between
from leakhunt.host import wall_clock
from leakhunt.journal.rundir import RunDirectory
from leakhunt.journal.writer import JournalWriter


def tell_files(journal: JournalWriter, run: RunDirectory, argv: Sequence[str], seconds: float) -> None:
    """Append a record for each file of results that was written in the last `seconds` seconds."""
    with contextlib.suppress(Exception):  # what the program wrote is still there when this fails
        roots = roots_of(Path.cwd(), argv)
        found = written_between(roots, wall_clock() - seconds, None, without=run.path.parent.parent)
        for one in found.files:
            journal.write("file", one.path, one.bytes, one.modified, one.rows, one.role, found.complete)
        if not found.files:
            journal.write("file", None, None, None, None, None, found.complete)
        journal.sync()
