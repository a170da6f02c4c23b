"""What a check fails on: leaks that nobody accepted, and what is worse than the baseline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from recorded import HERE, TODAY, leak, run, runs_with_peaks

from leakhunt.findings.comparison import Checked, ProblemKind
from leakhunt.findings.diagnosis import Diagnosis
from leakhunt.regression.baseline import Baseline, Known
from leakhunt.regression.check import check_runs
from leakhunt.regression.measures import measured
from leakhunt.regression.update import updated

BOTH: tuple[ProblemKind, ...] = ("leak", "regression")


def baseline_of(runs: Sequence[Diagnosis], until: dt.date | None = None) -> Known:
    """The baseline that --update writes of these runs."""
    written, _ = updated(
        Baseline(), "job.py", HERE, measured(runs), today=TODAY, packages={"numpy": "1.26.4"}, until=until
    )
    return written.of("job.py")


def check(
    runs: Sequence[Diagnosis],
    known: Known | None = None,
    *,
    fail_on: tuple[ProblemKind, ...] = BOTH,
    today: dt.date = TODAY,
    environment: str = HERE,
) -> Checked:
    return check_runs(runs, known, environment, fail_on=fail_on, today=today, packages={"numpy": "2.0.0"})


def test_a_leak_fails_without_a_baseline() -> None:
    checked = check([run(findings=[leak("ROWS", 20_000.0)])])

    assert checked.failed
    assert [(one.kind, one.title, one.file, one.line) for one in checked.problems] == [
        ("leak", "ROWS grows", "job.py", 7)
    ]


def test_a_clean_run_passes() -> None:
    assert not check([run()]).failed


def test_an_undecided_run_passes_unless_asked_to_fail() -> None:
    undecided = [run(verdict="cannot-tell", more=20)]

    assert not check(undecided).failed
    assert check(undecided, fail_on=("cannot-tell",)).failed
    assert "about 20 more iterations" in check(undecided).problems[0].why


def test_a_finding_counts_that_most_runs_have() -> None:
    leaking, clean = run(findings=[leak("ROWS", 20_000.0)]), run()

    assert not check([leaking, clean, clean]).failed
    assert check([leaking, leaking, clean]).failed


def test_an_accepted_leak_passes_until_its_last_day() -> None:
    runs = [run(findings=[leak("ROWS", 20_000.0)])] * 3
    known = baseline_of(runs, until=dt.date(2026, 6, 30))

    assert not check(runs, known, today=dt.date(2026, 6, 30)).failed
    late = check(runs, known, today=dt.date(2026, 7, 1))
    assert late.failed
    assert late.problems[0].why == "it was accepted until 2026-06-30"


def test_an_accepted_leak_that_grows_faster_is_a_regression() -> None:
    known = baseline_of([run(findings=[leak("ROWS", 20_000.0)])] * 3)

    checked = check([run(findings=[leak("ROWS", 30_000.0)])] * 3, known)

    assert [(one.kind, one.title) for one in checked.problems] == [("regression", "ROWS grows")]
    assert checked.failed


def test_a_new_leak_is_told_once() -> None:
    checked = check([run(findings=[leak("ROWS", 20_000.0)])] * 3, baseline_of([run()] * 3))

    assert [one.kind for one in checked.problems] == ["leak"]


def test_a_new_leak_is_a_regression_where_only_those_fail() -> None:
    checked = check(
        [run(findings=[leak("ROWS", 20_000.0)])] * 3, baseline_of([run()] * 3), fail_on=("regression",)
    )

    assert checked.failed


def test_more_peak_memory_than_the_baseline_fails() -> None:
    known = baseline_of(runs_with_peaks(100, 100.5, 101))

    assert check(runs_with_peaks(106, 106.5, 107), known).failed
    assert not check(runs_with_peaks(106, 106.5, 107), known, fail_on=("leak",)).failed
    assert not check(runs_with_peaks(99, 100, 102), known).failed


def test_a_slower_machine_is_no_regression() -> None:
    known = baseline_of([run(seconds=0.1)] * 3)

    checked = check([run(seconds=10.0)] * 3, known)

    assert not checked.failed


def test_another_environment_is_not_compared_and_says_so() -> None:
    known = baseline_of(runs_with_peaks(100, 100, 100))

    checked = check(runs_with_peaks(300, 300, 300), known, environment="linux-x86_64 cpython-3.13")

    assert not checked.failed
    assert checked.comparison is None
    assert checked.notes == [
        "the baseline has no levels for linux-x86_64 cpython-3.13 (it has linux-x86_64 cpython-3.11): only "
        "leaks were judged; --update adds this one"
    ]


def test_another_version_of_a_package_is_said() -> None:
    checked = check([run()] * 3, baseline_of([run()] * 3))

    assert "numpy was 1.26.4 in the baseline and is 2.0.0 now" in checked.notes


def test_an_accepted_leak_that_is_gone_is_said() -> None:
    checked = check([run()] * 3, baseline_of([run(findings=[leak("ROWS", 20_000.0)])] * 3))

    assert "accepted, but no longer there: ROWS grows (--update takes it out)" in checked.notes
    assert not checked.failed
