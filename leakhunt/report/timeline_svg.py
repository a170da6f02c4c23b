"""Memory over time as an SVG picture for a pull request: the loops' turns as bands, brakes, restarts, the death.

Plain text, no library: a picture in a comment may load nothing and run nothing. Every string is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from leakhunt.findings.timeline import CoursePoint, Event, Timeline
from leakhunt.report import timeline_wording as wording
from leakhunt.report.text import drawable, one_line
from leakhunt.units import format_bytes, format_seconds

WIDTH, HEIGHT = 960, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 24, 64, 52
_BANDS = 24
_MARKS = {
    "brake": ("#b06a00", "brake"),
    "restart": ("#2f6fd0", "restart"),
    "resume": ("#2f6fd0", "started again"),
    "kernel": ("#b3261e", "kernel"),
    "kill": ("#b3261e", "killed"),
    "intent": ("#b06a00", "asked to end"),
    "death": ("#b3261e", "death"),
    "gap": ("#7a8597", "gap"),
}
_MOST_MARKS = 40
#: Names of marks do not lie over one another.
_APART = 80
_LETTER = 6.4


class _Scale:
    """Where an instant and a size lie in the picture."""

    def __init__(self, seconds: float, size: float) -> None:
        self.seconds, self.size = max(seconds, 1e-3), max(size, 1.0)

    def x(self, seconds: float) -> float:
        share = min(max(seconds / self.seconds, 0.0), 1.0)
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, size: float) -> float:
        share = min(max(size / self.size, 0.0), 1.0)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def timeline_svg(timeline: Timeline) -> str:
    """Return the picture as SVG text."""
    shown = drawable(timeline)
    lines = _lines(shown)
    limit = shown.reach.limit if shown.reach is not None else None
    highest = max((size for _, points in lines for _, size in points), default=0)
    seconds = max(
        [at for _, points in lines for at, _ in points] + [event.seconds or 0.0 for event in shown.events],
        default=1.0,
    )
    is_near = limit is not None and highest and limit < 2.5 * highest
    scale = _Scale(seconds, 1.08 * max(highest, limit if is_near and limit is not None else 0, 1))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img" '
        f'aria-label="{escape(_title(shown))}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="16" y="24" font-size="15" font-weight="600" fill="#18202b">{escape(_title(shown))}</text>',
        f'<text x="16" y="44" fill="#586274">{escape(_subtitle(shown))}</text>',
        *_bands(shown, scale),
        *_axes(shown, scale),
        *_courses(lines, scale),
        *(_limit(limit, scale) if is_near and limit is not None else []),
        *_marks(shown.events, scale),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _title(timeline: Timeline) -> str:
    sure = wording.certainty(timeline)
    said = f"{wording.label(timeline)}{f' ({sure})' if sure else ''}: {timeline.target}"
    return one_line(said, 110)


def _subtitle(timeline: Timeline) -> str:
    at = wording.position(timeline.position)
    seconds = wording.lasted(timeline)
    lasted = f"after {format_seconds(seconds)}" if seconds is not None else ""
    return one_line(" ".join(filter(None, (lasted, f"at {at}" if at else ""))), 140)


def _lines(timeline: Timeline) -> list[tuple[str, list[tuple[float, float]]]]:
    """Return the courses to draw: of the process tree, or of each log's process."""
    found: list[tuple[str, list[tuple[float, float]]]] = []
    points = _known(timeline.course)
    if points:
        found.append(("all processes", points))
    for one in timeline.series[:6]:
        if one.points:
            found.append((one.name, [(seconds, float(size)) for seconds, size in one.points]))
    return found


def _known(course: Sequence[CoursePoint]) -> list[tuple[float, float]]:
    return [(point.seconds, float(point.rss)) for point in course if point.rss is not None]


_COLOURS = ("#2f6fd0", "#7b4bc2", "#0b7a75", "#b06a00", "#7a8597", "#c8372d")


def _courses(lines: list[tuple[str, list[tuple[float, float]]]], scale: _Scale) -> Iterator[str]:
    for at, (name, points) in enumerate(lines):
        path = " ".join(f"{scale.x(seconds)},{scale.y(size)}" for seconds, size in points)
        colour = _COLOURS[at % len(_COLOURS)]
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
        if len(lines) > 1:
            seconds, size = points[-1]
            yield (
                f'<text x="{scale.x(seconds) - 4}" y="{scale.y(size) - 5}" text-anchor="end" fill="{colour}">'
                f"{escape(one_line(name, 30))}</text>"
            )


def _bands(timeline: Timeline, scale: _Scale) -> Iterator[str]:
    """Every second turn of the outer loop as a band, with its value where there is room."""
    rows = [row for row in timeline.iterations if row.began is not None and row.ended is not None]
    step = max(1, -(-len(rows) // _BANDS))
    top, bottom = _TOP, HEIGHT - _BOTTOM
    for at in range(0, len(rows), step):
        stretch = rows[at : at + step]
        left, right = scale.x(stretch[0].began or 0.0), scale.x(stretch[-1].ended or 0.0)
        if (at // step) % 2 == 0:
            size = f'width="{round(right - left, 1)}" height="{bottom - top}"'
            yield f'<rect x="{left}" y="{top}" {size} fill="#eef2f8"/>'
        label = (stretch[0].label or "").rpartition(" = ")[2] or str(stretch[0].number)
        if right - left > _LETTER * len(label) + 4 and len(label) < 24:
            middle = round((left + right) / 2, 1)
            yield f'<text x="{middle}" y="{top - 5}" text-anchor="middle" fill="#586274">{escape(label)}</text>'


def _axes(timeline: Timeline, scale: _Scale) -> Iterator[str]:
    bottom = HEIGHT - _BOTTOM
    for part in range(5):
        size = scale.size / 1.08 * part / 4
        y = scale.y(size)
        yield f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#e1e5eb"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end" fill="#586274">{format_bytes(size)}</text>'
    for part in range(5):
        seconds = scale.seconds * part / 4
        x = scale.x(seconds)
        when = (
            wording.clock(timeline.started + seconds, timeline)
            if timeline.started is not None
            else format_seconds(seconds)
        )
        anchor = "start" if part == 0 else "end" if part == 4 else "middle"
        yield f'<line x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}" stroke="#586274"/>'
        yield f'<text x="{x}" y="{bottom + 18}" text-anchor="{anchor}" fill="#586274">{escape(when)}</text>'
    yield f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}" stroke="#586274"/>'


def _limit(limit: int, scale: _Scale) -> Iterator[str]:
    y = scale.y(limit)
    yield (
        f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#b3261e" stroke-dasharray="6 4" '
        'stroke-width="1.4"/>'
    )
    yield f'<text x="{_LEFT + 6}" y="{y - 5}" fill="#b3261e">limit {format_bytes(limit)}</text>'


def _marks(events: Sequence[Event], scale: _Scale) -> Iterator[str]:
    """Brakes, restarts, kills and the death as upright lines; what is close together shares one name."""
    marked = [event for event in events if event.kind in _MARKS and event.seconds is not None][-_MOST_MARKS:]
    bottom = HEIGHT - _BOTTOM
    named: list[float] = []
    for event in reversed(marked):  # the last ones are what the picture is about: they get their names first
        colour, name = _MARKS[event.kind]
        x = scale.x(event.seconds or 0.0)
        wide = 2 if event.kind == "death" else 1.2
        yield (
            f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}" stroke="{colour}" stroke-width="{wide}">'
            f"<title>{escape(one_line(event.text, 200))}</title></line>"
        )
        if all(abs(x - other) > _APART for other in named):
            named.append(x)
            text = f"{name} ×{event.count}" if event.count > 1 else name  # noqa: RUF001
            anchor = "end" if x > WIDTH - 120 else "start"
            shift = -4 if anchor == "end" else 4
            yield (
                f'<text x="{x + shift}" y="{bottom + 34}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
            )
