"""The entries of foreign logs as events of a timeline: who said what when, repeats in one line, silences named."""

from __future__ import annotations

from leakhunt.findings.timeline import Event
from leakhunt.timeline.foreign_entries import Entry, Foreign, Restart, Silence
from leakhunt.units import format_bytes, format_seconds


def events_of(story: Foreign) -> list[Event]:
    """Return the events of a story in order; those whose time is not known come last, in the order of their lines."""
    began = story.began
    events = [_event(entry, began) for entry in story.entries if entry.kind != "boot"]
    events += [_restart(restart, began) for restart in story.restarts]
    events += [_undated_boot(entry) for entry in story.entries if entry.kind == "boot" and entry.wall is None]
    for silence in story.silences:
        events += _silence(silence, began)
    events += _brakes_in_all(story)
    return _first_line(story, began) + sorted(
        events, key=lambda event: (event.wall is None, event.wall or 0.0, event.kind != "boot")
    )


def _event(entry: Entry, began: float | None) -> Event:
    until = entry.until if entry.count > 1 and entry.until != entry.wall else None
    return Event(
        wall=entry.wall, seconds=_since(entry.wall, began), kind=entry.kind,
        text=_words(entry), source=place(entry), pid=entry.new_pid or entry.pid,
        bytes=entry.last_size if entry.last_size is not None else entry.available,
        count=entry.count, until=until,
    )  # fmt: skip


def place(entry: Entry) -> str:
    """Return where an entry stands, as a person looks it up ("worker_1.log:812")."""
    return f"{entry.source}:{entry.position}" if entry.position else entry.source


def _words(entry: Entry) -> str:
    """Return what an entry says; of a row of figures from where to where they went."""
    clock = f"[{entry.boot:.3f} s after boot] " if entry.wall is None and entry.boot is not None else ""
    text = entry.text
    if entry.count > 1 and entry.kind in {"memory", "alive"} and entry.size is not None:
        text = f"{entry.who or 'memory'}: {format_bytes(entry.size)} to {format_bytes(entry.last_size)}"
        if entry.high is not None and entry.high > max(entry.size, entry.last_size or 0):
            text += f", {format_bytes(entry.high)} at most"
        if entry.percent is not None:
            text += f" ({entry.percent:g} %)"
        text += f"; last: {entry.last_text}"
        if entry.kind == "alive":
            text = f"alive, {text}"
    elif entry.count > 1 and entry.kind in {"done", "alive"} and entry.last_text != entry.text:
        text = f"{entry.text} … {entry.last_text}"
    elif entry.count > 1:
        text = f"{entry.count:,} times: {entry.text}"
    return clock + text


def _restart(restart: Restart, began: float | None) -> Event:
    how = {
        True: "after an orderly shutdown",
        False: "without an orderly shutdown: it had crashed, hung or lost its power",
        None: "from before what these logs cover",
    }[restart.orderly]
    text = f"the machine started again {how}" if restart.orderly is not None else "the machine started"
    return Event(
        restart.wall, _since(restart.wall, began), "boot", f"{text} ({restart.text})", restart.source
    )


def _undated_boot(entry: Entry) -> Event:
    clock = "" if entry.boot is None else f"[{entry.boot:.3f} s after boot] "
    return Event(None, None, "boot", f"{clock}the machine started ({entry.text})", place(entry))


def _silence(silence: Silence, began: float | None) -> list[Event]:
    """Return the event of a silence: at its last line, and how long it lasted."""
    usual = f" (a line every {format_seconds(silence.usual)} before)" if silence.usual else ""
    if silence.until is None:
        said = f": “{silence.last}”" if silence.last else ""
        text = f"the last line of {silence.source}{said}; nothing more from it{usual}"
    else:
        length = format_seconds(silence.until - silence.wall)
        why = ", while the machine started again" if silence.restart else usual
        text = f"{silence.source} stops, and is silent for {length}{why}"
    return [
        Event(silence.wall, _since(silence.wall, began), "gap", text, silence.source, until=silence.until)
    ]


def _first_line(story: Foreign, began: float | None) -> list[Event]:
    """Return where the story begins, as a line to start reading at."""
    if began is None or story.began_in is None:
        return []
    text = f"the first line of these logs, in {story.began_in}"
    return [Event(began, 0.0, "note", text, story.began_in)]


def _brakes_in_all(story: Foreign) -> list[Event]:
    """Return the sum of brakes that several logs tell of."""
    brakes = [entry for entry in story.entries if entry.kind == "brake" and entry.wall is not None]
    sources = sorted({entry.source for entry in brakes})
    if len(sources) < 2:
        return []
    last = max(entry.until or entry.wall or 0.0 for entry in brakes)
    text = (
        f"the brake had fired {sum(entry.count for entry in brakes):,} times by then, in {len(sources)} logs"
    )
    return [Event(last, _since(last, story.began), "brake", text, ", ".join(sources))]


def _since(wall: float | None, began: float | None) -> float | None:
    return None if wall is None or began is None else wall - began
