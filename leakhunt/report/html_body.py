"""What a reader sees of the HTML report: headings, tiles, cards, tables. Every string in it is escaped.

Works on what `text.drawable` returned. `html.render_html` puts it into a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from html import escape

from leakhunt.findings.diagnosis import Diagnosis, Finding, Recommendation
from leakhunt.report import finding_wording as findings
from leakhunt.report import wording
from leakhunt.report.phrase import Code, Phrase, Strong, text_of
from leakhunt.report.text import SENTENCE, TITLE, one_line
from leakhunt.units import format_bytes, format_count, format_seconds

# A page with hundreds of charts takes long to open; the numbers are in the tables of all findings.
_CHARTED = 12


def report_body(diagnosis: Diagnosis) -> str:
    """Return what a reader sees, without the head and the scripts; `diagnosis` is drawable."""
    sections = [
        _answer(diagnosis),
        "<main>",
        _memory_chart(diagnosis),
        _findings(diagnosis),
        _explained(diagnosis),
        _other_changes(diagnosis),
        _tree_chart(diagnosis),
        _loops(diagnosis),
        _not_seen(diagnosis),
        _run(diagnosis),
        "</main>",
        _footer(diagnosis),
    ]
    return "\n".join(section for section in sections if section)


# ---- parts ----------------------------------------------------------------------------------


def _answer(diagnosis: Diagnosis) -> str:
    shown = "".join(
        f"<div><dt>{label}</dt><dd><strong>{escape(first)}</strong>{escape(rest)}</dd></div>"
        for label, first, rest in _tiles(diagnosis)
    )
    return "\n".join(
        [
            f'<header class="{diagnosis.verdict}">',
            f'<span class="badge">{wording.VERDICTS[diagnosis.verdict]}</span>',
            f"<h1>{html_of(wording.headline(diagnosis))}</h1>",
            f'<p class="soft">{html_of(wording.ending(diagnosis))}</p>',
            bullets(wording.other_reasons(diagnosis)),
            f'<dl class="tiles">{shown}</dl>' if shown else "",
            "</header>",
        ]
    )


def _tiles(diagnosis: Diagnosis) -> list[tuple[str, str, str]]:
    """Return the numbers to see first: label, the number, what to know about it."""
    tiles = []
    memory, loop, forecast = diagnosis.memory, wording.primary_loop(diagnosis), diagnosis.forecast
    if memory and memory.start is not None and memory.end is not None:
        peak = (
            f"start to end, peak {format_bytes(memory.peak)}" if memory.peak is not None else "start to end"
        )
        tiles.append(("Memory", f"{format_bytes(memory.start)} → {format_bytes(memory.end)}", peak))
    if growth := wording.growth_line(diagnosis):
        tiles.append(("Growth", growth[0], "".join(growth[1:]).strip()))
    if loop:
        each = (
            ""
            if loop.seconds_per_iteration is None
            else f"{format_seconds(loop.seconds_per_iteration)} each, "
        )
        tiles.append(
            ("Iterations", format_count(loop.iterations), f"{each}{text_of(wording.loop_name(loop))}")
        )
    limit = wording.limit_line(diagnosis)
    if forecast and limit and isinstance(limit[-1], Strong):
        first, _, time = limit[-1].partition(" (")
        rest = (
            f"{time[:-1]} at this rate, limit "
            if time
            else "limit "
            if first == "reached"
            else "at this rate, limit "
        )
        tiles.append(("Until the limit", first, rest + format_bytes(forecast.limit)))
    elif forecast and limit:
        tiles.append(("Limit", format_bytes(forecast.limit), one_line(forecast.source or "", 40)))
    return tiles


def _memory_chart(diagnosis: Diagnosis) -> str:
    memory = diagnosis.memory
    if memory is None or not memory.points:
        return ""
    summary = text_of(wording.memory_line(diagnosis) or ())
    said = "The charts need JavaScript; their numbers are in the text and the tables."
    note = f"<noscript><p>{said}</p></noscript>"
    chart = figure("chart-memory", "Memory over iterations", f"Resident memory: {summary}")
    return section("memory", "Memory", note + chart)


def _tree_chart(diagnosis: Diagnosis) -> str:
    if diagnosis.memory is None or not diagnosis.memory.tree:
        return ""
    many = diagnosis.run.processes > 1
    title = f"Memory of all {diagnosis.run.processes} processes" if many else "Memory of the process"
    return section("tree", "Over time", figure("chart-tree", title, f"{title} over time"))


def figure(identity: str, title: str, summary: str) -> str:
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<div class="chart" id="{identity}" role="img" aria-label="{escape(summary)}"></div></figure>'
    )


def _findings(diagnosis: Diagnosis) -> str:
    taken: set[str] = set()
    cards = [
        _finding(index, finding, diagnosis, taken)
        for index, finding in enumerate(diagnosis.findings)
        if finding.verdict != "no-leak"
    ]
    if not cards:
        return ""
    return section("findings", "What grows", "".join(cards))


def _finding(index: int, finding: Finding, diagnosis: Diagnosis, taken: set[str]) -> str:
    facts = [
        f"<dt>{label}</dt><dd>{html_of(phrase)}</dd>"
        for label, phrase in findings.fact_rows(finding, diagnosis, contents=6)
    ]
    for site in findings.ordered_sites(finding):
        code = code_block(site.code.strip(), copied=False) if site.code else ""
        line = html_of(findings.site_line(site, diagnosis))
        facts.append(f"<dt>{findings.site_label(site)}</dt><dd>{line}{code}</dd>")
    if finding.evidence:
        facts.append(f"<dt>Because</dt><dd>{bullets(finding.evidence)}</dd>")
    changes = []
    for recommendation in findings.changes_of(finding, diagnosis):
        if recommendation.slug in taken:
            changes.append(f'<p class="soft">{escape(one_line(recommendation.title, TITLE))}: as above.</p>')
            continue
        taken.add(recommendation.slug)
        changes.append(_change(recommendation, diagnosis))
    sure = f'<span class="soft">{finding.confidence} confidence</span>' if finding.confidence else ""
    return "\n".join(
        [
            f'<article class="card {finding.verdict}" id="finding-{index}">',
            f'<div class="title"><span class="badge">{findings.MARKS[finding.verdict]}</span>'
            f"<h3>{escape(one_line(finding.title, TITLE))}</h3>{sure}</div>",
            f'<dl class="facts">{"".join(facts)}</dl>',
            *changes,
            _checkpoints(index, finding),
            "</article>",
        ]
    )


def _checkpoints(index: int, finding: Finding) -> str:
    """Return the two small charts of a finding and their numbers as a table."""
    if len(finding.points) < 2:
        return ""
    charts = [
        figure(f"chart-{what}-{index}", title, f"{title} at each checkpoint")
        for what, title, at in (("items", "Items held", 1), ("bytes", "Bytes held", 2))
        if index < _CHARTED and sum(point[at] is not None for point in finding.points) > 1
    ]
    rows = [
        (format_count(turn), format_count(items), format_bytes(size)) for turn, items, size in finding.points
    ]
    numbers = table(
        ("Iterations", "Items", "Bytes"), [[escape(cell) for cell in row] for row in rows], numbers=True
    )
    return f'<div class="small">{"".join(charts)}</div><details><summary>Numbers</summary>{numbers}</details>'


def _change(recommendation: Recommendation, diagnosis: Diagnosis, *, heading: str = "h4") -> str:
    change = findings.change(recommendation, diagnosis)
    where = f" <span class='soft'>at</span> {html_of((change.where,))}" if change.where else ""
    peak = change.expected_peak
    parts = [
        f'<div class="change"><{heading}>Change: {escape(change.title)}{where}</{heading}>',
        f"<p>{escape(change.why)}</p>" if change.why else "",
        f"<p>{escape(change.sentence)}</p>" if change.sentence else "",
        code_block(change.code, copied=True) if change.code else "",
        f"<p>Expected peak after the change: <strong>{format_bytes(peak)}</strong></p>"
        if peak is not None
        else "",
        f"<p>To confirm: {escape(change.confirm)}</p>" if change.confirm else "",
        "</div>",
    ]
    return "".join(parts)


def _explained(diagnosis: Diagnosis) -> str:
    fine = [finding for finding in diagnosis.findings if finding.verdict == "no-leak"]
    if not fine:
        return ""
    lines = "".join(
        f"<li>{html_of(findings.explanation(finding))}"
        + "".join(f" {escape(one_line(more, SENTENCE))}" for more in finding.evidence[1:])
        + "</li>"
        for finding in fine
    )
    return section("explained", "Grows, but is no leak", f'<div class="card"><ul>{lines}</ul></div>')


def _other_changes(diagnosis: Diagnosis) -> str:
    shown = {
        one.slug
        for finding in diagnosis.findings
        if finding.verdict != "no-leak"
        for one in findings.changes_of(finding, diagnosis)
    }
    rest = [
        _change(one, diagnosis, heading="h3") for one in diagnosis.recommendations if one.slug not in shown
    ]
    if not rest:
        return ""
    return section("also", "Also worth changing", f'<div class="card">{"".join(rest)}</div>')


def _loops(diagnosis: Diagnosis) -> str:
    if not diagnosis.loops:
        return ""
    rows = []
    for loop in diagnosis.loops:
        name = ", ".join(loop.variables) or (loop.function if loop.kind == "call" else loop.kind)
        indent = "&emsp;" * wording.loop_depth(loop, diagnosis)
        done = format_count(loop.iterations) + (
            f" of {format_count(loop.total)}" if loop.total is not None else ""
        )
        mark = ' <span class="soft">measured</span>' if loop.primary else ""
        rows.append(
            [
                f"{indent}{html_of((Code(one_line(name, 100)),))}{mark}",
                html_of((wording.place(loop.file, loop.line, diagnosis),)),
                escape(one_line(loop.function, 60)),
                done,
                escape(format_seconds(loop.seconds_per_iteration)),
            ]
        )
    listed = table(("Loop over", "Line", "Function", "Iterations", "Each"), rows)
    at = wording.position(diagnosis)
    stood = f"<p>When last seen: {html_of(at)}</p>" if at else ""
    return section("loops", "Loops", f'<div class="card">{stood}{listed}</div>')


def _not_seen(diagnosis: Diagnosis) -> str:
    if not diagnosis.losses:
        return ""
    lines = "".join(f"<li>{html_of(wording.loss_line(loss))}</li>" for loss in diagnosis.losses)
    return section("lost", "Not seen in this run", f'<div class="card"><ul>{lines}</ul></div>')


def _run(diagnosis: Diagnosis) -> str:
    run = diagnosis.run
    facts: list[tuple[str, Phrase | None]] = [
        ("Command", (Code(one_line(" ".join(run.argv) or run.target, SENTENCE)),)),
        ("Python", (one_line(run.python, 60),) if run.python else None),
        ("Started", (started,) if (started := _instant(run.started)) else None),
        ("Outcome", (run.outcome + (f", exit code {run.exit_code}" if run.exit_code is not None else ""),)),
        ("Processes", (format_count(run.processes),)),
        ("Run", (Code(one_line(run.id, 100)),)),
        ("Cost", cost if (cost := wording.cost_line(diagnosis)) else None),
        ("Explain", wording.explain_line(diagnosis)),
    ]
    rows = "".join(f"<dt>{label}</dt><dd>{html_of(phrase)}</dd>" for label, phrase in facts if phrase)
    problem = (
        f"<details><summary>Exception</summary>{code_block(diagnosis.exception, copied=False)}</details>"
        if diagnosis.exception
        else ""
    )
    return section("run", "The run", f'<div class="card"><dl class="facts">{rows}</dl>{problem}</div>')


def _instant(seconds: float) -> str | None:
    """Return an instant as a person reads it; in UTC, so that it means the same on every machine."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return None


def _footer(diagnosis: Diagnosis) -> str:
    version = escape(one_line(diagnosis.leakhunt, 40))
    said = "This file is complete: it loads nothing, and the data is in it as JSON."
    return f"<footer><p>Written by leakhunt {version}. {said}</p></footer>"


# ---- HTML -----------------------------------------------------------------------------------


def html_of(phrase: Phrase) -> str:
    """Return a phrase as HTML."""
    shown = []
    for part in phrase:
        text = escape(part)
        if part and isinstance(part, Code):
            text = f"<code>{text}</code>"
        elif part and isinstance(part, Strong):
            text = f"<strong>{text}</strong>"
        shown.append(text)
    return "".join(shown)


def bullets(sentences: Sequence[str]) -> str:
    lines = "".join(f"<li>{escape(one_line(sentence, SENTENCE))}</li>" for sentence in sentences)
    return f"<ul>{lines}</ul>" if lines else ""


def code_block(code: str, *, copied: bool) -> str:
    kind = ' class="copy"' if copied else ""
    return f'<div class="block"><pre{kind} tabindex="0"><code>{escape(code)}</code></pre></div>'


def section(identity: str, title: str, content: str) -> str:
    heading = f'<h2 id="{identity}">{escape(title)}</h2>'
    return f'<section aria-labelledby="{identity}">{heading}{content}</section>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    """Return a table; the cells are HTML already."""
    kind = ' class="number"' if numbers else ""
    top = "".join(f'<th scope="col"{kind}>{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row"{kind}>{row[0]}</th>{"".join(f"<td{kind}>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
