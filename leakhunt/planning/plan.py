"""Plans a run: a few settings are tried, a model is fitted and checked, and the best setting that fits is named."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

from leakhunt._version import __version__
from leakhunt.errors import LeakhuntError
from leakhunt.findings.diagnosis import Loss
from leakhunt.findings.losses import explained
from leakhunt.findings.plan import Choice, Memory, RunPlan, Term, Trial, Values
from leakhunt.guard.target import ProfileOptions
from leakhunt.host import usable_processors
from leakhunt.planning.fit import Fitted, fit, parts_of_peak, parts_of_time
from leakhunt.planning.settings import as_options, calibrating, checking, grid, in_words, parse_vary
from leakhunt.planning.trial import Measured, measure
from leakhunt.protect.headroom import HeadroomReader
from leakhunt.units import format_bytes, parse_bytes

RUNS, SECONDS, MEMORY = 6, 30.0, "70%"
#: Rates that differ by less are the same: then the setting that takes less memory is better.
_SAME_RATE = 0.03
#: A model that is further off than this at a setting that it was not fitted to is said to be.
_TRUSTED = 0.15


def plan(
    options: ProfileOptions,
    vary: list[str],
    *,
    memory: str = MEMORY,
    runs: int = RUNS,
    seconds: float = SECONDS,
    tell: Callable[[str], None],
) -> RunPlan:
    """Try settings and return the plan. Raises LeakhuntError when the program fails or the question makes no sense."""
    varied = parse_vary(vary)
    allowed = memory_for(memory)
    corners = calibrating(varied)
    if runs < len(corners):
        raise LeakhuntError(
            f"{len(corners)} runs are needed to fit these options: --runs {len(corners)}", slug="plan-runs"
        )
    checks = checking(varied, corners, runs - len(corners))
    losses: list[Loss] = []
    seen: list[tuple[Values, bool, Measured]] = []
    with tempfile.TemporaryDirectory(prefix="leakhunt-plan-", ignore_cleanup_errors=True) as home:
        for values in (*corners, *checks):
            tell(f"trying {in_words(values)} ({len(seen) + 1} of {len(corners) + len(checks)})")
            arguments = (*options.arguments, *as_options(values, Path(options.target)))
            one = measure(
                dataclasses.replace(options, arguments=arguments, home=Path(home), extra={"windows": False}),
                seconds,
            )
            if one.short:
                size = format_bytes(one.peak)
                what = f"{in_words(values)} was stopped at {size}, because memory was running out"
                losses.append(explained("plan-stopped", what))
            seen.append((values, values in corners, one))
    return _conclude(options, varied, allowed, seen, losses)


def memory_for(asked: str) -> Memory:
    """Return what `--memory` (a share of the memory, "70%", or a size, "8G") leaves for the program."""
    room = HeadroomReader().read()
    used = None if room.total is None or room.available is None else room.total - room.available
    text = asked.strip()
    try:
        if text.endswith("%"):
            share = float(text[:-1]) / 100
            if not 0 < share <= 1:
                raise ValueError(text)
            left = None if room.total is None or used is None else max(0, int(share * room.total) - used)
        else:
            left = parse_bytes(text)
    except ValueError:
        raise LeakhuntError(
            f"--memory {asked!r}: write a share (70%) or a size (8G)", slug="plan-memory"
        ) from None
    return Memory(room.total, used, left, room.source, text)


def _conclude(
    options: ProfileOptions,
    varied: dict[str, list[float]],
    memory: Memory,
    seen: list[tuple[Values, bool, Measured]],
    losses: list[Loss],
) -> RunPlan:
    fitted_to = [(values, one) for values, calibrated, one in seen if calibrated]
    model = fit(
        parts_of_peak(list(varied)), [values for values, _ in fitted_to], [one.peak for _, one in fitted_to]
    )
    trials = [_trial(values, calibrated, one, model) for values, calibrated, one in seen]
    growth = max(one.per_iteration for _, _, one in seen)
    whole = max((one.total or one.iterations or 0 for _, _, one in seen), default=0)
    coming = growth * max(0, whole - max(one.iterations or 0 for _, _, one in seen))
    off = [abs(trial.error) for trial in trials if not trial.calibrated]
    if off and max(off) > _TRUSTED:
        what = f"the model is {max(off):.0%} off at a setting that it was not fitted to"
        losses.append(explained("plan-model-off", what))
    if not any(one.iterations for _, _, one in seen):
        losses.append(explained("plan-no-loop", "no loop was followed"))
    choices = _choices(varied, memory, seen, model, coming)
    return RunPlan(
        __version__, options.target, list(options.arguments), memory,
        [*model.terms(), Term("iteration", round(growth))], trials, choices, _best(choices), losses,
    )  # fmt: skip


def _trial(values: Values, calibrated: bool, one: Measured, model: Fitted) -> Trial:
    predicted = round(model.at(values))
    return Trial(
        values, calibrated, one.peak, round(one.seconds, 3), one.finished, one.iterations, one.total,
        one.rate, one.per_iteration, predicted, (predicted - one.peak) / one.peak,
    )  # fmt: skip


def _choices(
    varied: dict[str, list[float]],
    memory: Memory,
    seen: list[tuple[Values, bool, Measured]],
    model: Fitted,
    coming: float,
) -> list[Choice]:
    timed = [(values, one.rate) for values, _, one in seen if one.rate]
    speed = None
    if timed:
        parts = parts_of_time(list(varied), usable_processors() or 1)
        speed = fit(parts, [values for values, _ in timed], [1.0 / rate for _, rate in timed])
    found = []
    for values in grid(varied):
        measured = next((one for tried, _, one in seen if tried == values), None)
        peak = model.at(values)
        rate = 1.0 / speed.at(values) if speed is not None else None
        if measured is not None:
            peak, rate = max(peak, measured.peak), measured.rate or rate
        peak = round(peak + coming)
        fits = None if memory.room is None else peak <= memory.room
        found.append(Choice(values, peak, rate, fits, measured is not None))
    return found


def _best(choices: list[Choice]) -> Choice | None:
    """Return the fastest setting that fits; of equally fast ones, the smallest."""
    fitting = [choice for choice in choices if choice.fits is not False]
    if not fitting:
        return None
    fastest = max(choice.rate or 0.0 for choice in fitting)
    as_fast = [choice for choice in fitting if (choice.rate or 0.0) >= fastest * (1 - _SAME_RATE)]
    return min(as_fast, key=lambda choice: choice.peak)
