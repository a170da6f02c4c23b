"""Holds measured tests against their baseline, and writes it: `--leakhunt-baseline`, `--leakhunt-update`.

A test is judged where it runs, so that it fails there. With xdist the workers are given the text of the
file and send back what they measured; only the controller writes.
"""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Generator
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.guard.interpreter import modules_imported, this_key, versions_here
from leakhunt.pytest_plugin.baseline_telling import (
    BaselineSummary,
    Told,
    leak_refused,
    worse_lines,
    worse_text,
)
from leakhunt.pytest_plugin.baseline_update import Update, written
from leakhunt.pytest_plugin.marked import has_failed
from leakhunt.pytest_plugin.outcomes import OUTCOMES, PEAK
from leakhunt.regression.baseline import (
    Baseline,
    Known,
    Recorded,
    baseline_text,
    parse_baseline,
    plain_recorded,
    read_baseline,
    recorded,
)
from leakhunt.regression.tested import check_test, named_as_known, recorded_test

if TYPE_CHECKING:
    from leakhunt.findings.diagnosis import Diagnosis
    from leakhunt.repeat.outcome import Outcome
    from leakhunt.repeat.peak import Peak

_UPDATE = "--leakhunt-update"
#: What a measured test came to, until its report is made.
_TOLD: pytest.StashKey[dict[str, Any]] = pytest.StashKey()
_SENT = "leakhunt_baseline"


class BaselineCheck:
    """The plugin that is there when a baseline is given. Raises pytest.UsageError for one that is none."""

    def __init__(self, config: pytest.Config) -> None:
        option = config.option
        self._config = config
        self._updates = bool(option.leakhunt_update)
        self._today = dt.date.today()
        self._until = _day(option.leakhunt_accept_until)
        self._worker = getattr(config, "workerinput", None)
        self._environment = this_key()
        self.path = Path(config.invocation_params.dir, option.leakhunt_baseline)
        self.baseline = self._read()
        self._imported: dict[Path, set[str]] = {}
        self._measured: dict[str, Recorded] = {}
        self._summary = BaselineSummary(option.leakhunt_baseline, _UPDATE)

    def _read(self) -> Baseline:
        try:
            if self._worker is not None and _SENT in self._worker:
                return parse_baseline(self._worker[_SENT], self.path, _UPDATE)
            if self._updates and not self.path.exists():
                return Baseline()
            return read_baseline(self.path, _UPDATE)
        except LeakhuntError as problem:
            raise pytest.UsageError(str(problem)) from None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker of xdist what the file says: it may run elsewhere, and the file may be new."""
        node.workerinput[_SENT] = baseline_text(self.baseline)

    # ---- where a test runs --------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Forget what an earlier attempt at the same test measured."""
        keys: tuple[pytest.StashKey[Any], ...] = (OUTCOMES, PEAK, _TOLD)
        for key in keys:
            if key in item.stash:
                del item.stash[key]

    def refusal(self, item: pytest.Item, outcome: Outcome) -> list[str]:
        """Return why a leak that was found is not accepted; nothing where it is, or will be."""
        if self._updates:
            return []
        name = _name(item)
        known = self.baseline.tests.get(name, Known())
        now, _ = named_as_known(
            self._recorded(item, [(outcome.verdict, outcome.diagnosis)], None), known, self._environment
        )
        reasons = leak_refused(now, known, self._today, self.path.name, _UPDATE)
        if reasons:  # the test ends here, and is judged no further
            compared = self._environment in known.environments
            told = Told(name, name in self.baseline.tests, compared, reasons, [], [], now.verdict)
            item.stash[_TOLD] = {"told": told.plain()}
        return reasons

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Judge a test that passed by what it measured."""
        __tracebackhide__ = True
        result = yield
        if has_failed(item):
            return result
        now = self._now(item)
        if now is None:
            return result
        name = _name(item)
        known = self.baseline.tests.get(name)
        swept = (
            item.get_closest_marker("no_growth") is None
            and "assert_no_growth" not in getattr(item, "fixturenames", ())
        )  # fmt: skip
        checked = check_test(
            name, known or Known(), now, self._environment, today=self._today, swept=swept, update=_UPDATE
        )
        worse = [] if self._updates else worse_lines(checked)
        told = Told(
            name, known is not None, checked.comparison is not None, worse, checked.accepted,
            checked.notes if known is not None else [], now.verdict,
        )  # fmt: skip
        item.stash[_TOLD] = {"told": told.plain(), "now": plain_recorded(now)}
        if worse:
            text = worse_text(item.name, worse, known, self._environment, self.path.name, _UPDATE)
            pytest.fail(text, pytrace=False)
        return result

    def _now(self, item: pytest.Item) -> Recorded | None:
        """Return what the test measured; None where it measured nothing."""
        grown: list[tuple[str, Diagnosis | None]] = [
            (outcome.verdict, outcome.diagnosis) for _, outcome in item.stash.get(OUTCOMES, [])
        ]
        peak = item.stash.get(PEAK, None)
        if not grown and (peak is None or peak.bytes is None):
            return None
        return self._recorded(item, grown, peak)

    def _recorded(
        self, item: pytest.Item, grown: list[tuple[str, Diagnosis | None]], peak: Peak | None
    ) -> Recorded:
        return recorded_test(
            grown,
            peak.bytes if peak is not None else None,
            peak.how if peak is not None else None,
            today=self._today,
            python=f"{platform.python_implementation()} {platform.python_version()}",
            packages=self._packages(item.path),
        )

    def _packages(self, file: Path) -> dict[str, str]:
        if file not in self._imported:
            self._imported[file] = modules_imported(file) if file.suffix == ".py" else set()
        return versions_here(self._imported[file], self._distributions)

    @cached_property
    def _distributions(self) -> dict[str, list[str]]:
        return dict(metadata.packages_distributions())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put what a test measured into its report, in which it travels between processes."""
        report = yield
        if call.when == "call" and _TOLD in item.stash:
            vars(report)[_SENT] = item.stash[_TOLD]
        return report

    # ---- where the session ends ---------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test measured out of its report."""
        if self._worker is not None:
            return
        sent = getattr(report, _SENT, None)
        if sent is not None:
            told = Told(**sent["told"])
            self._summary.add(told)
            if self._updates and report.passed:
                self._measured[told.test] = recorded(sent["now"])
        elif report.failed and report.nodeid in self.baseline.tests:
            self._summary.failed.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the baseline, if that was asked for and the session came to its end."""
        if self._worker is not None or not self._updates:
            return
        if not self._measured and int(exitstatus) in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return
        if int(exitstatus) not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._summary.problem = "nothing was written: the session did not come to its end"
            return
        update = Update(self._measured, self._environment, self._today, self._until, self._config.rootpath)
        try:
            self._summary.changes, self._summary.written = written(self.path, update, _UPDATE)
        except LeakhuntError as problem:
            self._summary.problem = str(problem)
            if int(exitstatus) == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was compared, what is worse or accepted, and what an update changed."""
        self._summary.write(terminalreporter)


def _name(item: pytest.Item) -> str:
    """Return the node id of a test without what xdist adds to it for its groups."""
    marks = list(item.iter_markers("xdist_group"))
    if not marks or not hasattr(item.config, "workerinput"):
        return item.nodeid
    groups = {str(mark.args[0] if mark.args else mark.kwargs.get("name", "default")) for mark in marks}
    return item.nodeid.removesuffix("@" + "_".join(sorted(groups)))


def _day(text: str | None) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise pytest.UsageError(f"--leakhunt-accept-until: {text!r} is not a day: write 2027-01-31") from None
