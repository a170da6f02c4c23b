"""A comparison of runs as one self-contained page: tables, and the courses of memory over one another."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from leakhunt.findings.comparison import Comparison, Course
from leakhunt.report.comparison import MEASURES, change_cells, comparison_json, finding_cells
from leakhunt.report.html import html_page
from leakhunt.report.text import NAME, SENTENCE, TITLE, drawable, one_line

_CLASSES = {"worse": "leak", "new": "leak", "better": "no-leak", "gone": "no-leak"}


def comparison_html(comparisons: Sequence[Comparison], courses: Sequence[Course]) -> str:
    """Return comparisons with the same first side as one HTML file (to be written as UTF-8)."""
    shown = [drawable(one) for one in comparisons]
    first = shown[0].before
    differs = any(one.differs for one in shown)
    heading = "What differs" if differs else "No difference"
    body = "\n".join(
        [
            f"<header><h1>{heading}: <code>{escape(one_line(first.target, TITLE))}</code></h1>",
            f'<p class="soft">Compared with <code>{escape(one_line(first.label, NAME))}</code></p></header>',
            "<main>",
            "<figure><figcaption>Memory <span>resident set at the boundaries of the measured loop</span></figcaption>"
            '<div class="chart" id="courses"></div></figure>',
            *map(_section, shown),
            "</main>",
        ]
    )
    content = comparison_json(shown, [drawable(one) for one in courses])
    return html_page(f"leakhunt: {heading.lower()}", body, content, "comparison.js")


def _section(one: Comparison) -> str:
    rows = [("Verdict", (one.before.verdict, one.after.verdict, "", ""))]
    rows += [(MEASURES[change.measure], change_cells(change)) for change in one.changes]
    rows += [(one_line(finding.title, TITLE), finding_cells(finding)) for finding in one.findings]
    body = "".join(_row(label, cells) for label, cells in rows)
    notes = "".join(f"<li>{escape(one_line(note, SENTENCE))}</li>" for note in one.notes)
    return (
        f"<h2><code>{escape(one_line(one.before.label, NAME))}</code> → "
        f"<code>{escape(one_line(one.after.label, NAME))}</code>{'' if one.differs else ': no difference'}</h2>"
        '<div class="card scroll"><table><thead><tr><th></th><th class="number">before</th><th class="number">now'
        f'</th><th class="number">difference</th><th></th></tr></thead><tbody>{body}</tbody></table></div>'
        + (f'<ul class="soft">{notes}</ul>' if notes else "")
    )


def _row(label: str, cells: tuple[str, str, str, str]) -> str:
    numbers = "".join(f'<td class="number">{escape(cell)}</td>' for cell in cells[:3])
    badge = _CLASSES.get(cells[3])
    standing = f'<span class="badge {badge}">{cells[3]}</span>' if badge else escape(cells[3])
    return f"<tr><th>{escape(label)}</th>{numbers}<td>{standing}</td></tr>"
