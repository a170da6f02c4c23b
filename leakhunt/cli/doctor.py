"""`leakhunt doctor`: what would go wrong on this machine, with this plan, with this script."""

from __future__ import annotations

from pathlib import Path

import click

from leakhunt import api
from leakhunt.cli.bounds import SIZE
from leakhunt.cli.options import home_option
from leakhunt.errors import EXIT_REFUSED
from leakhunt.findings.concerns import is_safe
from leakhunt.guard.preflight import Plan


@click.command()
@click.option("--max-rss", type=SIZE, help="Most memory that the program is to have.")
@click.option("--min-available", type=SIZE, help="Least memory that the machine is to have left.")
@click.option("--workers", type=click.IntRange(1), help="How many processes are to compute at once.")
@click.option("--memory-per-worker", type=SIZE, help="What one of them needs at its peak.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@home_option
@click.argument("script", required=False, type=click.Path(path_type=Path))
def doctor(
    script: Path | None,
    max_rss: int | None,
    min_available: int | None,
    workers: int | None,
    memory_per_worker: int | None,
    as_json: bool,
    home: Path,
) -> int:
    """Say what would go wrong on this machine before it does, and with SCRIPT what its source says.

    SCRIPT is read, never run. Exit code 78 when it is not safe to start, 0 otherwise.
    """
    if memory_per_worker is not None and workers is None:
        raise click.UsageError("--memory-per-worker is for each of --workers: give that too")
    from leakhunt.report.doctor import concerns_as_json, print_concerns

    found = api.examine(Plan(max_rss, min_available, workers, memory_per_worker), home, script)
    if as_json:
        click.echo(concerns_as_json(found.concerns, found.machine))
    else:
        print_concerns(found.concerns, found.facts)
    return 0 if is_safe(found.concerns) else EXIT_REFUSED
