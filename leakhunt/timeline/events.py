"""Turns the records of all writers into events: what is said of each kind, and when it was.

The boot clock puts them in order, the wall clock is for reading. Judges nothing.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from leakhunt.findings.timeline import Event
from leakhunt.timeline import pool_events
from leakhunt.timeline.grouping import Draft
from leakhunt.timeline.journals import Told
from leakhunt.units import format_bytes, format_count, format_seconds

Say = Callable[[dict[str, Any]], "tuple[str, int | None] | None"]
Many = Callable[[int, Event, Event], str]

#: The wall clock was set when it moves this much against the boot clock.
CLOCK_STEP = 2.0
_BRAKES = {
    "given-back": "memory was short and collecting was enough",
    "braked": "braked: too little memory to begin it",
    "yielded": "braked too often in a row: ends itself to be started afresh",
}
_ORDERS = {
    "max-rss": "more memory than allowed",
    "min-available": "too little memory left on the machine",
    "max-age": "older than allowed",
    "stale": "no unit saved for too long",
    "hung": "no sign of life for too long",
}
_UNTOLD = frozenset({"native-threads", "versions", "window-open", "window-without-memray", "preflight"})


class Clock:
    """Wall clock and seconds of the story for an instant on the boot clock."""

    def __init__(self, told: Iterable[Told]) -> None:
        self.marks = [(one.boot, one.wall) for one in told if one.wall is not None]
        self.origin = min((boot for boot, _ in self.marks), default=0.0)
        self._boots = [boot for boot, _ in self.marks]

    def wall(self, boot: float) -> float | None:
        """Return the wall clock at an instant, by the last mark before it: a clock may have been set."""
        if not self.marks:
            return None
        marked, wall = self.marks[max(0, bisect_right(self._boots, boot) - 1)]
        return boot - marked + wall

    def seconds(self, boot: float) -> float:
        return boot - self.origin


def drafts_of(told: list[Told], clock: Clock, argv: list[str]) -> list[Draft]:
    """Return an event for each record that has something to tell."""
    drafts: list[Draft] = []
    attempts: dict[Any, int] = {}
    for one in told:
        if one.kind == "start":
            copy = one.fields.get("copy")
            attempts[copy] = attempts.get(copy, 0) + 1
            drafts.append(_started(one, clock, argv, attempts[copy], copies=len(attempts) > 1))
            continue
        rule = _RULES.get(one.kind)
        said = rule(one.fields) if rule else None
        if said is None:
            continue
        text, size = said
        many = _MANY.get(one.kind)
        group = _group(one) if many else None
        drafts.append(
            Draft(one.boot, event_at(clock, one, _KIND.get(one.kind, one.kind), text, size), group, many)
        )
    drafts += _clock_steps(told, clock)
    return drafts


def event_at(clock: Clock, one: Told, kind: str, text: str, size: int | None = None) -> Event:
    """Return an event at the instant of a record."""
    wall = one.wall if one.wall is not None else clock.wall(one.boot)
    pid = one.fields.get("pid")
    return Event(
        wall,
        clock.seconds(one.boot),
        kind,
        text,
        one.source,
        pid if isinstance(pid, int) else one.writer,
        size,
    )


def event_of(clock: Clock, boot: float, kind: str, text: str, source: str, size: int | None = None) -> Event:
    """Return an event that no record tells by itself."""
    return Event(clock.wall(boot), clock.seconds(boot), kind, text, source, None, size)


def _started(one: Told, clock: Clock, argv: list[str], attempt: int, *, copies: bool) -> Draft:
    command = one.fields.get("argv")
    shown = argv or [str(part) for part in command or []]
    first = [os.path.basename(part) if os.path.isabs(part) else part for part in shown[:1]]
    what = " ".join([*first, *shown[1:]])
    which = f" (copy {one.fields.get('copy')})" if copies else ""
    if attempt > 1:
        return Draft(
            one.boot, event_at(clock, one, "resume", f"started again, attempt {attempt}{which}: {what}")
        )
    return Draft(one.boot, event_at(clock, one, "start", f"started{which}: {what}"))


def _clock_steps(told: list[Told], clock: Clock) -> list[Draft]:
    """Tell where the wall clock was set: instants before and after cannot be compared by it."""
    found = []
    offset = clock.marks[0][1] - clock.marks[0][0] if clock.marks else None
    for boot, wall in clock.marks:
        if offset is not None and abs(wall - boot - offset) > CLOCK_STEP:
            moved = wall - boot - offset
            way = "forward" if moved > 0 else "back"
            text = f"the wall clock was set {way} by {format_seconds(abs(moved))}; the order is that of the boot clock"
            found.append(Draft(boot, Event(wall, clock.seconds(boot), "clock", text, "clocks")))
        offset = wall - boot
    return found


# ---- what each kind says --------------------------------------------------------------------


def _limits(fields: dict[str, Any]) -> tuple[str, int | None] | None:
    limit = _whole(fields.get("limit"))
    if limit is None:
        return None
    of = {"cgroup": "of the control group", "host": "of the machine", "rlimit": "of the process (rlimit)"}
    where = of.get(str(fields.get("source")), "")
    return f"memory limit {where}: {format_bytes(limit)}".replace("  ", " "), limit


def _bounds(fields: dict[str, Any]) -> tuple[str, int | None] | None:
    held = [
        f"at most {format_bytes(fields['max_rss'])} resident" if _whole(fields.get("max_rss")) else "",
        f"at least {format_bytes(fields['min_available'])} left"
        if _whole(fields.get("min_available"))
        else "",
        f"afresh every {format_seconds(fields['max_age'])}" if _number(fields.get("max_age")) else "",
        f"a unit every {format_seconds(fields['stale_after'])}" if _number(fields.get("stale_after")) else "",
    ]
    return f"guarded: {', '.join(filter(None, held)) or 'no bounds'}", _whole(fields.get("max_rss"))


def _hard_limit(fields: dict[str, Any]) -> tuple[str, int | None] | None:
    size, what = _whole(fields.get("size")), str(fields.get("what"))
    if size is None:
        return None
    of = "of data for each process" if what == "rlimit" else "for all its processes"
    return f"hard limit set by leakhunt: {format_bytes(size)} {of} ({what})", size


def _orphans(fields: dict[str, Any]) -> tuple[str, int | None]:
    pids = fields.get("pids")
    count = len(pids) if isinstance(pids, list) else 0
    return f"{count} {'process' if count == 1 else 'processes'} that were left behind were killed", None


def _unit(fields: dict[str, Any]) -> tuple[str, int | None]:
    return f"saved {_key(fields)} to {_base(fields.get('ledger'))}", None


def _brake(fields: dict[str, Any]) -> tuple[str, int | None]:
    unit = f" before {fields['unit']}" if fields.get("unit") else ""
    how = _BRAKES.get(str(fields.get("how")), str(fields.get("how")))
    room = (
        f" ({format_bytes(_whole(fields.get('available')))} available, "
        f"{format_bytes(_whole(fields.get('needed')))} needed)"
    )
    return f"memory brake{unit}: {how}{room}", _whole(fields.get("available"))


def _window(fields: dict[str, Any]) -> tuple[str, int | None]:
    marks = fields.get("marks")
    turns = max(0, len(marks) - 1) if isinstance(marks, list) else 0
    return f"allocations were recorded for {turns} turns ({fields.get('source') or 'memray'})", None


def _census(fields: dict[str, Any]) -> tuple[str, int | None]:
    return f"heap census {fields.get('number')} begun after turn {fields.get('turns')}", None


def _intent(fields: dict[str, Any]) -> tuple[str, int | None]:
    why = _ORDERS.get(str(fields.get("why")), str(fields.get("why")))
    return f"leakhunt asks it to end: {why} ({fields.get('what')})", None


def _kill(fields: dict[str, Any]) -> tuple[str, int | None]:
    why = {"grace": "its grace was over", "floor": "memory was running out"}.get(
        str(fields.get("why")), str(fields.get("why"))
    )
    pids = fields.get("pids")
    count = len(pids) if isinstance(pids, list) else 1
    return f"leakhunt kills it ({count} {'process' if count == 1 else 'processes'}): {why}", None


def _restart(fields: dict[str, Any]) -> tuple[str, int | None]:
    units = _whole(fields.get("units"))
    saved = "" if units is None else f"; {format_count(units)} units were saved in the last attempt"
    wait = _number(fields.get("wait"))
    when = f" in {format_seconds(wait)}" if wait else ""
    return f"attempt {fields.get('attempt')} is to begin{when} ({fields.get('why')}){saved}", None


def _circuit(fields: dict[str, Any]) -> tuple[str, int | None]:
    return f"no other attempt: {fields.get('why')}", None


def _signal(fields: dict[str, Any]) -> tuple[str, int | None]:
    passed = "passed on to the program" if fields.get("forwarded") else "the program got it too"
    return f"{fields.get('name') or fields.get('number')} received, {passed}", None


def _process(fields: dict[str, Any]) -> tuple[str, int | None] | None:
    if fields.get("role") == "main":
        return None
    peak = _whole(fields.get("peak_rss"))
    if fields.get("alive") is False:
        size = f", peak {format_bytes(peak)}" if peak else ""
        return f"{fields.get('role')} {fields.get('pid')} is gone{size}", peak
    return f"{fields.get('role')} {fields.get('pid')} was started", peak


def _end(fields: dict[str, Any]) -> tuple[str, int | None]:
    how = fields.get("how")
    if how == "exception":
        return f"the program ends by an exception: {fields.get('exception')}", None
    if how == "system-exit":
        return f"the program asks to exit with code {fields.get('exit_code')}", None
    return "the program ran to its end", None


def _exit(fields: dict[str, Any]) -> tuple[str, int | None]:
    peak = _whole(fields.get("peak_rss"))
    size = f", peak {format_bytes(peak)}" if peak else ""
    name = fields.get("signal")
    if name is not None:
        return f"ended by {name}{size}", peak
    return f"ended with exit code {fields.get('exit_code')}{size}", peak


def _event(fields: dict[str, Any]) -> tuple[str, int | None] | None:
    name, detail = fields.get("name"), fields.get("detail")
    if name in _UNTOLD or not name:
        return None
    if name == "killed-at-hard-limit" and isinstance(detail, dict):
        return f"the kernel killed {detail.get('processes')} of its processes at the hard limit", None
    return f"{name}: {detail}" if isinstance(detail, (str, int, float)) else str(name), None


def _many_units(count: int, first: Event, last: Event) -> str:
    ledger = first.text.rpartition(" to ")[2]
    last_unit = last.text.removeprefix("saved ").rpartition(" to ")[0]
    return f"{format_count(count)} units saved to {ledger}, the last: {last_unit}"


def _many_brakes(count: int, first: Event, last: Event) -> str:
    sizes = list(dict.fromkeys(format_bytes(size) for size in (first.bytes, last.bytes) if size is not None))
    room = (
        f" ({sizes[0]} available{f' at first, {sizes[1]} at last' if len(sizes) > 1 else ''})"
        if sizes
        else ""
    )
    how = "braked too often in a row: ended itself" if "ends itself" in first.text else "fired"
    return f"memory brake {how} {format_count(count)} times{room}"


def _many_censuses(count: int, first: Event, last: Event) -> str:
    return f"{count} heap censuses begun, the last {last.text.partition('begun ')[2]}"


def _many_processes(count: int, first: Event, last: Event) -> str:
    role = first.text.split(" ")[0]
    what = "ended" if "is gone" in first.text else "were started"
    return f"{role}: {format_count(count)} {what}"


def _many_alike(count: int, first: Event, last: Event) -> str:
    return f"{format_count(count)} times: {first.text}"


_RULES: dict[str, Say] = {
    **pool_events.RULES,
    "limits": _limits,
    "bounds": _bounds,
    "hard-limit": _hard_limit,
    "orphans": _orphans,
    "unit": _unit,
    "brake": _brake,
    "window": _window,
    "checkpoint": _census,
    "intent": _intent,
    "kill": _kill,
    "restart": _restart,
    "circuit": _circuit,
    "signal": _signal,
    "process": _process,
    "end": _end,
    "exit": _exit,
    "event": _event,
}
_KIND = {
    **pool_events.KINDS,
    "limits": "limit", "bounds": "limit", "hard-limit": "limit", "orphans": "kill", "checkpoint": "census",
    "circuit": "end", "exit": "death", "event": "note",
}  # fmt: skip
_MANY: dict[str, Many] = {
    **pool_events.MANY,
    "limits": _many_alike,
    "hard-limit": _many_alike,
    "unit": _many_units,
    "brake": _many_brakes,
    "checkpoint": _many_censuses,
    "process": _many_processes,
    "window": _many_alike,
    "signal": _many_alike,
    "event": _many_alike,
}


def _group(one: Told) -> str:
    fields = one.fields
    if one.kind == "unit":
        return f"unit {fields.get('ledger')}"
    if one.kind == "brake":
        return f"brake {fields.get('how')}"
    if one.kind == "process":
        return f"process {fields.get('role')} {fields.get('alive') is False}"
    if one.kind == "recycle":
        return f"recycle {fields.get('why')}"
    if one.kind in ("signal", "event"):
        return f"{one.kind} {fields.get('name')}"
    return one.kind


def _key(fields: dict[str, Any]) -> str:
    return str(fields.get("key") or "a unit").strip("[]")


def _base(path: Any) -> str:
    return os.path.basename(str(path)) if path else "its ledger"


def _whole(value: Any) -> int | None:
    return int(value) if type(value) in (int, float) and value == value else None


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) else None
