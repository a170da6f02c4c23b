"""A recorded run told together with logs that leakhunt did not write: the watchdog's, the kernel's, the program's own.

The logs are witnesses of the death as well: a kill that the kernel's log has counts as if it had been read then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from leakhunt.evidence.happening import Happening
from leakhunt.evidence.kernel_kill import KernelKill
from leakhunt.findings.timeline import Event, Series, Timeline
from leakhunt.host import boot_id
from leakhunt.timeline.ending import Machine
from leakhunt.timeline.foreign import gather_logs, timeline_of
from leakhunt.timeline.foreign_entries import Foreign
from leakhunt.timeline.story import tell

_WITNESSES = frozenset({"oom-daemon", "scheduler-kill", "oom-report"})


def tell_with_logs(
    directory: Path, paths: Sequence[str | Path], *, rules: Path | None = None, zone: str | None = None
) -> Timeline:
    """Return the story of the run in `directory` and of the logs at `paths` in one.

    Raises LeakhuntError as `story.tell` and `foreign.tell_logs` do.
    """
    alone = tell(directory)
    story, where = gather_logs(paths, rules=rules, zone=zone, reference=alone.ended or alone.started)
    kills, others = _kills(story), _others(story)
    known = (
        tell(directory, machine=Machine(boot_id(), kills, True, others=others)) if kills or others else alone
    )
    # what the machine itself knew may be more than what the logs say
    run = known if alone.death.certainty != "proven" else alone
    return _joined(run, timeline_of(story, zone=where))


def _joined(run: Timeline, logs: Timeline) -> Timeline:
    titles = {step.title for step in run.plan}
    shift = 0.0 if run.started is None or logs.started is None else logs.started - run.started
    return replace(
        run,
        events=sorted([*run.events, *(_moved(event, run.started) for event in logs.events)], key=_order),
        series=[*run.series, *(_shifted(series, shift) for series in logs.series)],
        causes=[*run.causes, *logs.causes],
        plan=[*run.plan, *(step for step in logs.plan if step.title not in titles)],
        losses=[*run.losses, *logs.losses],
        sources=[*run.sources, *logs.sources],
    )


def _order(event: Event) -> tuple[bool, float]:
    return event.wall is None, event.wall or 0.0


def _moved(event: Event, started: float | None) -> Event:
    seconds = None if event.wall is None or started is None else event.wall - started
    return replace(event, seconds=seconds)


def _shifted(series: Series, by: float) -> Series:
    return Series(series.name, [(seconds + by, size) for seconds, size in series.points])


def _kills(story: Foreign) -> tuple[KernelKill, ...]:
    """Return the kernel's kills in the logs, by the wall clock: whose boot their other clock is of is not known."""
    return tuple(
        replace(kill, wall=None if moment is None else reading.clock.wall(moment), boot=None)
        for reading in story.readings
        for kill, moment in reading.kills
    )


def _others(story: Foreign) -> tuple[Happening, ...]:
    """Return what other killers said; of words that were repeated, when they were said first and last."""
    return tuple(
        Happening(
            wall, None, entry.kind, entry.text, entry.source, entry.pid, entry.size,
            {} if entry.who is None else {"who": entry.who},
        )
        for entry in story.entries
        if entry.kind in _WITNESSES
        for wall in dict.fromkeys((entry.wall, entry.until))
    )  # fmt: skip
