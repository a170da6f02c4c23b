"""Why it came to that, as rules over the story that foreign logs tell. Each needs a line for what it says.

No rule knows a name. What the logs do not show is said to be not known, never taken for the better or the worse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from leakhunt.evidence.log_reading import LogReading
from leakhunt.findings.timeline import RootCause
from leakhunt.timeline.foreign_entries import Entry, Foreign, Silence
from leakhunt.timeline.foreign_events import place
from leakhunt.units import format_bytes, format_seconds

#: So many brakes in one story are a state and not an incident.
MANY_BRAKES = 10
#: Memory that falls by less than this share of itself did not fall.
FELL = 0.05
#: Memory that rises by more than this share of itself, over a series long enough, grew.
GREW = 0.5
MANY_RESTARTS = 5
_BAD = {"brake", "low-memory", "death", "kernel-oom", "oom-daemon", "scheduler-kill", "error", "boot"}

Clock = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Figures:
    """One series of a log in instants: (Unix seconds, bytes) in order. `left`: what is available, not what is used."""

    name: str
    source: str
    left: bool
    points: tuple[tuple[float, int], ...]

    def between(self, start: float, end: float) -> list[int]:
        return [size for wall, size in self.points if start <= wall <= end]


def root_causes(story: Foreign, figures: Iterable[Figures], clock: Clock) -> list[RootCause]:
    """Return the root causes that the story shows, those that others follow from first."""
    known = list(figures)
    found: list[RootCause | None] = [
        *(_unwatched(silence, story, clock) for silence in story.silences),
        *_said_not_running(story, clock),
        _braked_in_vain(story, known, clock),
        *(_grew(one, clock) for one in known),
        *_killed(story, clock),
        _restart_loop(story, clock),
        _went_down(story, clock),
    ]
    causes = [cause for cause in found if cause is not None]
    return _merged(causes)


def _merged(causes: list[RootCause]) -> list[RootCause]:
    """Put the evidence of causes with the same title into one."""
    by_title: dict[str, RootCause] = {}
    for cause in causes:
        before = by_title.get(cause.title)
        if before is None:
            by_title[cause.title] = cause
            continue
        extra = [line for line in cause.evidence if line not in before.evidence]
        by_title[cause.title] = RootCause(
            before.slug, before.title, before.why, before.bytes, before.share, before.finding,
            [*before.evidence, *extra],
        )  # fmt: skip
    return list(by_title.values())


# ---- nobody watched -------------------------------------------------------------------------


def _unwatched(silence: Silence, story: Foreign, clock: Clock) -> RootCause | None:
    """A watchdog that says nothing more while others go on, and to no good."""
    if silence.role != "watchdog" or (silence.restart and silence.until is not None):
        return None
    until = silence.until if silence.until is not None else story.ended
    if until is None:
        return None
    after = [
        entry
        for entry in story.entries
        if entry.kind in _BAD
        and entry.source != silence.source
        and _last(entry) > silence.wall
        and (entry.wall or until) <= until
    ]
    if not after:
        return None
    usual = f" about every {format_seconds(silence.usual)}" if silence.usual else ""
    stop = next(
        (
            entry for entry in story.entries
            if entry.source == silence.source and entry.kind == "stop" and abs(_last(entry) - silence.wall) <= 5
        ), None,
    )  # fmt: skip
    why = f"{silence.source} said something{usual} until {clock(silence.wall)} and then nothing"
    why += " more" if silence.until is None else f" until {clock(silence.until)}"
    why += (
        f", having said that it stops ({stop.text})" if stop else ": it had ended, hung, or wrote elsewhere"
    )
    why += ". From then on it watched and restarted nothing that is logged."
    evidence = [f"{clock(silence.wall)} last line: {silence.last}"] if silence.last else []
    evidence += [_line(entry, clock) for entry in after[:4]]
    return RootCause("watchdog-not-running", _UNWATCHED, why, evidence=evidence)


_UNWATCHED = "Watchdog not running"


def _said_not_running(story: Foreign, clock: Clock) -> list[RootCause]:
    watchdogs = ("watchdog", "supervisor", "monitor", "nanny", "guard")
    return [
        RootCause(
            "watchdog-not-running", _UNWATCHED, f"{entry.source} says so at {clock(entry.wall or 0.0)}.",
            evidence=[_line(entry, clock)],
        )
        for entry in story.entries
        if entry.rule == "status-not-running" and entry.wall is not None
        and any(word in (entry.who or "").lower() for word in watchdogs)
    ]  # fmt: skip


# ---- a brake that does not help -----------------------------------------------------------------


def _braked_in_vain(story: Foreign, figures: list[Figures], clock: Clock) -> RootCause | None:
    brakes = [entry for entry in story.entries if entry.kind == "brake"]
    times = sum(entry.count for entry in brakes)
    if times < MANY_BRAKES:
        return None
    dated = [entry for entry in brakes if entry.wall is not None]
    evidence = [_line(entry, clock) for entry in brakes[:4]]
    if not dated:
        return RootCause(
            "brake-fired-often", f"The brake fired {times:,} times",
            "The lines have no time, so whether memory fell in between is not known.", evidence=evidence,
        )  # fmt: skip
    start, end = min(entry.wall or 0.0 for entry in dated), max(_last(entry) for entry in dated)
    span = f"from {clock(start)} to {clock(end)}"
    held = [one for one in figures if len(one.between(start, end)) >= 3]
    steady = [one for one in held if _stayed(one, start, end)]
    if not steady:
        said = "The logs have no figures of memory from that time." if not held else "Memory fell in between."
        title = f"The brake fired {times:,} times"
        return RootCause(
            "brake-fired-often", title, f"{span[0].upper()}{span[1:]}. {said}", evidence=evidence
        )
    used = next((one for one in steady if not one.left), None)
    for one in steady[:4]:
        sizes = one.between(start, end)
        what = "available" if one.left else "in use"
        evidence.append(
            f"{one.source}: {one.name}: {format_bytes(sizes[0])} {what} at the first, "
            f"{format_bytes(sizes[-1])} at the last brake, {len(sizes)} readings"
        )
    why = (
        f"It fired {times:,} times {span} and memory did not fall: a brake refuses new work, what a worker "
        "already holds is given back only when the worker ends."
    )
    size = used.between(start, end)[-1] if used is not None else None
    return RootCause("brake-cannot-release", _IN_VAIN, why, bytes=size, evidence=evidence)


_IN_VAIN = "The brake can't release memory held by the worker"


def _stayed(one: Figures, start: float, end: float) -> bool:
    """Tell whether memory stayed where it was: the last third is no better than the first."""
    sizes = one.between(start, end)
    third = max(1, len(sizes) // 3)
    first, last = sorted(sizes[:third])[third // 2], sorted(sizes[-third:])[third // 2]
    if one.left:
        return last <= first * (1 + FELL)
    return last >= first * (1 - FELL)


# ---- memory ---------------------------------------------------------------------------------------


def _grew(one: Figures, clock: Clock) -> RootCause | None:
    """What one process had, rising over most of its series."""
    if one.left or len(one.points) < 6:
        return None
    sizes = [size for _, size in one.points]
    third = len(sizes) // 3
    low, middle, high = (
        sorted(part)[len(part) // 2] for part in (sizes[:third], sizes[third:-third], sizes[-third:])
    )
    if not (low < middle < high and high - low > GREW * low):
        return None
    start, end = one.points[0], one.points[-1]
    why = (
        f"{one.name} ({one.source}) went from {format_bytes(start[1])} at {clock(start[0])} to "
        f"{format_bytes(end[1])} at {clock(end[0])}. What holds it is not in the logs: "
        "`leakhunt profile` says."
    )
    return RootCause("memory-grew", f"Memory of {one.name} grew", why, bytes=max(0, end[1] - start[1]))


# ---- who killed -------------------------------------------------------------------------------------

_KILLERS = {
    "kernel-oom": ("kernel-out-of-memory", "The kernel killed for memory"),
    "oom-daemon": ("daemon-out-of-memory", "A daemon killed for memory before the kernel had to"),
    "scheduler-kill": ("scheduler-out-of-memory", "A batch system or cluster ended a process for memory"),
}


def _killed(story: Foreign, clock: Clock) -> list[RootCause]:
    found = []
    for kind, (slug, title) in _KILLERS.items():
        kills = [entry for entry in story.entries if entry.kind == kind]
        if not kills:
            continue
        times = sum(entry.count for entry in kills)
        biggest = max((entry.size for entry in kills if entry.size is not None), default=None)
        why = f"{times} time{'s' if times > 1 else ''}: more memory was asked for than there was."
        evidence = [_line(entry, clock) for entry in kills[:4]]
        found.append(RootCause(slug, title, why, bytes=biggest, evidence=evidence))
    return found


def _restart_loop(story: Foreign, clock: Clock) -> RootCause | None:
    """Restarts in such a number that they are no help any more."""
    restarts = [entry for entry in story.entries if entry.kind == "restart" and entry.wall is not None]
    times = sum(entry.count for entry in restarts)
    if times < MANY_RESTARTS:
        return None
    start, end = restarts[0].wall or 0.0, max(_last(entry) for entry in restarts)
    if end <= start or times / (end - start) < MANY_RESTARTS / 1800.0:
        return None
    why = (
        f"{times} restarts from {clock(start)} to {clock(end)}: starting again does not mend what ends them."
    )
    return RootCause(
        "restart-loop",
        "Restarted again and again",
        why,
        evidence=[_line(entry, clock) for entry in restarts[:4]],
    )


def _went_down(story: Foreign, clock: Clock) -> RootCause | None:
    hard = [restart for restart in story.restarts if restart.orderly is False]
    if not hard:
        return None
    times = f"{len(hard)} times" if len(hard) > 1 else "once"
    short = [
        entry for entry in story.entries if entry.kind in {"brake", "low-memory", "kernel-oom", "oom-daemon"}
    ]
    linked = any(one.wall - 3600 <= _last(entry) <= one.wall for one in hard for entry in short)
    why = "No shutdown is logged before: a crash, a hang that somebody ended, or a loss of power. "
    why += (
        "Memory was short within the hour before."
        if linked
        else "Whether for want of memory is not in the logs."
    )
    return RootCause(
        "machine-went-down", f"The machine went down {times}", why,
        evidence=[f"{clock(one.wall)} {one.source}: {one.text}" for one in hard],
    )  # fmt: skip


# ---- words --------------------------------------------------------------------------------------------


def _last(entry: Entry) -> float:
    return entry.until if entry.until is not None else entry.wall if entry.wall is not None else float("-inf")


def _line(entry: Entry, clock: Clock) -> str:
    when = "" if entry.wall is None else f"{clock(entry.wall)} "
    if entry.count > 1 and entry.until is not None:
        return f"{when}{place(entry)}: {entry.text} ({entry.count:,} times until {clock(entry.until)})"
    return f"{when}{place(entry)}: {entry.text}"


def figures_of(readings: Iterable[LogReading]) -> list[Figures]:
    """Return the series of settled logs in instants; points whose time is not known are left out."""
    found = []
    for reading in readings:
        for series in reading.series:
            points = [
                (wall, size)
                for moment, size in series.points
                if (wall := reading.clock.wall(moment)) is not None
            ]
            if points:
                left = series.keeps is min
                found.append(Figures(series.name, reading.name, left, tuple(sorted(points))))
    return found


def clock_in(zone: object = None) -> Clock:
    """Return how instants are written: date and time, in a time zone or this machine's."""
    from datetime import datetime, tzinfo

    def write(wall: float) -> str:
        at = datetime.fromtimestamp(wall, zone if isinstance(zone, tzinfo) else None)
        return at.strftime("%Y-%m-%d %H:%M:%S")

    return write
