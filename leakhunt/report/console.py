"""The rich console that reports are written to: takes text as it is, and leaves the process alone."""

from __future__ import annotations

import os
from typing import TextIO

from rich.console import Console


class PlainConsole(Console):
    """A console that obeys no markup in its text and ends nothing when its reader is gone."""

    def __init__(self, file: TextIO | None = None, width: int | None = None) -> None:
        super().__init__(file=file, width=width, highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Raise; rich would point standard output to nowhere and end the process with code 1 here."""
        raise BrokenPipeError("nobody reads this stream any more")


def silence(file: object) -> None:
    """Point a stream that nobody reads to nowhere, so that what is still in its buffer raises no more."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())  # type: ignore[attr-defined]
        os.close(nowhere)
    except (AttributeError, OSError, ValueError):
        pass
