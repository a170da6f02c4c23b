"""Collects what was found in a whole session, also from the workers of xdist: summary, JSON and HTML."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.pytest_plugin.outcomes import OUTCOMES, plain

_LISTED = 30


class SuiteReport:
    """The plugin that is there when a report or a sweep is asked for."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = time.time()
        self._found: list[dict[str, Any]] = []
        self._exit_code: int | None = None
        self._problems: list[str] = []
        self._written: list[str] = []
        self._is_worker = hasattr(config, "workerinput")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the outcomes of a test into its report, in which they travel between processes."""
        report = yield
        if call.when == "call" and OUTCOMES in item.stash:
            vars(report)["leakhunt"] = [plain(name, outcome) for name, outcome in item.stash[OUTCOMES]]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the outcomes out of a report."""
        if self._is_worker:
            return
        for one in getattr(report, "leakhunt", None) or []:
            self._found.append({"test": report.nodeid, **one})

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the reports."""
        if self._is_worker:
            return
        self._exit_code = int(exitstatus)
        for form, given in (("json", "leakhunt_json"), ("html", "leakhunt_html")):
            file = getattr(self._config.option, given)
            if file:
                self._write(form, Path(file))

    def _write(self, form: str, file: Path) -> None:
        from leakhunt.pytest_plugin.suite import render

        try:
            from leakhunt.api import write_report

            write_report(render(form, self._found, self._config, self._started, self._exit_code), file)
            self._written.append(str(file))
        except LeakhuntError as problem:
            self._problems.append(str(problem))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List what grows."""
        if not (self._found or self._written or self._problems):
            return
        terminalreporter.section("leakhunt")
        by_verdict = {
            verdict: [one for one in self._found if one["verdict"] == verdict]
            for verdict in ("leak", "cannot-tell", "no-leak")
        }
        tests = len({one["test"] for one in self._found})
        terminalreporter.line(
            f"{tests} tests repeated: {len(by_verdict['leak'])} grow, {len(by_verdict['cannot-tell'])} cannot be "
            f"told, {len(by_verdict['no-leak'])} do not grow"
        )
        for verdict, colour, word in (("leak", "red", "GROWS"), ("cannot-tell", "yellow", "CANNOT TELL")):
            for one in by_verdict[verdict][:_LISTED]:
                terminalreporter.write(f"{word:<12}", **{colour: True})
                terminalreporter.line(f"{one['test']}: {_line(one)}")
            if len(by_verdict[verdict]) > _LISTED:
                terminalreporter.line(f"and {len(by_verdict[verdict]) - _LISTED} more in the report")
        for file in self._written:
            terminalreporter.line(f"report: {file}")
        for problem in self._problems:
            terminalreporter.line(f"leakhunt: {problem}", red=True)


def _line(one: dict[str, Any]) -> str:
    diagnosis = one["diagnosis"]
    text = " ".join(str(one["problem"] or one["reason"]).split())
    if diagnosis and not one["problem"]:
        worst = next((f for f in diagnosis["findings"] if f["verdict"] == one["verdict"]), None)
        if worst is not None:
            text = worst["title"]
            sites = worst["sites"]
            if sites:
                text += f" ({Path(sites[0]['file']).name}:{sites[0]['line']})"
    return text if len(text) <= 240 else text[:237] + "..."
