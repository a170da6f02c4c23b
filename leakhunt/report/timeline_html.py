"""The crash timeline as one HTML page: the words from Python, the chart by plotly from the JSON in the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from leakhunt.findings.timeline import Step, Timeline
from leakhunt.report import timeline_wording as wording
from leakhunt.report.html import html_page
from leakhunt.report.html_body import bullets, code_block, figure, html_of, section
from leakhunt.report.text import SENTENCE, drawable, one_line
from leakhunt.report.timeline_json import timeline_json
from leakhunt.units import format_bytes, format_count, format_seconds

_CLASSES = {"proven": "leak", "probable": "cannot-tell", "unknown": "cannot-tell"}
#: A page of more rows takes long to open; all of them are in the JSON.
_EVENTS, _ROWS, _FILES = 400, 200, 40


def timeline_html(timeline: Timeline) -> str:
    """Return the story as one HTML file (to be written as UTF-8)."""
    shown = drawable(timeline)
    title = escape(f"leakhunt: {wording.label(shown).lower()}, {one_line(shown.target, 60)}")
    return html_page(title, timeline_body(shown), timeline_json(timeline, indent=None), "timeline.js")


def timeline_body(timeline: Timeline) -> str:
    """Return what a reader sees, without the head and the scripts; `timeline` is drawable."""
    parts = [
        _answer(timeline),
        "<main>",
        _chart(timeline),
        _causes(timeline),
        _plan(timeline),
        _kept(timeline),
        _table(timeline),
        _events(timeline),
        _attempts(timeline),
        _losses(timeline),
        _facts(timeline),
        "</main>",
        f"<footer><p>Written by leakhunt {escape(one_line(timeline.leakhunt, 40))}. This file is complete: it loads "
        "nothing, and the data is in it as JSON.</p></footer>",
    ]
    return "\n".join(part for part in parts if part)


def _answer(timeline: Timeline) -> str:
    fine = timeline.running or wording.is_fine(timeline)
    kind = "no-leak" if fine else _CLASSES.get(timeline.death.certainty, "cannot-tell")
    sure = wording.certainty(timeline)
    badge = escape(f"{wording.label(timeline)}{f' · {sure}' if sure else ''}")
    ending = wording.ending(timeline)
    tiles = "".join(
        f"<div><dt>{escape(name)}</dt><dd><strong>{escape(first)}</strong>{escape(rest)}</dd></div>"
        for name, first, rest in _tiles(timeline)
    )
    return "\n".join(
        [
            f'<header class="{kind}">',
            f'<span class="badge">{badge}</span>',
            f"<h1>{html_of(wording.headline(timeline))}</h1>",
            f'<p class="soft">{html_of(ending)}</p>' if ending else "",
            bullets(timeline.death.proof),
            f'<dl class="tiles">{tiles}</dl>' if tiles else "",
            "</header>",
        ]
    )


def _tiles(timeline: Timeline) -> Iterator[tuple[str, str, str]]:
    """Yield the numbers to see first: label, the number, what to know about it."""
    kept, reach = timeline.kept, timeline.reach
    if kept is not None and kept.done is not None:
        total = f" of {format_count(kept.total)}" if kept.total is not None else ""
        yield "Completed", f"{format_count(kept.done)}{total}", "turns of the outer loop"
    if kept is not None and kept.lost is not None:
        yield "Lost", format_count(kept.lost), "completed turns that nothing holds"
    if timeline.peak_rss is not None:
        limit = f"limit {format_bytes(reach.limit)}" if reach is not None and reach.limit is not None else ""
        yield "Peak memory", format_bytes(timeline.peak_rss), limit
    if reach is not None and reach.rate is not None:
        yield "Growth", format_bytes(reach.rate, signed=True), "per turn of the outer loop"
    if (seconds := wording.lasted(timeline)) is not None:
        yield "Lasted", format_seconds(seconds), ""


def _chart(timeline: Timeline) -> str:
    if len(timeline.course) < 2 and not timeline.series:
        return ""
    peak = f"peak {format_bytes(timeline.peak_rss)}" if timeline.peak_rss is not None else "over time"
    note = "<noscript><p>The chart needs JavaScript; its numbers are in the tables.</p></noscript>"
    drawn = figure("chart-course", "Memory over time", f"Resident memory of all processes, {peak}")
    return section("memory", "Memory", note + drawn)


def _causes(timeline: Timeline) -> str:
    if not timeline.causes:
        return ""
    cards = "".join(
        f"<li><p>{html_of(wording.cause_phrase(cause))}</p>{bullets(cause.evidence)}</li>"
        for cause in timeline.causes
    )
    return section("causes", "Root causes", f'<div class="card leak"><ol>{cards}</ol></div>')


def _plan(timeline: Timeline) -> str:
    if not timeline.plan:
        return ""
    steps = "".join(f"<li>{_step(step)}</li>" for step in timeline.plan)
    return section("plan", "What to do", f'<div class="card"><ol>{steps}</ol></div>')


def _step(step: Step) -> str:
    parts = [f"<p>{html_of(wording.step_phrase(step))}</p>"]
    if step.code:
        parts.append(code_block(step.code, copied=True))
    if step.command:
        parts.append(code_block(step.command, copied=True))
    if peak := wording.peak_line(step):
        parts.append(f"<p>{escape(peak)}</p>")
    return "".join(parts)


def _kept(timeline: Timeline) -> str:
    kept = timeline.kept
    if kept is None or (not kept.words and not kept.files):
        return ""
    said = "".join(f"<p>{escape(one_line(word, SENTENCE))}</p>" for word in kept.words)
    files = ""
    if kept.files:
        rows = [wording.file_cells(one, timeline) for one in kept.files[:_FILES]]
        files = _grid(wording.FILE_HEAD, rows, left=1)
    return section("kept", "Saved and lost", f'<div class="card">{said}{files}</div>')


def _table(timeline: Timeline) -> str:
    if not timeline.iterations:
        return ""
    rows = [wording.row_cells(row, timeline) for row in wording.shown_rows(timeline.iterations, _ROWS)]
    grid = _grid(wording.TABLE_HEAD, rows, left=2)
    said = wording.left_out(timeline.iterations, _ROWS)
    more = f"<p>{escape(said)}</p>" if said else ""
    return section("turns", "Memory of each turn of the outer loop", f'<div class="card">{grid}{more}</div>')


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """Return a table whose first `left` columns are text and whose others are figures."""

    def kind(at: int) -> str:
        return "" if at < left else ' class="number"'

    top = "".join(f'<th scope="col"{kind(at)}>{escape(name)}</th>' for at, name in enumerate(head))
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row"{kind(at)}>{escape(text)}</th>'
            if at == 0
            else f"<td{kind(at)}>{escape(text)}</td>"
            for at, text in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _events(timeline: Timeline) -> str:
    events = timeline.events
    if not events:
        return ""
    head = _EVENTS // 3
    shown = events if len(events) <= _EVENTS else [*events[:head], *events[-(_EVENTS - head) :]]
    rows = "".join(
        f'<tr{" class=loud" if event.kind in wording.LOUD else ""}><th scope="row">'
        f"{escape(wording.event_time(event, timeline))}</th><td>{escape(wording.SIGNS.get(event.kind, '·'))}</td>"
        f"<td>{escape(wording.event_text(event, timeline))}</td>"
        f'<td class="soft">{escape(one_line(event.source, 60))}</td></tr>'
        for event in shown
    )
    left = len(events) - len(shown)
    more = f"<p>{format_count(left)} events between them are in the JSON.</p>" if left else ""
    top = '<tr><th scope="col">When</th><th></th><th scope="col">What</th><th scope="col">Told by</th></tr>'
    grid = f'<div class="scroll"><table class="story"><thead>{top}</thead><tbody>{rows}</tbody></table></div>'
    return section("story", "What happened", f'<div class="card">{grid}{more}</div>')


def _attempts(timeline: Timeline) -> str:
    if len(timeline.attempts) < 2:
        return ""
    lines = [wording.attempt_line(one, timeline) for one in timeline.attempts]
    return section(
        "attempts", f"{len(timeline.attempts)} attempts", f'<div class="card">{bullets(lines)}</div>'
    )


def _losses(timeline: Timeline) -> str:
    if not timeline.losses:
        return ""
    return section(
        "lost", "Not seen", f'<div class="card">{bullets([loss.what for loss in timeline.losses])}</div>'
    )


def _facts(timeline: Timeline) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{html_of(said)}</dd>" for name, said in wording.fact_rows(timeline)
    )
    return section("run", "The run", f'<div class="card"><dl class="facts">{rows}</dl></div>')
