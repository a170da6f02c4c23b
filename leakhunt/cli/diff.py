"""`leakhunt diff`: what changed between two recorded iterations of a run."""

from __future__ import annotations

from pathlib import Path

import click

from leakhunt import api
from leakhunt.cli.options import home_option, say
from leakhunt.journal.rundir import find_run


@click.command()
@click.argument("run", default="last")
@click.argument("a", default="first")
@click.argument("b", default="last")
@home_option
@click.option("--loop", metavar="FILE:LINE", help="Compare iterations of this loop instead.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the difference as JSON to FILE.",
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def diff(run: str, a: str, b: str, home: Path, loop: str | None, json_file: Path | None, quiet: bool) -> None:
    """Show what changed from iteration A to iteration B of RUN: by owner, by type and by line.

    RUN is an id, the beginning of one, a directory, or `last`. A and B are numbers of iterations (3 is
    what was there when three were completed), `first`, `last`, or a loop variable's value (`lam=3e-08`).
    """
    found = find_run(home, None if run == "last" else run)
    difference = api.diff_run(found, a, b, loop)
    if not quiet:
        from leakhunt.report.diff import print_difference

        print_difference(difference)
    if json_file is not None:
        from leakhunt.report.diff import difference_json

        api.write_report(difference_json(difference), json_file)
        if not quiet:
            say(f"json: {json_file}")
