"""The story of a run that leakhunt never saw, told from its logs alone.

Reads the logs one after the other, in bounded memory, and returns the same `Timeline` as for a recorded run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from leakhunt._version import __version__
from leakhunt.errors import LeakhuntError
from leakhunt.evidence.log_reading import LogReading, read_log
from leakhunt.evidence.rules import load_rules, shipped_rules
from leakhunt.findings.timeline import CauseOfDeath, Series, Timeline
from leakhunt.timeline.foreign_causes import Clock, clock_in, figures_of, root_causes
from leakhunt.timeline.foreign_entries import CHOSEN, Foreign, gather, settle
from leakhunt.timeline.foreign_events import events_of, place
from leakhunt.timeline.foreign_losses import losses_of
from leakhunt.timeline.foreign_plan import plan_for


def tell_logs(paths: Sequence[str | Path], *, rules: Path | None = None, zone: str | None = None) -> Timeline:
    """Return the story of the logs at `paths`.

    `rules` is a file of the user's own rules; `zone` the time zone of times that name none ("Europe/Berlin"),
    this machine's when None. Raises LeakhuntError for a log or a file of rules that cannot be read.
    """
    story, where = gather_logs(paths, rules=rules, zone=zone)
    return timeline_of(story, zone=where)


def gather_logs(
    paths: Sequence[str | Path], *, rules: Path | None, zone: str | None, reference: float | None = None
) -> tuple[Foreign, tzinfo | None]:
    """Return what the logs at `paths` told, and the time zone of times that name none.

    `reference`: Unix seconds about when they end, for logs that leave out the year or the date.
    """
    known = shipped_rules() if rules is None else load_rules(rules)
    where = None if zone is None else time_zone(zone)
    readings = _named_apart([read_log(path, known, where) for path in dict.fromkeys(map(str, paths))])
    settle(readings, reference)
    return gather(readings), where


def time_zone(name: str) -> tzinfo:
    """Return the time zone of that name; LeakhuntError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"no time zone {name!r} is known here: write it like Europe/Berlin or UTC"
        raise LeakhuntError(message, slug="time-zone") from None


def timeline_of(story: Foreign, *, zone: tzinfo | None = None) -> Timeline:
    """Return a gathered story as a timeline."""
    clock = clock_in(zone)
    figures = figures_of(story.readings)
    causes = root_causes(story, figures, clock)
    names = [reading.name for reading in story.readings]
    began, death = story.began, _death(story, clock)
    last = death.wall if death.wall is not None else story.ended
    return Timeline(
        leakhunt=__version__, id="logs", target=", ".join(names), argv=[], cwd=None, started=began,
        ended=story.ended, running=False, death=death, events=events_of(story),
        losses=losses_of(story, named_zone=zone is not None),
        series=[
            Series(f"{one.source}: {one.name}", [(wall - began, size) for wall, size in one.points])
            for one in figures
            if began is not None
        ],
        causes=causes, plan=plan_for(causes, story, figures), sources=names,
        lasted=None if last is None or began is None else last - began,
    )  # fmt: skip


def _death(story: Foreign, clock: Clock) -> CauseOfDeath:
    """Return what the logs prove of the last death that they tell of."""
    kernel = [entry for entry in story.entries if entry.kind == "kernel-oom"]
    others = [entry for entry in story.entries if entry.kind in {"oom-daemon", "scheduler-kill"}]
    hard = [restart for restart in story.restarts if restart.orderly is False]
    last_kill = kernel[-1] if kernel else None
    if last_kill is not None and not any(one.wall > (last_kill.wall or 0.0) + 600 for one in hard):
        sure = last_kill.rule != CHOSEN
        done = "killed" if sure else "chose"
        words = f"The kernel {done} process {last_kill.pid} ({last_kill.who}) for memory."
        proof = [f"{place(entry)}: {entry.text}" for entry in kernel[-3:]]
        return CauseOfDeath("proven" if sure else "probable", "kernel-oom", words, proof, last_kill.wall)
    if others and not any(one.wall > (others[-1].wall or 0.0) + 600 for one in hard):
        cause = others[-1].kind
        words = f"{place(others[-1])} says that a process was ended for memory: {others[-1].text}"
        return CauseOfDeath("probable", cause, words, [others[-1].text], others[-1].wall)
    if hard:
        times = f"{len(hard)} times, last" if len(hard) > 1 else "once,"
        words = (
            f"The machine went down without an orderly shutdown {times} before {clock(hard[-1].wall)}: "
            "a crash, a hang or a loss of power, with everything that ran on it."
        )
        proof = [f"{clock(one.wall)} {one.source}: {one.text}" for one in hard]
        return CauseOfDeath("probable", "power-loss", words, proof, hard[-1].wall)
    deaths = [entry for entry in story.entries if entry.kind == "death"]
    if deaths:
        words = f"{place(deaths[-1])} tells of a death and not of its cause: {deaths[-1].text}"
        return CauseOfDeath("unknown", "unknown", words, [deaths[-1].text], deaths[-1].wall)
    return CauseOfDeath("unknown", "unknown", "The logs tell of no death.", [])


def _named_apart(readings: list[LogReading]) -> list[LogReading]:
    """Give logs of the same name from different directories names that differ."""
    seen: dict[str, int] = {}
    for reading in readings:
        seen[reading.name] = seen.get(reading.name, 0) + 1
        if seen[reading.name] > 1:
            reading.name = f"{reading.name} ({seen[reading.name]})"
    return readings
