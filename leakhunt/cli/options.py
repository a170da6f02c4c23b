"""Options that several verbs have."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from leakhunt import api
from leakhunt.journal.rundir import RunDirectory, default_home

if TYPE_CHECKING:
    from leakhunt.findings.diagnosis import Diagnosis

Command = TypeVar("Command", bound=Callable[..., Any])

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_home,
    envvar="LEAKHUNT_HOME",
    show_default=".leakhunt",
    help="Where runs are kept (or LEAKHUNT_HOME).",
)


def report_options(command: Command) -> Command:
    """Add --html, --json and --markdown."""
    for form in reversed(api.FORMS):
        command = click.option(
            f"--{form}",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help=f"Write the report as {form.upper() if form != 'markdown' else 'Markdown'} to FILE.",
        )(command)
    return command


def say(text: str) -> None:
    """Tell the user something on standard error: standard output is the target's."""
    click.echo(f"leakhunt: {text}", err=True)


def show_diagnosis(
    run: RunDirectory, wanted: dict[str, Path | None], *, quiet: bool, to_stderr: bool
) -> Diagnosis:
    """Return the diagnosis of `run`, printed unless `quiet` and written in the forms that are `wanted`."""
    diagnosis = api.diagnose_run(run)
    if not quiet:
        from leakhunt.report.terminal import print_report

        print_report(diagnosis, file=sys.stderr if to_stderr else sys.stdout)
    for form, path in wanted.items():
        if path is not None:
            api.save(diagnosis, form, path)
            if not quiet:
                say(f"{form} report: {path}")
    return diagnosis
