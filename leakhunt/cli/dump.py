"""`leakhunt dump`: the journals of a run as text."""

from __future__ import annotations

from pathlib import Path

import click

from leakhunt.cli.options import home_option, say
from leakhunt.errors import LeakhuntError
from leakhunt.journal.reader import read_journal
from leakhunt.journal.rundir import find_run
from leakhunt.journal.text import to_text


@click.command()
@click.argument("run", required=False)
@home_option
def dump(run: str | None, home: Path) -> None:
    """Print everything recorded in RUN, one record per line, journal by journal.

    RUN is an id, the beginning of one, or a directory; the latest when left out.
    """
    directory = find_run(home, run)
    journals = [directory.supervisor_journal, *directory.agent_journals()]
    journals += sorted(directory.path.glob("work-*.jsonl"))
    for path in journals:
        click.echo(f"# {path.name}")
        try:
            journal = read_journal(path)
        except LeakhuntError as error:
            say(str(error))
            continue
        click.echo(to_text(journal), nl=False)
        for loss in journal.losses:
            click.echo(f"# loss {loss.slug}: {loss.what}")
