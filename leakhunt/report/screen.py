"""The lines that reports in a terminal are made of: wrapped text, rows with a label, bullets, code, rules.

Text is put on the screen as `rich.text.Text`, never as markup. On a stream that cannot write Unicode, ASCII.
"""

from __future__ import annotations

import codecs

from rich.console import Console
from rich.text import Text

from leakhunt.report.phrase import Code, Phrase, Strong
from leakhunt.report.text import SENTENCE, in_ascii, one_line

WIDEST = 120
NARROWEST = 40
_LABEL_WIDTH = 9
_CODE_LINES = 12


class Screen:
    """Wraps and prints lines on one console."""

    def __init__(self, console: Console, width: int | None, *, ascii_only: bool | None = None) -> None:
        self.console = console
        self.width = max(NARROWEST, min(width or console.width, WIDEST))
        self.ascii = not _writes_unicode(console) if ascii_only is None else ascii_only

    def text(self, phrase: Phrase) -> Text:
        text = Text()
        for part in phrase:
            style = "cyan" if isinstance(part, Code) else "bold" if isinstance(part, Strong) else ""
            text.append(in_ascii(part) if self.ascii else str(part), style=style)
        return text

    def row(self, label: str, phrase: Phrase, *, hang: int = 0) -> None:
        self.print(self.text(phrase), lead=Text(f" {label:<{_LABEL_WIDTH}} ", style="dim"), hang=hang)

    def bullet(self, *phrase: str, indent: int = 1) -> None:
        parts = (one_line(part, SENTENCE) if type(part) is str else part for part in phrase)
        self.print(self.text(tuple(parts)), lead=self.text((" " * indent + "• ",)))

    def code(self, code: str) -> None:
        lines = code.splitlines()
        cut = len(lines) - _CODE_LINES
        for line in lines[:_CODE_LINES] + ([f"... {cut} more lines"] if cut > 0 else []):
            lead = Text(" " * (_LABEL_WIDTH + 2)).append_text(self.text(("│ ",)))
            self.print(self.text((Code(one_line(line, SENTENCE)),)), lead=lead)

    def rule(self, title: str, mark: str = "") -> None:
        """Print a line with a title in it; a title too long for it comes under it."""
        self.print(Text())
        text, end = self.text((Strong(title),)), Text(f" {mark}" if mark else "", style="bold")
        fits = text.cell_len <= self.width - end.cell_len - 8
        fill = self.width - 3 - end.cell_len - (text.cell_len + 1 if fits else 0)
        line = self.text(("── " if fits else "───",))
        if fits:
            line.append_text(text).append(" ")
        self.print(line.append_text(self.text(("─" * fill,))).append_text(end))
        if not fits:
            self.print(text, lead=Text(" "))

    def print(self, text: Text, *, lead: Text | None = None, hang: int = 0) -> None:
        """Print wrapped lines with no spaces at their ends, the later ones under the first one's text."""
        lead = lead or Text()
        room = max(10, self.width - lead.cell_len)
        lines = list(text.wrap(self.console, room - hang)) if text.plain else [text]
        for index, line in enumerate(lines):
            shown = lead.copy() if index == 0 else Text(" " * (lead.cell_len + hang))
            shown.append_text(line)
            shown.rstrip()
            self.console.print(shown, no_wrap=True, crop=False, overflow="ignore", soft_wrap=True)


def _writes_unicode(console: Console) -> bool:
    try:
        return codecs.lookup(console.encoding).name.startswith("utf")
    except LookupError:
        return False
