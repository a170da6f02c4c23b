"""Runs pytest sessions of their own, as a user would, and reads what came of each of their tests."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

_OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Session:
    """A session that has ended: what it printed, and what each test came to, by its name."""

    code: int
    output: str
    outcomes: dict[str, str]
    report: dict[str, Any] | None

    def story(self, test: str) -> str:
        """Return what the session told of one failed test."""
        parts = re.split(r"^_{3,} (?:ERROR at \w+ of )?(.+?) _{3,}$", self.output, flags=re.MULTILINE)
        told = dict(zip(parts[1::2], parts[2::2], strict=False))
        return re.split(r"^={3,} ", told[test], maxsplit=1, flags=re.MULTILINE)[0]


def run_session(pytester: pytest.Pytester, source: str, *options: str, **files: str) -> Session:
    """Run `source` as a test file (and `files` beside it) and return what came of it."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile(test_inner=dedent(source), **{name: dedent(text) for name, text in files.items()})
    done = pytester.runpytest_subprocess("-rA", "--leakhunt=told.json", *options)
    output = done.stdout.str() + done.stderr.str()
    found = {name.rpartition("::")[2]: outcome for outcome, name in _OUTCOME.findall(output)}
    told = Path(pytester.path, "told.json")
    report = json.loads(told.read_text()) if told.exists() else None
    return Session(int(done.ret), output, found, report)
