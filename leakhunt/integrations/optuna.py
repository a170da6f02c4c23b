"""Guards an Optuna study: `leakhunt.optuna`.

A trial that would begin with too little memory fails at once and says why in its user attributes
(`emergency_killed`, `kill_reason`, `available_gb_at_kill`). Failed rather than pruned: a pruned trial
would teach the sampler that its parameters are bad. No trial stays RUNNING: not when the process ends
itself for lack of memory, not after `sys.exit`, and what a killed process left is failed at the next start.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

try:
    import optuna
    from optuna.trial import FrozenTrial, Trial, TrialState
except ImportError as missing:
    raise ImportError("leakhunt.optuna needs Optuna: pip install 'leakhunt-memory[optuna]'") from missing

from leakhunt.host import boot_id
from leakhunt.integrations.optuna_journal import journal
from leakhunt.protect.brake import GIVE_UP_AFTER, Brake, MemoryBrake, MemoryYield
from leakhunt.protect.notes import note

__all__ = ["OptunaGuard", "TrialBraked", "check_memory", "fail_stale", "guard", "journal"]

Objective = Callable[[Trial], float | Sequence[float] | None]
_OWNER = "leakhunt_owner"
_PAUSE_SECONDS = 1.0


class TrialBraked(MemoryBrake, optuna.TrialPruned):
    """Memory is short in the middle of a trial: to Optuna a pruned trial, so that the study goes on."""


class OptunaGuard:
    """The brake of a study: wraps the objective, and is a callback of `Study.optimize`.

    Make it with `guard`. All trials of a process share one brake: brakes count in a row over all of them.
    """

    def __init__(
        self, min_available: str | int | None = None, *, give_up_after: int | None = GIVE_UP_AFTER,
        pause_seconds: float = _PAUSE_SECONDS, brake: Brake | None = None,
    ) -> None:  # fmt: skip
        self._brake = brake or Brake(min_available, give_up_after=give_up_after)
        self._pause_seconds = pause_seconds
        self._lock = threading.Lock()
        self._known: set[str] = set()
        #: The process is to end with code 75. With `n_jobs` above 1 Optuna may drop the exception that
        #: says so: look here when `optimize` has returned.
        self.yielded = False

    def objective(self, function: Objective) -> Objective:
        """Return the objective, guarded: it fails a trial that must not begin, and leaves none RUNNING."""

        @functools.wraps(function)
        def guarded(trial: Trial) -> float | Sequence[float] | None:
            self._meet(trial.study)
            trial.set_user_attr(_OWNER, _this_process())
            try:
                self._check(f"trial {trial.number}")
                value = function(trial)
                note("unit", trial.study.study_name, str(trial.number))
                return value
            except MemoryBrake as problem:
                _mark(trial, problem)
                return None  # no value and no exception: the trial fails and the study goes on
            except MemoryYield as leaving:
                self.yielded = True
                if leaving.brake is not None:
                    _mark(trial, leaving.brake)
                _fail(trial)
                with contextlib.suppress(RuntimeError):
                    trial.study.stop()
                raise
            except (Exception, KeyboardInterrupt):
                raise
            except BaseException:  # SystemExit: Optuna would leave the trial RUNNING
                _fail(trial)
                raise

        return guarded

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """After a trial: hold the next one back while memory is short; each time is a failed trial."""
        self._meet(study)
        if trial.state == TrialState.COMPLETE and _OWNER not in trial.user_attrs:
            note("unit", study.study_name, str(trial.number))
        while True:
            try:
                self._check(f"the trial after {trial.number}")
                return
            except MemoryBrake as problem:
                _add_killed(study, problem)
                time.sleep(self._pause_seconds)
            except MemoryYield as leaving:
                if leaving.brake is not None:
                    _add_killed(study, leaving.brake)
                raise

    def _check(self, unit: str) -> None:
        with self._lock:
            try:
                self._brake.check(unit)
            except MemoryYield:
                self.yielded = True
                raise

    def _meet(self, study: optuna.Study) -> None:
        """At the first trial of a study, fail what killed processes left RUNNING in it."""
        with self._lock:
            new = study.study_name not in self._known
            self._known.add(study.study_name)
        if new:
            fail_stale(study)


def guard(
    min_available: str | int | None = None, *, give_up_after: int | None = GIVE_UP_AFTER
) -> OptunaGuard:
    """Return a guard for a study, that keeps `min_available` bytes ("2GiB") of memory free.

        guard = leakhunt.optuna.guard(min_available="2GiB")
        study.optimize(guard.objective(train), n_trials=500, callbacks=[guard])

    As a callback alone it looks after each trial, and holds the next one back. After `give_up_after`
    brakes in a row the process ends with code 75, which `leakhunt run` takes as "start me afresh".
    """
    return OptunaGuard(min_available, give_up_after=give_up_after)


def check_memory(trial: Trial, unit: str = "", *, min_available: str | int | None = None) -> None:
    """Brake inside a trial, before its next part ("split 3/5").

    Raises TrialBraked, with the trial's user attributes set: pruned, or failed where the objective is a
    guarded one. MemoryYield as `leakhunt.check_memory` does.
    """
    from leakhunt.protect.brake import check_memory as check

    where = f"trial {trial.number} {unit}".strip()
    try:
        check(where, min_available=min_available)
    except MemoryBrake as problem:
        _mark(trial, problem)
        raise TrialBraked(problem.unit, problem.available, problem.needed, problem.times) from None


def fail_stale(study: optuna.Study) -> int:
    """Fail the RUNNING trials whose process is gone, and return how many those were.

    Known for trials of a guarded objective on this machine; trials of others are left alone.
    """
    failed = 0
    for stale in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if _is_gone(stale.user_attrs.get(_OWNER)):
            trial = Trial(study, stale._trial_id)
            # another worker that starts may be at the same trial
            with contextlib.suppress(RuntimeError, ValueError, KeyError):
                trial.set_user_attr("kill_reason", "its process died before it was done")
                study.tell(trial, state=TrialState.FAIL)
                failed += 1
    return failed


def _mark(trial: Trial, problem: MemoryBrake) -> None:
    for name, value in _attributes(problem).items():
        trial.set_user_attr(name, value)


def _add_killed(study: optuna.Study, problem: MemoryBrake) -> None:
    """Note the trial that was not begun. Not asked for: that would take one out of the queue."""
    study.add_trial(optuna.trial.create_trial(state=TrialState.FAIL, user_attrs=_attributes(problem)))


def _attributes(problem: MemoryBrake) -> dict[str, Any]:
    return {
        "emergency_killed": True,
        "kill_reason": f"OOM prevention: {problem}",
        "available_gb_at_kill": round(problem.available / 1e9, 3),
    }


def _fail(trial: Trial) -> None:
    with contextlib.suppress(Exception):
        trial.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)


def _this_process() -> dict[str, Any]:
    pid = os.getpid()
    return {"host": socket.gethostname(), "boot": boot_id(), "pid": pid, "started": _started(pid)}


def _is_gone(owner: Any) -> bool:
    if not isinstance(owner, dict) or owner.get("host") != socket.gethostname():
        return False
    if owner.get("boot") != boot_id():
        return True
    pid = owner.get("pid")
    return isinstance(pid, int) and owner.get("started") is not None and owner["started"] != _started(pid)


def _started(pid: int) -> int | None:
    """Return when a process began, in clock ticks since the machine did: a pid alone may be another's."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return int(stream.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
