"""`leakhunt report`: say again what a recorded run says, in any form."""

from __future__ import annotations

from pathlib import Path

import click

from leakhunt.cli.options import home_option, report_options, show_diagnosis
from leakhunt.journal.rundir import find_run


@click.command()
@click.argument("run", required=False)
@home_option
@report_options
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def report(run: str | None, home: Path, quiet: bool, **reports: Path | None) -> None:
    """Print the report of RUN: an id, the beginning of one, or a directory; the latest when left out."""
    show_diagnosis(find_run(home, run), reports, quiet=quiet, to_stderr=False)
