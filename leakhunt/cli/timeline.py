"""`leakhunt timeline`: how a recorded run went and ended, why, what was saved, and how to go on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from leakhunt import api
from leakhunt.cli.options import Command, home_option, say
from leakhunt.journal.rundir import RunDirectory, find_run

_FORMS = {
    "html": "one self-contained page",
    "json": "JSON",
    "markdown": "Markdown",
    "svg": "a picture of memory over time",
}


def _file_options(command: Command) -> Command:
    """Add an option for each form that the story can be written in."""
    for form, what in reversed(_FORMS.items()):
        kind = click.Path(path_type=Path, dir_okay=False)
        command = click.option(f"--{form}", type=kind, metavar="FILE", help=f"Write it as {what} to FILE.")(
            command
        )
    return command


def read_clocks_in(zone: str) -> None:
    """Have this process read and write local times in the time zone `zone`."""
    from leakhunt.timeline.foreign import time_zone

    time_zone(zone)
    os.environ["TZ"] = zone
    if hasattr(time, "tzset"):
        time.tzset()


@click.command()
@click.argument("run", required=False)
@home_option
@_file_options
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="FILE",
    help="Tell the story of these logs; with RUN both in one. `-` is standard input. May be given again.",
)
@click.option(
    "--rules",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Rules of your own for what lines of the logs tell, a TOML file.",
)
@click.option("--timezone", metavar="NAME", help="Time zone of times in the logs that name none.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def timeline(
    run: str | None,
    home: Path,
    logs: tuple[str, ...],
    rules: Path | None,
    timezone: str | None,
    quiet: bool,
    **files: Path | None,
) -> None:
    """Tell how RUN went and ended: an id, the beginning of one, a directory or `last`; the last when left out.

    What happened when, where its loops stood, what it died of and how sure that is, what was saved and
    what was lost, the memory of each iteration, the root causes, and what to do now.
    """
    if logs:
        if timezone is not None:
            read_clocks_in(timezone)
        if run is None:
            story = api.timeline_of_logs(logs, rules=rules, zone=timezone)
        else:
            story = api.timeline_with_logs(_named(home, run), logs, rules=rules, zone=timezone)
    elif rules is not None or timezone is not None:
        raise click.UsageError("--rules and --timezone are for logs: name them with --log FILE")
    else:
        story = api.timeline_of(_named(home, run))
    if not quiet:
        from leakhunt.report.timeline_terminal import print_timeline

        print_timeline(story)
    for form, path in files.items():
        if path is not None:
            api.write_report(api.draw_timeline(story, form), path)
            if not quiet:
                say(f"{form} timeline: {path}")


def _named(home: Path, run: str | None) -> RunDirectory:
    """Return the run that is meant; any directory may be, whatever is left in it."""
    if run is not None and Path(run).is_dir():
        return RunDirectory(Path(run).absolute())
    return find_run(home, None if run == "last" else run)
