"""What to do now: the changes first, then the command that goes on, its bounds, and how to see that it worked."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

from leakhunt.findings.diagnosis import Diagnosis, Recommendation
from leakhunt.findings.timeline import CauseOfDeath, Kept, Reach, RootCause, Step
from leakhunt.model.run import Run
from leakhunt.timeline.causes import OF_MEMORY
from leakhunt.timeline.journals import Told
from leakhunt.units import format_bytes

#: A bound below the limit: what the supervisor and a moment's delay need stays free.
_OF_LIMIT = 0.9
_MOST_CHANGES = 3
_SAVING = frozenset({"save-each-unit"})


def recovery_plan(
    run: Run,
    told: list[Told],
    diagnosis: Diagnosis,
    death: CauseOfDeath,
    reach: Reach | None,
    kept: Kept,
    causes: Sequence[RootCause],
) -> list[Step]:
    """Return the steps in order; none for a run that ended well and leaks nothing."""
    ended_well = death.cause == "exited" and death.certainty == "proven" and _code(run) == 0
    changes = _changes(diagnosis)
    if ended_well and not changes:
        return []
    steps = list(changes)
    if not ended_well:
        if kept.lost and not kept.units and not any(one.slug in _SAVING for one in diagnosis.recommendations):
            steps.append(_save_units())
        steps.append(_resume(run, told, kept, _bound(told, reach)))
        steps += _settings(run, told, causes)
    steps.append(_verify(run, told, diagnosis, kept, of_memory=_is_of_memory(death, causes)))
    return steps


def _is_of_memory(death: CauseOfDeath, causes: Sequence[RootCause]) -> bool:
    return death.cause in OF_MEMORY or any(cause.bytes for cause in causes)


def _code(run: Run) -> int | None:
    return run.exit.exit_code if run.exit is not None else None


def _changes(diagnosis: Diagnosis) -> list[Step]:
    return [_change(one) for one in diagnosis.recommendations[:_MOST_CHANGES]]


def _change(one: Recommendation) -> Step:
    sentence, _, code = one.do.partition("\n\n")
    where = f"{one.where.file}:{one.where.line}" if one.where is not None else None
    return Step(f"Change: {one.title}", sentence, None, code or None, where, one.expected_peak)


def _save_units() -> Step:
    return Step(
        title="Save each unit as soon as it is done",
        do="Then a kill costs the unit that is being computed, and the next start goes on where this one was.",
        code=(
            'with leakhunt.Ledger("results.csv", key=("unit",)) as ledger:\n'
            "    for unit in ledger.pending(units):\n"
            "        ledger.save(unit=unit, **compute(unit))"
        ),
    )


def _resume(run: Run, told: list[Told], kept: Kept, bound: int | None) -> Step:
    peak = f" It is ended and started again above {format_bytes(bound)}." if bound is not None else ""
    if kept.units:
        what = "It goes on where it was: what the ledger has is not computed again."
    elif kept.lost == 0:
        what = "It begins again; whether it goes on where it was is up to the program."
    else:
        what = "It begins again, from the start unless the program reads back what it saved."
    return Step("Start it again", what + peak, command=resume_command(run, told, bound))


def resume_command(run: Run, told: list[Told], bound: int | None) -> str:
    """Return the command that starts the program again within bounds, to be typed in any directory."""
    parts = ["leakhunt", "run"]
    if bound is not None:
        parts += ["--max-rss", _as_option(bound)]
    bounds = next((one.fields for one in told if one.kind == "bounds"), {})
    if type(bounds.get("min_available")) is int:
        parts += ["--min-available", _as_option(bounds["min_available"])]
    for name in ("max_age", "stale_after"):
        if type(bounds.get(name)) in (int, float):
            parts += [f"--{name.replace('_', '-')}", f"{bounds[name]:g}s"]
    python, argv = _arguments(run, told)
    if python is not None:
        parts += ["--python", python]
    mode = run.options.get("mode")
    if mode == "function":
        return f"{_cd(run)}leakhunt profile {shlex.join(argv)}"
    if mode == "module":
        argv = ["-m", *argv]
    return f"{_cd(run)}{shlex.join([*parts, *argv])}"


def _cd(run: Run) -> str:
    return f"cd {shlex.quote(run.cwd)} && " if run.cwd else ""


def _bound(told: list[Told], reach: Reach | None) -> int | None:
    """Return the bound to run under: the one that there was, or a little under the limit that was met."""
    bounds = next((one.fields for one in told if one.kind == "bounds"), {})
    if type(bounds.get("max_rss")) is int:
        return int(bounds["max_rss"])
    return int(reach.limit * _OF_LIMIT) if reach is not None and reach.limit is not None else None


def _as_option(size: int) -> str:
    """Return a size as the option takes it, rounded down to whole megabytes."""
    return f"{max(1, size // 1_000_000)}MB"


def _settings(run: Run, told: list[Told], causes: Sequence[RootCause]) -> list[Step]:
    slugs = {cause.slug for cause in causes}
    steps = []
    if "brake-cannot-free" in slugs:
        steps.append(
            Step(
                title="Let a process that brakes end itself",
                do="`give_up_after=3` (the default) ends it with exit code 75 after three brakes in a row, and "
                "`leakhunt run` starts it afresh: only that gives the memory back.",
            )
        )
    if "supervisor-lost" in slugs or "power-loss" in slugs:
        steps.append(
            Step(
                title="Keep the supervisor running",
                do="As a service it comes back after a reboot and when somebody ends it.",
                command=_service(run, told),
            )
        )
    return steps


def _service(run: Run, told: list[Told]) -> str | None:
    argv = _arguments(run, told)[1]
    if not argv or argv[0].startswith("-"):
        return None
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", os.path.splitext(os.path.basename(argv[0]))[0]).strip("-") or "run"
    return f"{_cd(run)}leakhunt install-unit {name} -- {shlex.join(argv)}"


def _verify(run: Run, told: list[Told], diagnosis: Diagnosis, kept: Kept, *, of_memory: bool) -> Step:
    confirm = next((one.confirm for one in diagnosis.recommendations if one.confirm), None)
    if confirm:
        return Step("See that it worked", f"{confirm}.".replace("..", "."))
    done = f" Its {kept.total} turns must all be there." if kept.total else ""
    argv = _arguments(run, told)[1]
    if not of_memory:
        return Step("See that it worked", f"`leakhunt timeline` tells how the next run went.{done}")
    return Step(
        "See that it worked",
        "Profile it again: the growth per turn must be gone from the report." + done,
        command=f"{_cd(run)}leakhunt profile {shlex.join(argv)}" if argv else None,
    )


def _arguments(run: Run, told: list[Told]) -> tuple[str | None, list[str]]:
    """Return the interpreter that a guarded run named, and the script with its arguments."""
    argv = list(run.argv)
    guarded = any(one.kind == "bounds" for one in told)
    if guarded and len(argv) > 1 and "python" in os.path.basename(argv[0]):
        return argv[0], argv[1:]
    return None, argv
