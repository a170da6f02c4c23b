"""The crash timeline as Markdown for a pull request or an issue: cause, facts, story, table, causes, plan."""

from __future__ import annotations

from leakhunt.findings.timeline import Timeline
from leakhunt.report import timeline_wording as wording
from leakhunt.report.markdown import bullets, cell, details, fenced, marked_down, table
from leakhunt.report.phrase import Code
from leakhunt.report.text import SENTENCE, drawable, one_line
from leakhunt.units import format_count

_SIGNS = {"proven": "🔴", "probable": "🟠", "unknown": "⚪"}
_EVENTS, _ROWS, _FILES = 80, 24, 12


def timeline_markdown(timeline: Timeline) -> str:
    """Return the story as GitHub-flavoured Markdown."""
    shown = drawable(timeline)
    blocks = [
        _answer(shown),
        _facts(shown),
        _causes(shown),
        _plan(shown),
        _table(shown),
        _files(shown),
        _events(shown),
        _attempts(shown),
        _losses(shown),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _answer(timeline: Timeline) -> str:
    sign = (
        "🟢" if timeline.running or wording.is_fine(timeline) else _SIGNS.get(timeline.death.certainty, "⚪")
    )
    sure = wording.certainty(timeline)
    title = (
        f"## {sign} leakhunt timeline: {wording.label(timeline).capitalize()}{f' ({sure})' if sure else ''}"
    )
    ending = wording.ending(timeline)
    lines = [title, marked_down(wording.headline(timeline)), marked_down(ending) if ending else ""]
    lines.append(bullets(timeline.death.proof))
    return "\n\n".join(line for line in lines if line)


def _facts(timeline: Timeline) -> str:
    return table(("Run", ""), [(label, cell(phrase)) for label, phrase in wording.fact_rows(timeline)])


def _causes(timeline: Timeline) -> str:
    if not timeline.causes:
        return ""
    lines = [
        f"{number}. {marked_down(wording.cause_phrase(cause))}"
        + "".join(f"\n   - {marked_down((Code(one_line(said, SENTENCE)),))}" for said in cause.evidence)
        for number, cause in enumerate(timeline.causes, start=1)
    ]
    return "### Root causes\n\n" + "\n".join(lines)


def _plan(timeline: Timeline) -> str:
    if not timeline.plan:
        return ""
    blocks = ["### What to do"]
    for number, step in enumerate(timeline.plan, start=1):
        parts = [f"{number}. {marked_down(wording.step_phrase(step))}"]
        if step.code:
            parts.append(_under(fenced(step.code)))
        if step.command:
            parts.append(_under(fenced(one_line(step.command)).replace("```python", "```sh", 1)))
        if peak := wording.peak_line(step):
            parts.append(f"   {marked_down((peak,))}")
        blocks.append("\n\n".join(parts))
    return "\n\n".join(blocks)


def _under(block: str) -> str:
    return "\n".join(f"   {line}" if line else line for line in block.splitlines())


def _table(timeline: Timeline) -> str:
    if not timeline.iterations:
        return ""
    rows = []
    for row in wording.shown_rows(timeline.iterations, _ROWS):
        number, label, *figures = wording.row_cells(row, timeline)
        rows.append((number, cell((Code(label),)) if label else "", *(cell((one,)) for one in figures)))
    said = wording.left_out(timeline.iterations, _ROWS)
    more = f"\n\n{said}" if said else ""
    return "### Memory of each turn of the outer loop\n\n" + table(wording.TABLE_HEAD, rows) + more


def _files(timeline: Timeline) -> str:
    kept = timeline.kept
    if kept is None or not kept.files or wording.is_fine(timeline):
        return ""
    rows = []
    for one in kept.files[:_FILES]:
        path, *figures = wording.file_cells(one, timeline)
        rows.append((cell((Code(path),)), *(cell((figure,)) for figure in figures)))
    return "### Files that were written\n\n" + table(wording.FILE_HEAD, rows)


def _events(timeline: Timeline) -> str:
    events = timeline.events
    if not events:
        return ""
    shown = (
        events if len(events) <= _EVENTS else [*events[: _EVENTS // 3], *events[-(_EVENTS - _EVENTS // 3) :]]
    )
    rows = [
        (cell((wording.event_time(event, timeline),)), cell((wording.event_text(event, timeline),)))
        for event in shown
    ]
    left = len(events) - len(shown)
    more = f"\n\n{format_count(left)} events between them are in the JSON." if left else ""
    return details("What happened", table(("When", "What"), rows) + more, opened=True)


def _attempts(timeline: Timeline) -> str:
    if len(timeline.attempts) < 2:
        return ""
    lines = [wording.attempt_line(one, timeline) for one in timeline.attempts[-_FILES:]]
    return details(f"{len(timeline.attempts)} attempts", bullets(lines))


def _losses(timeline: Timeline) -> str:
    if not timeline.losses:
        return ""
    return details("Not seen", bullets([loss.what for loss in timeline.losses]))
