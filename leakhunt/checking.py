"""The verb of `leakhunt check`: run a target as often as asked, judge the runs, keep the baseline."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.errors import EXIT_REFUSED, EXIT_USAGE, EXIT_YIELDED, LeakhuntError
from leakhunt.guard.interpreter import Interpreter, describe_interpreter, modules_imported
from leakhunt.guard.outcome import Ended
from leakhunt.guard.supervise import Watcher
from leakhunt.guard.target import ProfileOptions, find_target
from leakhunt.units import format_count

if TYPE_CHECKING:
    from leakhunt.findings.comparison import Checked
    from leakhunt.findings.diagnosis import Diagnosis
    from leakhunt.regression.baseline import Baseline


@dataclass(frozen=True, slots=True)
class Check:
    """What is to be checked, how often and against what. `name` is the target's name in the baseline."""

    options: ProfileOptions
    name: str
    runs: int
    baseline: Path | None
    update: bool
    accept_until: dt.date | None
    fail_on: tuple[str, ...]
    today: dt.date


def check_target(check: Check, watcher: Watcher) -> tuple[Checked, list[str]]:
    """Return the outcome of the check, and in sentences what was changed in the baseline or where to read more.

    LeakhuntError when a run fails: what did not run to its end says nothing about memory.
    """
    baseline = _baseline(check)  # before anything runs: a damaged file is no reason to wait for hours
    interpreter = _interpreter(check.options)
    began = time.monotonic()
    diagnoses = [_run(check, watcher, number) for number in range(1, check.runs + 1)]
    from leakhunt.regression.check import check_runs

    checked = check_runs(
        diagnoses,
        None if baseline is None else baseline.of(check.name),
        interpreter.key,
        fail_on=check.fail_on,  # type: ignore[arg-type]  # checked where they were read
        today=check.today,
        target=check.name,
        packages=interpreter.packages,
    )
    checked = replace(checked, seconds=time.monotonic() - began)
    if check.update and baseline is not None:
        return checked, _update(check, baseline, interpreter, diagnoses)
    whole = f"the whole report: leakhunt report {diagnoses[-1].run.id}"
    return checked, [whole] if checked.problems else []


def _baseline(check: Check) -> Baseline | None:
    if check.baseline is None:
        return None
    from leakhunt.regression.baseline import Baseline, read_baseline

    if check.update and not check.baseline.exists():
        return Baseline()
    return read_baseline(check.baseline)


def _interpreter(options: ProfileOptions) -> Interpreter:
    target = find_target(options)
    names = (
        modules_imported(Path(target.name)) if target.mode == "script" else {target.name.partition(".")[0]}
    )
    return describe_interpreter(target.python, names)


def _run(check: Check, watcher: Watcher, number: int) -> Diagnosis:
    from leakhunt import api

    run, end = api.profile(check.options, watcher)
    if end.shell_code:
        raise _failed(check, number, end, run.id)
    return api.diagnose_run(run)


def _failed(check: Check, number: int, end: Ended, run: str) -> LeakhuntError:
    how = f"was ended by {end.signal}" if end.signal else f"failed with exit code {end.exit_code}"
    which = f"run {format_count(number)} of {format_count(check.runs)} of {check.name}"
    passed_on = end.outcome == "interrupted" or end.exit_code in (EXIT_YIELDED, EXIT_REFUSED)
    return LeakhuntError(
        f"{which} {how}: nothing was checked; `leakhunt report {run}` says what was seen",
        slug="check-target-failed",
        exit_code=end.shell_code if passed_on else EXIT_USAGE,
    )


def _update(
    check: Check, baseline: Baseline, interpreter: Interpreter, diagnoses: list[Diagnosis]
) -> list[str]:
    from leakhunt.regression.baseline import write_baseline
    from leakhunt.regression.measures import measured
    from leakhunt.regression.update import updated

    assert check.baseline is not None
    changed, said = updated(
        baseline,
        check.name,
        interpreter.key,
        measured(diagnoses),
        today=check.today,
        packages=interpreter.packages,
        until=check.accept_until,
    )
    write_baseline(changed, check.baseline)
    return [*said, f"baseline: {check.baseline}"]
