"""Prints a page of explanation: drawn on a terminal, as the Markdown that it is anywhere else."""

from __future__ import annotations

import re

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding

from leakhunt.report.console import PlainConsole, silence
from leakhunt.report.text import in_ascii

_WIDEST = 100
#: A link to a page beside this one: its text is the slug, which `leakhunt explain` takes.
_LINK = re.compile(r"\[([^\]]+)\]\([\w-]+\.md\)")


def print_page(text: str, console: Console | None = None) -> None:
    """Print the Markdown `text` on `console` (standard output by default)."""
    console = console or PlainConsole()
    text = _LINK.sub(r"`\1`", text)
    try:
        if console.is_terminal:
            console.print(
                Padding(Markdown(text, hyperlinks=False), (0, 1)), width=min(console.width, _WIDEST)
            )
        else:
            plain = (console.encoding or "").lower().startswith("utf")
            console.file.write(text if plain else in_ascii(text))
        console.file.flush()
    except BrokenPipeError:
        silence(console.file)
