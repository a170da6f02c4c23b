"""`leakhunt install-unit`: have systemd keep a guarded run going, also when nobody is logged in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from leakhunt.cli.options import say
from leakhunt.cli.run import run
from leakhunt.errors import LeakhuntError
from leakhunt.guard.unit_file import unit_directory, unit_name, unit_text, write_unit


@click.command("install-unit")
@click.option("--dry-run", is_flag=True, help="Print the unit and write nothing.")
@click.option("--force", is_flag=True, help="Replace a unit of that name.")
@click.option("--on-failure", metavar="UNIT", help="A unit to start when it has failed for good.")
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def install_unit(
    name: str, arguments: tuple[str, ...], dry_run: bool, force: bool, on_failure: str | None
) -> None:
    """Write the systemd user unit NAME, which runs `leakhunt run ARGUMENTS` in this directory.

    ARGUMENTS go behind `--`: install-unit sweep -- --max-rss 8G sweep.py --its own.
    """
    file = unit_name(name)
    if not arguments:
        raise click.UsageError(f"what is to be run? leakhunt install-unit {name} -- script.py")
    given = run.make_context("leakhunt run", list(arguments)).params  # as `leakhunt run` would read them
    _check(given.get("target"), given.get("module"))
    command = [sys.executable, "-m", "leakhunt", "run", *arguments]
    text = unit_text(
        file, " ".join(arguments), command, Path.cwd(), grace_seconds=given["grace"], alert=on_failure
    )
    if dry_run:
        click.echo(text, nl=False)
        return
    path = unit_directory(os.environ) / file
    write_unit(path, text, force=force)
    say(f"written: {path}")
    say(
        f"start it, now and at every boot: systemctl --user daemon-reload && systemctl --user enable --now {file}"
    )
    say("let it run when you are logged out: loginctl enable-linger")


def _check(target: str | None, module: str | None) -> None:
    if module is None and target is None:
        raise click.UsageError("what is to be run? give script.py or -m module behind --")
    if module is None and target is not None and not os.path.isfile(target):
        raise LeakhuntError(f"no such script: {target}", slug="target-missing")
