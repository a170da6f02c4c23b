"""`leakhunt plan`: what settings of a program would take, from a few short runs."""

from __future__ import annotations

import os
from pathlib import Path

import click

from leakhunt import api
from leakhunt.cli.options import say
from leakhunt.errors import LeakhuntError
from leakhunt.guard.target import ProfileOptions
from leakhunt.units import parse_seconds


@click.command(context_settings={"allow_interspersed_args": True, "ignore_unknown_options": False})
@click.option("--vary", multiple=True, metavar="NAME=1,2,4", help="An option of the script and its values.")
@click.option("--memory", default="70%", show_default=True, metavar="SHARE|SIZE", help="What it may take.")
@click.option("--runs", type=click.IntRange(2), default=6, show_default=True, help="Most runs.")
@click.option("--seconds", default="30s", show_default=True, metavar="DURATION", help="Most time of a run.")
@click.option("--python", metavar="PYTHON", help="The interpreter that runs the script.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the plan as JSON to FILE.",
)  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def plan(
    script: str,
    arguments: tuple[str, ...],
    vary: tuple[str, ...],
    memory: str,
    runs: int,
    seconds: str,
    python: str | None,
    json_file: Path | None,
    quiet: bool,
) -> int:
    """Run SCRIPT a few times and say how much memory each setting would take, and which is best here.

    Settings reach the script as its own options (`--vary max_in_flight=1,4` as `--max-in-flight 4`).
    What is to be passed on besides stands behind `--`.
    """
    try:
        most = parse_seconds(seconds)
    except ValueError as error:
        raise LeakhuntError(f"--seconds is {error}", slug="plan-seconds") from None
    options = ProfileOptions(
        target=script, arguments=arguments, python=python, virtual_env=os.environ.get("VIRTUAL_ENV")
    )
    tell = (lambda _text: None) if quiet else say
    planned = api.plan_run(options, list(vary), memory=memory, runs=runs, seconds=most, tell=tell)
    if not quiet:
        from leakhunt.report.plan import print_plan

        print_plan(planned)
    if json_file is not None:
        from leakhunt.report.plan import plan_json

        api.write_report(plan_json(planned), json_file)
        if not quiet:
            say(f"json: {json_file}")
    return 0
