"""`leakhunt profile`: run a program under observation and say what grows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from leakhunt import api
from leakhunt.cli.bounds import bounds_options, check_bounds
from leakhunt.cli.options import home_option, report_options, say, show_diagnosis
from leakhunt.cli.target import Asked, Quiet, TargetThenArguments, target_options
from leakhunt.errors import LeakhuntError
from leakhunt.guard.policy import Bounds, HardLimitMode
from leakhunt.guard.relay import Relay, open_relay
from leakhunt.guard.supervise import Watcher
from leakhunt.journal.rundir import RunDirectory

if TYPE_CHECKING:
    from leakhunt.findings.diagnosis import Diagnosis

#: Said before a run that is recorded in full.
_EVERY_COSTS = (
    "--every-iteration takes a census at every boundary and traces all allocations: expect the program to "
    "take 2 to 30 times as long; at most 300 MB are kept, and from the 100th iteration on fewer are recorded"
)


@click.command(cls=TargetThenArguments, context_settings={"allow_interspersed_args": False})
@target_options
@click.option("--allocations", is_flag=True, help="Record allocations for a few turns, whatever it costs.")
@click.option("--native", is_flag=True, help="Record them with the stacks of native code.")
@click.option("--no-windows", is_flag=True, help="Record no allocations, not even when something grows.")
@click.option("--keep-captures", is_flag=True, help="Keep memray's captures after they were read.")
@click.option("--every-iteration", is_flag=True, help="Record every iteration in full: for short runs.")
@bounds_options
@click.option("--no-live", is_flag=True, help="No display while the target runs.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@home_option
@report_options
def profile(
    asked: Asked,
    allocations: bool,
    native: bool,
    no_windows: bool,
    keep_captures: bool,
    every_iteration: bool,
    max_rss: int | None,
    min_available: int | None,
    max_age: float | None,
    grace: float,
    brake: int | str | None,
    hard_limit: HardLimitMode,
    no_live: bool,
    quiet: bool,
    home: Path,
    **reports: Path | None,
) -> int:
    """Run TARGET (script.py, -m module, or package.module:function) and say what grows in it.

    Options of leakhunt may also stand right behind TARGET; from the first argument that is none (or
    from `--`) on, everything is the target's own. Its output, its exit code and Ctrl-C are as under
    plain python; the report goes to standard error.
    """
    if no_windows and (allocations or native):
        raise click.UsageError(
            "--no-windows leaves out what --allocations and --native ask for: give one of them"
        )
    bounds = Bounds(max_rss, min_available, max_age, grace=grace, hard_limit=hard_limit)
    check_bounds(bounds, brake)
    behind = click.get_current_context().meta.get("behind")
    if behind and not quiet:
        say(f"took {' '.join(behind)} for itself; write -- behind {asked.target} to pass it on")
    extra = {
        "allocations": allocations or native,
        "native": native,
        "windows": not no_windows,
        "keep_captures": keep_captures,
        **({"every_iteration": True} if every_iteration else {}),
    }
    options = asked.options(home, bounds, brake, extra)
    if every_iteration and not quiet:
        say(_EVERY_COSTS)
    relay = None if quiet or no_live else open_relay()
    run, end = api.profile(options, _watcher(asked.target, relay, quiet=quiet, live=not no_live), relay)
    try:
        _tell(run, reports, quiet=quiet)
    except LeakhuntError as error:  # the target's own exit code goes first
        click.echo(f"leakhunt: {error}", err=True)
        return end.shell_code or error.exit_code
    return end.shell_code


#: How a run ends that needs no explaining by others.
_ENDED_BY_ITSELF = ("completed", "failed", "interrupted")


def _watcher(target: str, relay: Relay | None, *, quiet: bool, live: bool) -> Watcher:
    if quiet or not live:
        return Quiet(quiet=quiet)
    from leakhunt.cli.live import LiveWatcher
    from leakhunt.report.live import LiveDisplay

    return LiveWatcher(LiveDisplay(below=relay), target)


def _tell(run: RunDirectory, reports: dict[str, Path | None], *, quiet: bool) -> None:
    try:
        diagnosis = show_diagnosis(run, reports, quiet=quiet, to_stderr=True)
    except LeakhuntError:
        raise
    except Exception as problem:  # a mistake of ours must not cost the user the exit code
        raise LeakhuntError(
            f"the run is recorded in {run.path} but could not be reported "
            f"({type(problem).__name__}: {problem}): please report this",
            slug="report-failed",
        ) from problem
    if reports.get("html") is None:
        _keep_page(diagnosis, run, quiet=quiet)
    if not quiet:
        say(f"run: {run.path}")
        if diagnosis.run.outcome not in _ENDED_BY_ITSELF:
            say(f"how it came to that: leakhunt timeline {run.path}")


def _keep_page(diagnosis: Diagnosis, run: RunDirectory, *, quiet: bool) -> None:
    """Put the HTML report into the run directory; nobody asked for it, so that it may fail."""
    try:
        api.save(diagnosis, "html", run.html)
    except Exception as problem:
        click.echo(f"leakhunt: no HTML report ({problem})", err=True)
        return
    if not quiet:
        say(f"html report: {run.html}")
