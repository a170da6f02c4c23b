"""The report in a terminal: the answer first, then what grows, who holds it, where, and what to change.

Text is put on the screen as `rich.text.Text`, never as markup, so nothing from the run is obeyed.
On a stream that is not a terminal, or with NO_COLOR, plain text; on one that cannot write Unicode, ASCII.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from leakhunt.findings.diagnosis import Diagnosis, Finding, Recommendation
from leakhunt.report import finding_wording as findings
from leakhunt.report import wording
from leakhunt.report.console import PlainConsole, silence
from leakhunt.report.phrase import Code, Phrase, Strong
from leakhunt.report.screen import Screen
from leakhunt.report.text import SENTENCE, TITLE, drawable, one_line, sparkline
from leakhunt.units import format_bytes

_COLOURS = {
    "leak": "bold white on red",
    "no-leak": "bold white on green",
    "cannot-tell": "bold black on yellow",
}
_EVIDENCE, _LOOPS, _FULL_FINDINGS, _EXPLANATIONS = 5, 4, 3, 8


def print_report(
    diagnosis: Diagnosis,
    console: Console | None = None,
    *,
    file: TextIO | None = None,
    width: int | None = None,
) -> None:
    """Print the report on `console`, or on `file` (standard output by default).

    A reader that goes away (`leakhunt report | head`) ends the report and nothing else.
    """
    console = console or PlainConsole(file, width)
    try:
        _Screen(console, width).report(drawable(diagnosis))
        console.file.flush()
    except BrokenPipeError:
        silence(console.file)


def report_text(diagnosis: Diagnosis, *, width: int = 100) -> str:
    """Return the report as plain text, as it is written to a file."""
    console = Console(width=width, highlight=False, color_system=None, force_terminal=False)
    with console.capture() as capture:
        _Screen(console, width, ascii_only=False).report(drawable(diagnosis))
    return capture.get()


def growth_text(diagnosis: Diagnosis, *, width: int = 100) -> str:
    """Return what grows and what to change as plain text: the findings, without the run around them."""
    console = Console(width=width, highlight=False, color_system=None, force_terminal=False)
    with console.capture() as capture:
        _Screen(console, width, ascii_only=False).growth(drawable(diagnosis))
    return capture.get()


class _Screen(Screen):
    """Prints the parts of one report."""

    def __init__(self, console: Console, width: int | None, *, ascii_only: bool | None = None) -> None:
        super().__init__(console, width, ascii_only=ascii_only)
        self.shown: set[str] = set()  # slugs of changes, and how to confirm them: said once

    def report(self, diagnosis: Diagnosis) -> None:
        self._answer(diagnosis)
        self._run(diagnosis)
        self.growth(diagnosis)
        general = [one for one in diagnosis.recommendations if one.slug not in self.shown]
        if general:
            self.rule("Also worth changing")
            for recommendation in general:
                self._change(recommendation, diagnosis)
        self._footer(diagnosis)

    def growth(self, diagnosis: Diagnosis) -> None:
        """Print the findings: the worst in full, the others in a line each."""
        leaks, suspects, explained = (
            [finding for finding in diagnosis.findings if finding.verdict == verdict]
            for verdict in ("leak", "cannot-tell", "no-leak")
        )
        full = (leaks or suspects)[:_FULL_FINDINGS]
        for number, finding in enumerate(full, start=1):
            self._finding(number, finding, diagnosis)
        self._short("Also grows", [one for one in leaks + suspects if one not in full], diagnosis)
        self._short(
            "No leaks, though they grow" if leaks else "Looked like a leak, is none", explained, diagnosis
        )

    # ---- parts -----------------------------------------------------------------------------

    def _answer(self, diagnosis: Diagnosis) -> None:
        verdict = Text(f" {wording.VERDICTS[diagnosis.verdict]} ", style=_COLOURS[diagnosis.verdict])
        lead = Text.assemble(verdict, "  ")
        self.print(self.text(wording.headline(diagnosis)), lead=lead)
        self.print(self.text(wording.ending(diagnosis)), lead=Text(" " * lead.cell_len))
        if diagnosis.verdict != "leak":
            for reason in wording.other_reasons(diagnosis)[:_EVIDENCE]:
                self.bullet(reason, indent=lead.cell_len)

    def _run(self, diagnosis: Diagnosis) -> None:
        self.print(Text())
        for index, loop in enumerate(wording.shown_loops(diagnosis, _LOOPS)):
            inner = "  " * (wording.loop_depth(loop, diagnosis) - 1) + "└ " if loop.parent else ""
            self.row("Loops" if index == 0 else "", (inner, *wording.loop_line(loop, diagnosis)))
        hidden = len(diagnosis.loops) - _LOOPS
        if hidden > 0:
            self.row("", (f"and {hidden} more",))
        if not diagnosis.loops:
            self.row("Loops", ("none was followed; memory was sampled over time",))
        if memory := wording.memory_line(diagnosis):
            self.row("Memory", (*memory, *self._spark(diagnosis)))
        if growth := wording.growth_line(diagnosis):
            self.row("Growth", growth)
        if limit := wording.limit_line(diagnosis):
            self.row("Limit", limit)

    def _spark(self, diagnosis: Diagnosis) -> Phrase:
        memory = diagnosis.memory
        spark = sparkline([point.rss for point in memory.points], 24) if memory else ""
        return ("  ", spark) if spark else ()

    def _finding(self, number: int, finding: Finding, diagnosis: Diagnosis) -> None:
        sure = f" ({finding.confidence} confidence)" if finding.confidence else ""
        self.rule(f"{number}. {one_line(finding.title, TITLE)}", f"{findings.MARKS[finding.verdict]}{sure}")
        for label, phrase in findings.fact_rows(finding, diagnosis):
            self.row(label, phrase)
        for site in findings.ordered_sites(finding)[:2]:
            self.row(findings.site_label(site), findings.site_line(site, diagnosis))
            if site.code:
                self.code(site.code.strip())
        for index, evidence in enumerate(finding.evidence[:_EVIDENCE]):
            self.row("Because" if index == 0 else "", ("• ", one_line(evidence, SENTENCE)), hang=2)
        for recommendation in findings.changes_of(finding, diagnosis):
            self._change(recommendation, diagnosis)

    def _change(self, recommendation: Recommendation, diagnosis: Diagnosis) -> None:
        change = findings.change(recommendation, diagnosis)
        where: Phrase = (" (", change.where, ")") if change.where else ()
        if recommendation.slug in self.shown:
            self.row("Change", (Strong(change.title), *where, ", as above"))
            return
        self.shown.add(recommendation.slug)
        self.row("Change", (Strong(change.title), *where))
        if change.sentence and change.sentence.rstrip(".") != change.title.rstrip("."):
            self.row("", (change.sentence,))
        self.code(change.code)
        if change.expected_peak is not None:
            self.row("", (f"Expected peak after the change: {format_bytes(change.expected_peak)}",))
        if change.confirm and change.confirm not in self.shown:
            self.shown.add(change.confirm)
            self.row("Confirm", (change.confirm,))

    def _short(self, title: str, some: Sequence[Finding], diagnosis: Diagnosis) -> None:
        if not some:
            return
        self.rule(title)
        for finding in some[:_EXPLANATIONS]:
            if finding.verdict == "no-leak":
                self.bullet(*findings.explanation(finding))
                continue
            held: Phrase = (", held by ", Code(one_line(finding.owner.path))) if finding.owner else ()
            mark = findings.MARKS[finding.verdict]
            self.bullet(
                f"{mark}: ", Strong(one_line(finding.title, TITLE)), ": ", *findings.grows(finding), *held
            )
        if len(some) > _EXPLANATIONS:
            self.bullet(f"and {len(some) - _EXPLANATIONS} more: see the HTML or the JSON report")

    def _footer(self, diagnosis: Diagnosis) -> None:
        cost = wording.cost_line(diagnosis)
        explain = wording.explain_line(diagnosis)
        if not (diagnosis.losses or cost or explain):
            return
        self.print(Text())
        for index, loss in enumerate(diagnosis.losses):
            self.row("Not seen" if index == 0 else "", wording.loss_line(loss))
        if explain:
            self.row("Explain", explain)
        if cost:
            self.row("Cost", ("leakhunt took ", *cost))
