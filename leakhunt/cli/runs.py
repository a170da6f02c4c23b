"""`leakhunt runs`: list recorded runs, and throw some away."""

from __future__ import annotations

import re
import time
from pathlib import Path

import click

from leakhunt.cli.options import home_option
from leakhunt.journal.rundir import RunDirectory, delete_run, find_run, list_runs, prune_runs
from leakhunt.units import format_bytes, format_seconds

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Age(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A duration on the command line: 7d, 12h."""

    name = "age"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", str(value))
        if found is None:
            self.fail(f"{value!r} is no age: write 12h, 7d, 2w", param, ctx)
        return float(found[1]) * _SECONDS[found[2]]


@click.command()
@home_option
@click.option("--keep", type=click.IntRange(0), metavar="N", help="Delete all but the latest N.")
@click.option("--older-than", type=Age(), metavar="AGE", help="Delete those older than AGE (12h, 7d).")
@click.option("--delete", "doomed", multiple=True, metavar="RUN", help="Delete this run.")
def runs(home: Path, keep: int | None, older_than: float | None, doomed: tuple[str, ...]) -> None:
    """List the recorded runs, the latest first, or delete some. A run that is going on is never deleted."""
    if keep is None and older_than is None and not doomed:
        for run in list_runs(home):
            click.echo(_line(run))
        return
    for reference in doomed:
        run = find_run(home, reference)
        delete_run(run)
        click.echo(f"deleted {run.id}")
    for deleted in (
        prune_runs(home, keep=keep, older_than=older_than) if keep is not None or older_than else []
    ):
        click.echo(f"deleted {deleted}")


def _line(run: RunDirectory) -> str:
    info = run.info()
    created, seconds, peak = info.get("created"), info.get("seconds"), info.get("peak_rss")
    when = (
        time.strftime("%Y-%m-%d %H:%M", time.localtime(created)) if isinstance(created, (int, float)) else "?"
    )
    outcome = info.get("outcome") or ("running" if run.is_live() else "unknown")
    took = format_seconds(seconds) if isinstance(seconds, (int, float)) else "-"
    memory = format_bytes(peak) if isinstance(peak, (int, float)) else "-"
    return f"{run.id}  {when}  {outcome:<12} {took:>12}  {memory:>8}  {info.get('target', '?')}"
