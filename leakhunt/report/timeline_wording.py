"""What the crash timeline says, in phrases that every drawing of it shares: cause, facts, events, table, plan.

Works on what `text.drawable` returned. Times are local, as the logs beside the run have them; `zone` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from leakhunt.findings.diagnosis import Position
from leakhunt.findings.timeline import Attempt, Event, IterationMemory, RootCause, SavedFile, Step, Timeline
from leakhunt.report.phrase import Code, Phrase, Row, Strong, joined, plural
from leakhunt.report.text import NAME, SENTENCE, VALUE, one_line
from leakhunt.report.wording import STEP, open_loop
from leakhunt.units import format_bytes, format_count, format_seconds

#: What a cause is called where there is room for two words.
CAUSES = {
    "kernel-oom": "OUT OF MEMORY",
    "oom-daemon": "OUT OF MEMORY",
    "scheduler-kill": "OUT OF MEMORY",
    "own-limit": "ENDED AT ITS BOUND",
    "killed-by-user": "KILLED",
    "terminated": "TERMINATED",
    "crashed": "CRASHED",
    "exited": "EXITED",
    "supervisor-lost": "SUPERVISOR LOST",
    "power-loss": "MACHINE WENT DOWN",
    "unknown": "NOBODY KNOWS",
}
#: The sign of each kind of event.
SIGNS = {
    "start": "▶", "resume": "▶", "restart": "↻", "limit": "┄", "loop": "↳", "iteration": "·", "unit": "✓",
    "memory": "▲", "brake": "■", "window": "○", "census": "○", "intent": "!", "kill": "✗", "signal": "!",
    "process": "+", "sample": "·", "file": "✓", "gap": "…", "clock": "…", "kernel": "✗", "death": "✗", "end": "■",
    "note": "·",
}  # fmt: skip
#: Kinds that a reader must not miss.
LOUD = frozenset(
    {"death", "kernel", "kill", "kernel-oom", "oom-daemon", "scheduler-kill", "brake", "gap", "boot"}
)
_ROWS = 18
#: Growth per hour is said of runs that lasted so many seconds.
_LONG = 600.0


def is_fine(timeline: Timeline) -> bool:
    """Tell whether the run ended as it should."""
    return timeline.death.cause == "exited" and "success" in timeline.death.words


def label(timeline: Timeline) -> str:
    """Return the cause in two words."""
    if timeline.running:
        return "STILL RUNNING"
    return "COMPLETED" if is_fine(timeline) else CAUSES.get(timeline.death.cause, "ENDED")


def certainty(timeline: Timeline) -> str:
    """Return how sure the cause is, for beside the label."""
    return "" if timeline.running or is_fine(timeline) else timeline.death.certainty


def headline(timeline: Timeline) -> Phrase:
    """Return why it ended, in a sentence."""
    return (one_line(timeline.death.words, SENTENCE),)


def ending(timeline: Timeline) -> Phrase | None:
    """Return when that was, after how long, and where the loops stood."""
    parts: list[Phrase] = []
    when = timeline.death.wall or timeline.ended
    if when is not None:
        parts.append((f"{'Ended' if not timeline.running else 'Seen'} {date_and_time(when, timeline)}",))
    if (seconds := lasted(timeline)) is not None:
        parts.append((f"after {format_seconds(seconds)}",))
    at = position(timeline.position)
    if at:
        parts.append(("at ", Strong(at)))
    return (*joined(parts, " "), ".") if parts else None


def lasted(timeline: Timeline) -> float | None:
    """Return how long it ran, in seconds."""
    if timeline.lasted is not None:
        return timeline.lasted
    ended = timeline.ended if timeline.ended is not None else timeline.death.wall
    if ended is None or timeline.started is None or ended < timeline.started:
        return None
    return ended - timeline.started


def position(levels: Sequence[Position]) -> str:
    """Return the stack of open loops with the share of the outer one: `lam = 3e-08 (7/10)`."""
    return STEP.join(open_loop(at) for at in levels)


def share_done(timeline: Timeline) -> str | None:
    """Return how far the open loops were, each in percent, counting completed turns."""
    shares = [
        f"{', '.join(one_line(name, VALUE) for name in at.variables) or 'loop'} {(at.number - 1) / at.total:.0%}"
        for at in timeline.position
        if at.total
    ]
    return ", ".join(shares).replace("%", " %") or None


def fact_rows(timeline: Timeline) -> list[Row]:
    """Return the facts to know first."""
    rows: list[Row] = [("Run", (Code(one_line(" ".join(timeline.argv) or timeline.target, SENTENCE)),))]
    if timeline.started is not None:
        rows.append(
            (
                "Started",
                (f"{date_and_time(timeline.started, timeline)} ({zone(timeline.started, timeline)})",),
            )
        )
    at = position(timeline.position)
    if at:
        share = share_done(timeline)
        rows.append(("Stood at", (Strong(at), f" ({share} done)" if share else "")))
    kept = timeline.kept
    if kept is not None:
        if kept.done is not None:
            total = f" of {format_count(kept.total)}" if kept.total is not None else ""
            rows.append(("Completed", (f"{format_count(kept.done)}{total} turns{_outer_name(timeline)}",)))
        rows += [
            ("Saved" if at == 0 else "", (one_line(word, SENTENCE),)) for at, word in enumerate(kept.words)
        ]
    if timeline.peak_rss is not None:
        rows.append(("Memory", (f"peak {format_bytes(timeline.peak_rss)}",)))
    if limit := limit_line(timeline):
        rows.append(("Limit", limit))
    return rows


def _outer_name(timeline: Timeline) -> str:
    first = next((row.label for row in timeline.iterations if row.label), None)
    name = first.partition(" = ")[0] if first else ""
    return f" of {one_line(name, VALUE)}" if name else ""


def limit_line(timeline: Timeline) -> Phrase | None:
    """Return the limit, the rate of growth, and when the one met the other or would have."""
    reach = timeline.reach
    if reach is None:
        return None
    parts: list[Phrase] = []
    if reach.limit is not None:
        source = f" ({one_line(reach.source, NAME)})" if reach.source else ""
        parts.append((f"{format_bytes(reach.limit)}{source}",))
    if reach.rate is not None:
        is_long = (lasted(timeline) or 0.0) > _LONG
        hourly = (
            f", {format_bytes(reach.rate_hour, signed=True)} an hour"
            if is_long and reach.rate_hour is not None
            else ""
        )
        parts.append((f"{format_bytes(reach.rate, signed=True)} per turn{hourly}",))
    if reach.reached:
        when = f" {date_and_time(reach.wall, timeline)}" if reach.wall is not None else ""
        parts.append(("reached", when))
    elif reach.iterations is not None and timeline.running is False:
        turns = plural(_rounded(reach.iterations), "turn")
        when = f", {date_and_time(reach.wall, timeline)}" if reach.wall is not None else ""
        parts.append((f"would have been reached after {turns} more{when}",))
    return joined(parts, "; ") if parts else None


def _rounded(count: float) -> float:
    return round(count, 1) if count < 3 else float(f"{count:.3g}")


# ---- the story ------------------------------------------------------------------------------


def event_time(event: Event, timeline: Timeline) -> str:
    """Return when it was: the time of day, with the day where that is another than before."""
    if event.wall is not None:
        return clock(event.wall, timeline)
    return f"+{format_seconds(event.seconds)}" if event.seconds is not None else ""


def event_text(event: Event, timeline: Timeline) -> str:
    """Return what happened, and until when where it happened often."""
    said = one_line(event.text, SENTENCE)
    if event.count > 1 and event.until is not None and event.until != event.wall:
        return f"{said} (until {clock(event.until, timeline)})"
    return said


def clock(wall: float, timeline: Timeline) -> str:
    """Return a time of day, with the day where that is another than at the start."""
    moment, begun = _moment(wall, timeline), _moment(timeline.started, timeline)
    if moment is None:
        return "?"
    if begun is not None and moment.date() != begun.date():
        return moment.strftime("%b %d %H:%M:%S")
    return moment.strftime("%H:%M:%S")


def date_and_time(wall: float, timeline: Timeline) -> str:
    """Return an instant as a person writes it."""
    moment = _moment(wall, timeline)
    return "at an unknown time" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def zone(wall: float, timeline: Timeline) -> str:
    """Return which time that is: `UTC+01:00`."""
    moment = _moment(wall, timeline)
    offset = moment.strftime("%z") if moment is not None else ""
    return f"UTC{offset[:3]}:{offset[3:5]}" if offset not in ("", "+0000") else "UTC"


def _moment(wall: float | None, timeline: Timeline) -> datetime | None:
    """Return an instant in the time zone of the story."""
    if wall is None:
        return None
    try:
        if timeline.utc_offset is None:
            return datetime.fromtimestamp(wall).astimezone()
        return datetime.fromtimestamp(wall, timezone(timedelta(seconds=timeline.utc_offset)))
    except (ValueError, OverflowError, OSError):
        return None


# ---- tables ---------------------------------------------------------------------------------

TABLE_HEAD = ("Turn", "", "Until", "Began with", "Ended with", "Growth")


def shown_rows(rows: Sequence[IterationMemory], most: int = _ROWS) -> list[IterationMemory]:
    """Return at most `most` rows: the first, the last third one by one, and some between that are spread evenly."""
    if len(rows) <= most:
        return list(rows)
    late = most // 3
    early = most - late
    step = (len(rows) - late - 1) / (early - 1)
    return [*(rows[round(at * step)] for at in range(early)), *rows[-late:]]


def left_out(rows: Sequence[IterationMemory], most: int = _ROWS) -> str | None:
    """Return what is said of the rows that are not shown."""
    if len(rows) <= most:
        return None
    return f"{format_count(most)} of {format_count(len(rows))} turns; all of them are in --json"


def row_cells(row: IterationMemory, timeline: Timeline) -> tuple[str, ...]:
    """Return one turn as cells, in the order of `TABLE_HEAD`."""
    until = (
        "" if row.ended is None or timeline.started is None else clock(timeline.started + row.ended, timeline)
    )
    done = "" if row.completed else " in flight"
    return (
        f"{format_count(row.number)}{done}",
        one_line(row.label or "", NAME),
        until,
        _size(row.start),
        _size(row.end),
        "" if row.growth is None else format_bytes(row.growth, signed=True),
    )


def _size(size: int | None) -> str:
    return "" if size is None else format_bytes(size)


FILE_HEAD = ("File", "Size", "Rows", "Last written", "Turns done by then", "Turns after it")


def file_cells(one: SavedFile, timeline: Timeline) -> tuple[str, ...]:
    """Return one file as cells, in the order of `FILE_HEAD`."""
    return (
        one_line(one.path, NAME),
        format_bytes(one.bytes),
        "" if one.rows is None else format_count(one.rows),
        clock(one.modified, timeline),
        "" if one.iterations is None else format_count(one.iterations),
        "" if one.iterations_after is None else format_count(one.iterations_after),
    )


def attempt_line(one: Attempt, timeline: Timeline) -> str:
    """Return one attempt of a run that was started several times."""
    when = f"{clock(one.started, timeline)}" if one.started is not None else "?"
    until = f" to {clock(one.ended, timeline)}" if one.ended is not None else ""
    units = f", {plural(one.units, 'unit')} saved" if one.units else ""
    peak = f", peak {format_bytes(one.peak_rss)}" if one.peak_rss is not None else ""
    return f"{one.number}. {when}{until}: {one_line(one.how, NAME) or 'its end was not seen'}{units}{peak}"


# ---- causes and plan ------------------------------------------------------------------------


def cause_phrase(cause: RootCause) -> Phrase:
    """Return a root cause: what, and why it is one."""
    why = one_line(cause.why, SENTENCE)
    return (Strong(one_line(cause.title, SENTENCE)), *((": ", why) if why else ()))


def step_phrase(step: Step) -> Phrase:
    """Return a step of the plan without its command or code."""
    where: Phrase = (" (", Code(one_line(step.where, NAME)), ")") if step.where else ()
    do = one_line(step.do, SENTENCE)
    return (Strong(one_line(step.title, SENTENCE)), *where, *((". ", do) if do else ()))


def peak_line(step: Step) -> str | None:
    """Return the peak to be expected after a step."""
    if step.expected_peak is None:
        return None
    return f"Expected peak after the change: {format_bytes(step.expected_peak)}"
