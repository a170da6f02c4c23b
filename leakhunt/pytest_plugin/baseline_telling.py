"""Says in the terminal how tests stand against their baseline: why one fails, and a summary of all."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import pytest

from leakhunt.findings.comparison import Checked, Problem
from leakhunt.regression.baseline import Known, Recorded
from leakhunt.regression.tested import DECIDED, NOT_REPEATED
from leakhunt.units import format_bytes

_LISTED = 30
#: Tests of which the same is said one by one; of more it is said once.
_ALIKE = 5


@dataclass(frozen=True, slots=True)
class Told:
    """How one test stands: `worse` is why it fails, `compared` whether there were levels to compare with."""

    test: str
    known: bool
    compared: bool
    worse: list[str]
    accepted: list[str]
    notes: list[str]
    verdict: str

    def plain(self) -> dict[str, Any]:
        """Return it as what can be sent between processes."""
        return dataclasses.asdict(self)


def leak_refused(now: Recorded, known: Known, today: dt.date, file: str, update: str) -> list[str]:
    """Return why a leak is not accepted by the baseline; nothing where all of it is."""
    leaks = [one for one in now.findings.values() if one.leak]
    reasons = []
    for leak in leaks:
        entry = known.accepted.get(leak.id)
        if entry is None:
            reasons.append(f"{leak.title}: not in {file}; {update} accepts it")
        elif not entry.holds(today):
            reasons.append(
                f"{leak.title}: accepted in {file} until {entry.until}, which is over; "
                f"{update} with another --leakhunt-accept-until accepts it again"
            )
    return reasons or ([] if leaks else [f"it is not in {file}"])


def worse_lines(checked: Checked) -> list[str]:
    """Return what is worse than the baseline, one line each: before, now, by how much."""
    return [_worse(problem, checked) for problem in checked.problems if problem.fails]


def worse_text(
    name: str, worse: list[str], known: Known | None, environment: str, file: str, update: str
) -> str:
    """Return why a test fails that is worse than its baseline, and what to do."""
    recorded = known.environments.get(environment) if known is not None else None
    since = f", measured {recorded.measured} with {recorded.python}" if recorded is not None else ""
    lines = [f"{name} is worse than its baseline ({file}{since})"]
    lines += [f"  {line}" for line in worse]
    lines.append(f"If that is meant, {update} writes it into the baseline and says what that changes.")
    return "\n".join(lines)


def _worse(problem: Problem, checked: Checked) -> str:
    changes = checked.comparison.findings if checked.comparison is not None else []
    change = next((one for one in changes if one.id == problem.finding), None)
    place = f" ({PurePath(problem.file).name}:{problem.line})" if problem.file and problem.line else ""
    if problem.finding is None or change is None:
        return f"{problem.title}: {problem.why}{place}"
    if change.standing == "worse" and change.before is not None and change.after is not None:
        by = format_bytes(change.after - change.before, signed=True)
        return f"{problem.title}: {format_bytes(change.before)} → {format_bytes(change.after)} per call, {by}{place}"
    rate = f", {format_bytes(change.after)} per call" if change.after is not None else ""
    return f"{problem.title}: {problem.why}{rate}{place}"


def grouped(changes: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return changes with those in one line that are the same of many tests, as after a first sweep."""
    tests: dict[str, list[str]] = {}
    for test, sentence in changes:
        tests.setdefault(sentence, []).append(test)
    many = {sentence for sentence, found in tests.items() if len(found) > _ALIKE}
    lines = [(f"{len(tests[sentence])} tests", sentence) for sentence in tests if sentence in many]
    return lines + [(test, sentence) for test, sentence in changes if sentence not in many]


@dataclass(slots=True)
class BaselineSummary:
    """The section of the terminal summary; `changes` is None where nothing was to be written."""

    file: str
    update: str
    tests: dict[str, Told] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    changes: list[tuple[str, str]] | None = None
    written: bool = False
    problem: str | None = None

    def add(self, told: Told) -> None:
        """Take up one test; of several attempts at it the last one counts."""
        self.tests[told.test] = told

    def write(self, terminal: pytest.TerminalReporter) -> None:
        """Write it."""
        if not (self.tests or self.changes or self.problem):
            return
        terminal.section("leakhunt baseline")
        told = sorted(self.tests.values(), key=lambda one: one.test)
        terminal.line(f"{self.file}: {self._counts(told)}")
        self._list(terminal, "FAILED", "red", [(one.test, "; ".join(one.worse)) for one in told if one.worse])
        accepted = [(one.test, title) for one in told for title in one.accepted]
        if self.changes is None:
            self._list(terminal, "ACCEPTED", "yellow", accepted)
            for note, count in sorted(Counter(note for one in told for note in one.notes).items()):
                terminal.line(f"note: {note}" + (f" ({count} tests)" if count > 1 else ""))
            new = [one.test for one in told if not one.known]
            if new:
                more = f" and {len(new) - 3} more" if len(new) > 3 else ""
                terminal.line(f"not in it: {', '.join(new[:3])}{more} ({self.update} adds what is measured)")
        else:
            for test, sentence in grouped(self.changes):  # all of them: this is what is reviewed
                terminal.line(f"{'CHANGED':<12}{test}: {sentence}")
            if self.failed:
                terminal.line(f"{len(self.failed)} tests failed: their entries stay as they were")
            undecided = sum(one.verdict not in (*DECIDED, NOT_REPEATED) for one in told)
            if undecided:
                terminal.line(
                    f"of {undecided} tests it cannot be told whether they grow: that stays as it was"
                )
            terminal.line("baseline written" if self.written else "nothing that matters changed")
        if self.problem:
            terminal.line(f"leakhunt: {self.problem}", red=True)

    def _counts(self, told: list[Told]) -> str:
        compared = sum(one.compared for one in told)
        failed = sum(bool(one.worse) for one in told)
        accepted = sum(bool(one.accepted) for one in told)
        text = f"{len(told)} tests measured, {compared} compared"
        text += f", {failed} failed" if self.changes is None else ""
        return text + (f", {accepted} grow as accepted" if accepted else "")

    def _list(
        self, terminal: pytest.TerminalReporter, word: str, colour: str, lines: list[tuple[str, str]]
    ) -> None:
        for test, text in lines[:_LISTED]:
            terminal.write(f"{word:<12}", **{colour: True})
            terminal.line(f"{test}: {text}")
        if len(lines) > _LISTED:
            terminal.line(f"and {len(lines) - _LISTED} more")
