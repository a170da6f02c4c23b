"""The report as Markdown for a pull request: the answer, a table of what grows, details to unfold.

Names and values go into code spans; whatever else came from the run is escaped so that it makes
no markup, no HTML, no link, no mention and no reference to an issue on GitHub.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from leakhunt.findings.diagnosis import Diagnosis, Finding, Recommendation
from leakhunt.report import finding_wording as findings
from leakhunt.report import wording
from leakhunt.report.phrase import Code, Phrase, Row, Strong
from leakhunt.report.text import SENTENCE, TITLE, drawable, one_line
from leakhunt.units import format_bytes

_SIGNS = {"leak": "🔴", "no-leak": "🟢", "cannot-tell": "🟡"}
_SPECIAL = re.compile(r"([\\`*_\[\]!|~$])")
_LEADING = re.compile(r"^(\s*)([#+=-]|\d+[.)](?=\s|$))")
# GitHub makes links of these after rendering, where no backslash helps: break the word instead.
_LINKED = re.compile(r"(@|#|://|www\.|GH-)(?=\S)", re.IGNORECASE)
_BREAK = "\u200b"
# A comment on GitHub holds 65,536 characters.
_ROWS, _UNFOLDED, _LINES = 30, 8, 20


def render_markdown(diagnosis: Diagnosis) -> str:
    """Return the report as GitHub-flavoured Markdown."""
    shown = drawable(diagnosis)
    blocks = [_answer(shown), _run_table(shown), _findings_table(shown)]
    taken: set[str] = set()
    growing = [finding for finding in shown.findings if finding.verdict != "no-leak"]
    blocks += [_finding(finding, shown, taken) for finding in growing[:_UNFOLDED]]
    blocks += [_explained(shown), _other_changes(shown, taken), _footer(shown)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _answer(diagnosis: Diagnosis) -> str:
    verdict = wording.VERDICTS[diagnosis.verdict].capitalize()
    title = f"## {_SIGNS[diagnosis.verdict]} leakhunt: {verdict}"
    lines = [title, marked_down(wording.headline(diagnosis)), marked_down(wording.ending(diagnosis))]
    reasons = wording.other_reasons(diagnosis)
    if diagnosis.verdict != "leak" and reasons:
        lines.append(bullets(reasons))
    return "\n\n".join(lines)


def _run_table(diagnosis: Diagnosis) -> str:
    rows: list[Row] = [
        ("Target", (Code(one_line(" ".join(diagnosis.run.argv) or diagnosis.run.target, TITLE)),))
    ]
    for loop in wording.shown_loops(diagnosis, 4):
        rows.append(("Loop", wording.loop_line(loop, diagnosis)))
    lines = (wording.memory_line(diagnosis), wording.growth_line(diagnosis), wording.limit_line(diagnosis))
    rows += [(label, line) for label, line in zip(("Memory", "Growth", "Limit"), lines, strict=True) if line]
    return table(("Run", ""), [(label, cell(phrase)) for label, phrase in rows])


def _findings_table(diagnosis: Diagnosis) -> str:
    growing = [finding for finding in diagnosis.findings if finding.verdict != "no-leak"]
    rows = [
        (
            findings.MARKS[finding.verdict],
            cell((one_line(finding.title, TITLE),)),
            cell(findings.grows(finding)),
            cell((Code(one_line(finding.owner.path, TITLE)),)) if finding.owner else "",
            cell((_first_place(finding, diagnosis),)),
        )
        for finding in growing[:_ROWS]
    ]
    if not rows:
        return ""
    grown = table(("", "What", "Grows", "Held by", "Line"), rows)
    more = len(growing) - _ROWS
    return f"{grown}\n\nand {more} more: see the HTML or the JSON report" if more > 0 else grown


def _first_place(finding: Finding, diagnosis: Diagnosis) -> str:
    sites = findings.ordered_sites(finding)
    return wording.place(sites[0].file, sites[0].line, diagnosis) if sites else ""


def _finding(finding: Finding, diagnosis: Diagnosis, taken: set[str]) -> str:
    parts = []
    for label, phrase in findings.fact_rows(finding, diagnosis):
        parts.append(f"- **{label}:** {marked_down(phrase)}")
    for site in findings.ordered_sites(finding)[:3]:
        parts.append(f"- **{findings.site_label(site)}:** {marked_down(findings.site_line(site, diagnosis))}")
        if site.code:
            parts.append(_indented(fenced(site.code.strip())))
    facts = "\n".join(parts)
    blocks = [facts, "**Because**", bullets(finding.evidence)] if finding.evidence else [facts]
    for recommendation in findings.changes_of(finding, diagnosis):
        if recommendation.slug not in taken:
            taken.add(recommendation.slug)
            blocks.append(_change(recommendation, diagnosis))
    title = f"{findings.MARKS[finding.verdict]}: {marked_down((one_line(finding.title, TITLE),), html=True)}"
    return details(
        title, "\n\n".join(blocks), opened=finding.verdict == "leak" and finding is diagnosis.findings[0]
    )


def _change(recommendation: Recommendation, diagnosis: Diagnosis) -> str:
    change = findings.change(recommendation, diagnosis)
    where: Phrase = (" at ", change.where) if change.where else ()
    blocks = [f"**Change: {marked_down((change.title,))}**{marked_down(where)}"]
    blocks += [marked_down((change.why,)), marked_down((change.sentence,))]
    if change.code:
        blocks.append(fenced(change.code))
    if change.expected_peak is not None:
        blocks.append(f"Expected peak after the change: {format_bytes(change.expected_peak)}")
    if change.confirm:
        blocks.append(marked_down(("To confirm: ", change.confirm)))
    return "\n\n".join(block for block in blocks if block)


def _explained(diagnosis: Diagnosis) -> str:
    fine = [finding for finding in diagnosis.findings if finding.verdict == "no-leak"]
    if not fine:
        return ""
    lines = "\n".join(f"- {marked_down(findings.explanation(finding))}" for finding in fine[:_LINES])
    return details("Grows, but is no leak", lines)


def _other_changes(diagnosis: Diagnosis, taken: set[str]) -> str:
    rest = [one for one in diagnosis.recommendations if one.slug not in taken]
    return (
        details("Also worth changing", "\n\n".join(_change(one, diagnosis) for one in rest[:_UNFOLDED]))
        if rest
        else ""
    )


def _footer(diagnosis: Diagnosis) -> str:
    blocks = []
    if diagnosis.losses:
        blocks.append(
            details(
                "Not seen in this run",
                "\n".join(f"- {marked_down(wording.loss_line(loss))}" for loss in diagnosis.losses[:_LINES]),
            )
        )
    cost = wording.cost_line(diagnosis)
    took = f" took {marked_down(cost)}" if cost else ""
    blocks.append(f"<sub>leakhunt {marked_down((one_line(diagnosis.leakhunt, 40),))}{took}</sub>")
    return "\n\n".join(blocks)


# ---- Markdown -------------------------------------------------------------------------------


def marked_down(phrase: Phrase, *, html: bool = False) -> str:
    """Return a phrase as Markdown (inside an HTML block, `html`: as HTML)."""
    return "".join(_part(part, html) for part in phrase)


def _part(part: str, html: bool) -> str:
    if isinstance(part, Code) and part:
        return f"<code>{_entities(part)}</code>" if html else code_span(part)
    text = escape(part, html=html)
    return f"**{text}**" if isinstance(part, Strong) and text and not html else text


def escape(text: str, *, html: bool = False) -> str:
    """Return text that Markdown shows as it is, on one line."""
    shown = _LINKED.sub(lambda found: found[0] + _BREAK, one_line(text))
    if html:
        return _entities(shown)
    marked = _SPECIAL.sub(r"\\\1", shown).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LEADING.sub(lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", marked)


def _entities(text: str) -> str:
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(sign, entity)
    # In an HTML block Markdown may still be read: leave it no sign to read.
    return re.sub(r"[\\`*_\[\]|~]", lambda found: f"&#{ord(found[0])};", text)


def code_span(text: str) -> str:
    """Return text in backticks, more of them than the text has in a row."""
    shown = one_line(text)
    fence = "`" * (_longest_run(shown) + 1)
    space = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return f"{fence}{space}{shown}{space}{fence}"


def fenced(code: str) -> str:
    fence = "`" * max(3, _longest_run(code) + 1)
    return f"{fence}python\n{code}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _indented(block: str) -> str:
    return "\n".join(f"  {line}" if line else line for line in block.splitlines())


def bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {marked_down((one_line(sentence, SENTENCE),))}" for sentence in sentences[:_LINES])


def cell(phrase: Phrase) -> str:
    # In a table a bar ends the cell even inside a code span; escape() has done it elsewhere.
    return "".join(
        _part(part, False).replace("|", "\\|") if isinstance(part, Code) else _part(part, False)
        for part in phrase
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def details(title: str, body: str, *, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}>\n<summary>{title}</summary>\n\n{body}\n\n</details>"
