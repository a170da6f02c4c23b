"""The whole story of one recorded run: `tell` reads the run directory and returns the `Timeline`."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from leakhunt._version import __version__
from leakhunt.analysis.diagnose import diagnose
from leakhunt.errors import LeakhuntError
from leakhunt.findings.diagnosis import Diagnosis, Loss
from leakhunt.findings.losses import explained
from leakhunt.findings.timeline import Attempt, CauseOfDeath, Event, Kept, Timeline
from leakhunt.journal.rundir import RunDirectory
from leakhunt.model.load import load_run
from leakhunt.model.run import LossSeen, Run
from leakhunt.timeline.causes import root_causes
from leakhunt.timeline.ending import LastAttempt, Machine, facts_of, judged, last_attempt
from leakhunt.timeline.events import Clock, drafts_of, event_of
from leakhunt.timeline.grouping import Draft, counted
from leakhunt.timeline.iterations import Outer, outer
from leakhunt.timeline.journals import Told, journals_of, told_by
from leakhunt.timeline.kept import files_of, kept_by, position_text
from leakhunt.timeline.machine import this_machine
from leakhunt.timeline.plan import recovery_plan
from leakhunt.timeline.reach import course_of, limit_in_force, milestones, reach_of
from leakhunt.units import format_bytes, format_count, format_seconds

#: Nothing was written for this long, and this many times longer than between other samples: a gap.
_GAP_SECONDS = 5.0
_GAP_TIMES = 20.0
#: So many turns of the outer loop are told as events; the table has them all.
_TURNS_TOLD = 30
_LOOPS_TOLD = 6
_ONLY_OUTSIDE = (
    "`leakhunt run` sees a program from outside only: to see its loops and what holds its memory, profile it"
)
_FILES_TOLD = 10


def tell(directory: Path, *, machine: Machine | None = None) -> Timeline:
    """Return the story of the run in `directory`. Raises LeakhuntError when no run was recorded there.

    `machine` is where the story is told, this one by default.
    """
    run_directory = RunDirectory(directory)
    if not journals_of(directory):
        raise LeakhuntError(
            f"{directory} has no journal in it: give a run that `leakhunt runs` lists", slug="timeline-empty"
        )
    losses: list[LossSeen] = []
    told = told_by(directory, losses)
    run = load_run(directory)
    if not told and not len(run.tree.seconds):
        raise LeakhuntError(
            f"nothing can be read in the journals of {directory}: give another run", slug="timeline-empty"
        )
    return _story(run, told, losses, run_directory, machine)


def _story(
    run: Run, told: list[Told], losses: list[LossSeen], directory: RunDirectory, machine: Machine | None
) -> Timeline:
    alive = directory.is_live()
    clock = Clock(told)
    diagnosis = diagnose(run)
    turning = outer(run, [at.loop for at in diagnosis.position])
    attempt = last_attempt(told, _last_measured(run, clock))
    died = attempt.died
    wall = clock.wall(died) if died is not None else None
    if attempt.exit is not None and attempt.exit.wall is not None:
        wall = attempt.exit.wall
    here = machine or this_machine(
        # a supervisor that saw the end asked the kernel then
        ask_kernel=attempt.exit is None and not alive,
        died=wall if not alive and attempt.may_have_been_killed else None,
    )
    death = judged(facts_of(run, told, attempt, here, alive=alive), attempt, wall)
    ended_well = death.cause == "exited" and run.exit is not None and run.exit.exit_code == 0
    found = None if alive else files_of(run, told, directory.path)
    position = position_text(diagnosis.position, diagnosis.loops) or None
    kept = kept_by(run, told, turning, found, position, ended_well=ended_well)
    reach = reach_of(run, told, diagnosis, turning, death)
    causes = [] if alive or (ended_well and not _leaks(diagnosis)) else root_causes(
        run, told, diagnosis, death, turning, kept, attempt
    )  # fmt: skip
    drafts = drafts_of(told, clock, run.argv)
    drafts += _measured(run, told, clock, turning, kept, position, attempt)
    if not alive:
        drafts += _death(clock, death, attempt)
    events = _without_exit(counted(drafts), attempt)
    events += _later(directory, run)
    return Timeline(
        leakhunt=__version__,
        id=run.id,
        target=run.target,
        argv=list(run.argv),
        cwd=run.cwd,
        started=run.started,
        ended=None if alive else wall,
        running=alive,
        death=death,
        events=events,
        losses=_losses(run, told, diagnosis, losses),
        loops=diagnosis.loops,
        position=diagnosis.position,
        attempts=_attempts(told, clock),
        iterations=turning.rows if turning is not None else [],
        course=course_of(run),
        reach=reach,
        kept=kept,
        causes=causes,
        plan=[] if alive else recovery_plan(run, told, diagnosis, death, reach, kept, causes),
        peak_rss=diagnosis.run.peak_rss,
        lasted=died - clock.origin if died is not None and not alive else None,
        sources=sorted({one.source for one in told}),
        utc_offset=here.utc_offset if here.utc_offset is not None else _utc_offset(run.started),
    )


def _utc_offset(wall: float | None) -> int | None:
    """Return how far this machine's time of day was ahead of UTC then: the logs beside the run have it too."""
    try:
        return time.localtime(wall).tm_gmtoff
    except (ValueError, OverflowError, OSError):
        return None


def _leaks(diagnosis: Diagnosis) -> bool:
    return any(finding.verdict == "leak" for finding in diagnosis.findings)


def _losses(run: Run, told: list[Told], diagnosis: Diagnosis, losses: list[LossSeen]) -> list[Loss]:
    """Return what was not seen; of a guarded run nobody expected to see the inside."""
    found = diagnosis.losses
    if not run.agent_seen and any(one.kind == "bounds" for one in told):
        found = [one for one in found if one.slug not in ("no-loop", "agent-journal-missing")]
        found.append(explained("agent-journal-missing", _ONLY_OUTSIDE))
    known = {(loss.slug, loss.what) for loss in found}
    more = [explained(one.slug, one.what, one.count) for one in losses]
    return [*found, *(loss for loss in more if (loss.slug, loss.what) not in known)]


def _last_measured(run: Run, clock: Clock) -> float | None:
    """Return the instant of the last sample of anybody, on the boot clock."""
    seconds = [float(run.tree.seconds[-1])] if len(run.tree.seconds) else []
    seconds += [float(trace.seconds[-1]) for trace in run.loops.values() if len(trace.seconds)]
    return clock.origin + max(seconds) if seconds else None


def _attempts(told: list[Told], clock: Clock) -> list[Attempt]:
    """Return each time that the program was started, and how that ended."""
    attempts: list[Attempt] = []
    latest: dict[object, int] = {}
    units: dict[object, int] = {}
    for one in told:
        copy = one.fields.get("copy")
        if one.kind == "start":
            pid = one.fields.get("pid")
            latest[copy] = len(attempts)
            units[copy] = 0
            attempts.append(
                Attempt(len(attempts) + 1, pid if isinstance(pid, int) else None, _wall(one, clock), None, "")
            )
        elif one.kind == "unit" and len(latest) == 1:
            units = {name: count + 1 for name, count in units.items()}
        elif one.kind == "exit" and copy in latest:
            signal, code = one.fields.get("signal"), one.fields.get("exit_code")
            peak = one.fields.get("peak_rss")
            attempts[latest[copy]] = replace(
                attempts[latest[copy]],
                ended=_wall(one, clock),
                how=f"ended by {signal}" if signal is not None else f"exit code {code}",
                units=units.get(copy) or None,
                peak_rss=peak if isinstance(peak, int) else None,
            )
    return attempts


def _wall(one: Told, clock: Clock) -> float | None:
    return one.wall if one.wall is not None else clock.wall(one.boot)


# ---- what measurements tell -----------------------------------------------------------------


def _measured(
    run: Run,
    told: list[Told],
    clock: Clock,
    turning: Outer | None,
    kept: Kept,
    position: str | None,
    attempt: LastAttempt,
) -> list[Draft]:
    drafts = _loops_entered(run, clock) + _turns(clock, turning) + _gaps(run, clock)
    for seconds, text, size in milestones(run, limit_in_force(told)[0]):
        drafts.append(_at(clock, seconds, "memory", text, "supervisor.jsonl", size))
    for one in kept.files[:_FILES_TOLD]:
        if run.started is None or one.role != "data":
            continue
        rows = f", {format_count(one.rows)} rows" if one.rows is not None else ""
        seconds = one.modified - run.started
        text = f"{one.path} last written: {format_bytes(one.bytes)}{rows}"
        drafts.append(_at(clock, seconds, "file", text, "files", one.bytes))
    drafts += _kernel_lines(clock, attempt)
    return drafts + _last_sample(run, clock, position)


def _at(clock: Clock, seconds: float, kind: str, text: str, source: str, size: int | None = None) -> Draft:
    boot = clock.origin + seconds
    return Draft(boot, event_of(clock, boot, kind, text, source, size))


def _loops_entered(run: Run, clock: Clock) -> list[Draft]:
    """The first time that each of the main program's loops was entered, the outermost first."""
    first: dict[str, float] = {}
    totals: dict[str, int | None] = {}
    for one in run.instances.values():
        if one.loop not in first or one.entered < first[one.loop]:
            first[one.loop], totals[one.loop] = one.entered, one.total
    drafts = []
    for name in sorted(first, key=lambda name: (run.loops[name].depth, first[name]))[:_LOOPS_TOLD]:
        loop = run.loops[name]
        over = f"loop over {', '.join(loop.variables)}" if loop.variables else f"{loop.kind} loop"
        total = f", {format_count(totals[name])} turns" if totals[name] is not None else ""
        where = f"{loop.file.replace(chr(92), '/').rpartition('/')[2]}:{loop.line}"
        drafts.append(
            _at(clock, first[name], "loop", f"{over} entered ({where} in {loop.function}{total})", "agent")
        )
    return drafts


def _turns(clock: Clock, turning: Outer | None) -> list[Draft]:
    """Memory at each completed turn of the outer loop; of many, some that are spread evenly."""
    if turning is None:
        return []
    rows = [row for row in turning.rows if row.completed and row.ended is not None]
    if len(rows) > _TURNS_TOLD:
        chosen = np.unique(np.linspace(0, len(rows) - 1, _TURNS_TOLD).astype(int))
        rows = [rows[int(at)] for at in chosen]
    total = f"/{turning.loop.total}" if turning.loop.total is not None else ""
    drafts = []
    for row in rows:
        name = row.label or ", ".join(turning.loop.variables) or "turn"
        growth = f", {format_bytes(row.growth, signed=True)}" if row.growth is not None else ""
        text = f"{name} ({row.number}{total}) completed at {format_bytes(row.end)}{growth}"
        drafts.append(_at(clock, row.ended or 0.0, "iteration", text, "agent", row.end))
    return drafts


def _gaps(run: Run, clock: Clock) -> list[Draft]:
    """Stretches in which nobody wrote anything: a suspended machine, stopped processes."""
    seconds = run.tree.seconds
    if len(seconds) < 3:
        return []
    steps = np.diff(seconds)
    least = max(_GAP_SECONDS, _GAP_TIMES * float(np.median(steps)))
    others = np.sort(np.concatenate([trace.seconds for trace in run.loops.values()] or [np.empty(0)]))
    drafts = []
    for at in np.flatnonzero(steps > least):
        began, ended = float(seconds[at]), float(seconds[at + 1])
        went_on = np.searchsorted(others, ended - 1.0) - np.searchsorted(others, began + 1.0)
        if went_on > 0:
            text = f"the supervisor wrote nothing for {format_seconds(ended - began)}; the program went on"
        else:
            text = (
                f"nothing was written for {format_seconds(ended - began)}: the machine was suspended, or everything "
                "was stopped"
            )
        drafts.append(_at(clock, began, "gap", text, "supervisor.jsonl"))
    return drafts


def _kernel_lines(clock: Clock, attempt: LastAttempt) -> list[Draft]:
    drafts = []
    for one in attempt.of("witness"):
        lines = one.fields.get("kernel_lines")
        for line in lines if isinstance(lines, list) else []:
            if isinstance(line, list) and len(line) >= 2 and isinstance(line[0], (int, float)):
                if "illed process" not in str(line[1]):
                    continue
                ours = (
                    "a heap census of leakhunt's was killed for memory; " if "(leakhunt-" in line[1] else ""
                )
                event = event_of(clock, float(line[0]), "kernel", f"{ours}kernel: {line[1]}", "kernel")
                drafts.append(Draft(float(line[0]), event, "kernel", _many_kills))
    return drafts


def _many_kills(count: int, first: Event, last: Event) -> str:
    return f"the kernel killed {count} processes for memory; the last: {last.text}"


def _last_sample(run: Run, clock: Clock, position: str | None) -> list[Draft]:
    known = np.flatnonzero(np.isfinite(run.tree.tree_rss))
    if not len(known):
        return []
    at = int(known[-1])
    size = int(run.tree.tree_rss[at])
    where = f" at {position}" if position else ""
    text = f"last seen: {format_bytes(size)} resident{where}"
    return [_at(clock, float(run.tree.seconds[at]), "sample", text, "supervisor.jsonl", size)]


def _death(clock: Clock, death: CauseOfDeath, attempt: LastAttempt) -> list[Draft]:
    at = attempt.died
    if at is None:
        return []
    source = attempt.exit.source if attempt.exit is not None else "all witnesses"
    kind = "end" if death.cause == "exited" else "death"
    event = event_of(clock, at, kind, f"{death.words}", source)
    return [Draft(at + 1e-6, event)]


def _without_exit(events: list[Event], attempt: LastAttempt) -> list[Event]:
    """The exit record of the last attempt is told by the judgement, which says more."""
    if attempt.exit is None:
        return events
    exits = [
        at for at, event in enumerate(events) if event.kind == "death" and event.text.startswith("ended ")
    ]
    return [event for at, event in enumerate(events) if not exits or at != exits[-1]]


def _later(directory: RunDirectory, run: Run) -> list[Event]:
    """The next run of the same program in the same home: somebody went on."""
    mine = directory.info()
    created = mine.get("created")
    if not isinstance(created, (int, float)):
        return []
    later = []
    for sibling in directory.path.parent.iterdir() if directory.path.parent.is_dir() else []:
        if sibling == directory.path or not sibling.is_dir():
            continue
        info = RunDirectory(sibling).info()
        begun = info.get("created")
        if isinstance(begun, (int, float)) and begun > created and info.get("target") == mine.get("target"):
            later.append((float(begun), sibling.name))
    if not later or run.started is None:
        return []
    begun, name = min(later)
    return [
        Event(
            begun,
            begun - run.started,
            "resume",
            f"the same program was started again: run {name}",
            "run.json",
        )
    ]
