"""What could not be read or had to be assumed of foreign logs, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from leakhunt.evidence.log_bytes import LONGEST_LINE
from leakhunt.evidence.log_groups import MOST_GROUPS
from leakhunt.evidence.log_reading import LogReading
from leakhunt.findings.diagnosis import Loss
from leakhunt.findings.losses import explained
from leakhunt.timeline.foreign_entries import Foreign


def losses_of(story: Foreign, *, named_zone: bool) -> list[Loss]:
    """Return the losses of a story, log by log."""
    found = [loss for reading in story.readings for loss in (*_of_content(reading), *_of_times(reading))]
    local = [
        reading.name
        for reading in story.readings
        if reading.first is not None and reading.first.wall is None and reading.first.boot is None
    ]
    if local and not named_zone:
        what = f"the times in {_some(local)} name no time zone and were read in this machine's"
        found.append(explained("log-zone", what))
    return found


def _of_content(reading: LogReading) -> Iterator[Loss]:
    name = reading.name
    if reading.lines == 0:
        yield explained("log-empty", f"{name} is empty")
        return
    if reading.dated and not reading.groups and not reading.kills:
        yield explained("log-not-understood", f"nothing in {name} fits a rule")
    if reading.cut_lines:
        what = f"{reading.cut_lines} lines of {name} are longer than {LONGEST_LINE // 1024} kB and were cut"
        yield explained("log-line-cut", what, reading.cut_lines)
    if reading.nul_bytes:
        what = (
            f"{name} has {reading.nul_bytes:,} zero bytes, which a machine leaves that goes down as it writes"
        )
        yield explained("log-zeros", what, reading.nul_bytes)
    if reading.overflow:
        what = f"{name} tells {reading.overflow:,} things beyond the {MOST_GROUPS:,} that are kept"
        yield explained("log-too-varied", what, reading.overflow)
    if reading.broken:
        yield explained("log-broken", f"{name} could not be read to its end ({reading.broken})")


def _of_times(reading: LogReading) -> Iterator[Loss]:
    name, last = reading.name, reading.last
    if reading.lines and reading.dated == 0:
        what = f"{name} has no timestamps and comes last, in the order of its lines"
        yield explained("log-undated", what)
    if last is None:
        return
    if last.boot is not None:
        what = f"{name} counts seconds since the machine started and not when that was, so it comes last"
        yield explained("log-boot-clock", what)
    if last.partial is not None:
        yield _left_out(name, last.partial, reading.clock.wall(last))
    if reading.swapped_dates:
        what = f"{name} has dates like 02/03/2026, which were read as month, day and year"
        yield explained("log-date-order", what)


def _left_out(name: str, partial: str, wall: float | None) -> Loss:
    """Return the loss of a log without years or dates, which was placed by others or not at all."""
    if wall is None:
        return explained("log-date-unknown", f"{name} leaves out the {partial} and nothing else tells it")
    day = datetime.fromtimestamp(wall).strftime("%Y" if partial == "year" else "%Y-%m-%d")
    what = f"{name} leaves out the {partial} and was taken to end in {day}, nearest to the other logs"
    return explained("log-date-assumed", what)


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
