"""`leakhunt check`: run a target a few times and fail on leaks and on what is worse than its baseline."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import click

from leakhunt import api
from leakhunt.checking import Check, check_target
from leakhunt.cli.bounds import bounds_options, check_bounds
from leakhunt.cli.options import home_option, say
from leakhunt.cli.target import Asked, Quiet, TargetThenArguments, target_options
from leakhunt.errors import EXIT_LEAK
from leakhunt.findings.comparison import Checked
from leakhunt.guard.policy import Bounds, HardLimitMode

_KINDS = ("leak", "regression", "cannot-tell")


class Kinds(click.ParamType):  # type: ignore[type-arg]  # generic in new versions only
    """A list of problems, with commas between them."""

    name = "kinds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        kinds = tuple(part.strip() for part in value.split(",") if part.strip())
        wrong = [kind for kind in kinds if kind not in _KINDS]
        if wrong:
            self.fail(f"{wrong[0]!r} is none of {', '.join(_KINDS)}", param, ctx)
        return kinds


class Day(click.ParamType):  # type: ignore[type-arg]  # generic in new versions only
    """A day, as 2027-01-31."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return dt.date.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            self.fail(f"{value!r} is not a day: write 2027-01-31", param, ctx)


_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(cls=TargetThenArguments, context_settings={"allow_interspersed_args": False})
@target_options
@click.option("--runs", type=click.IntRange(1), help="How often to run it: 3 with a baseline, else once.")
@click.option("--baseline", type=_FILE, metavar="FILE", help="What is usual: levels, and accepted leaks.")
@click.option(
    "--update", is_flag=True, help="Write what was measured into the baseline, and say what changes."
)
@click.option(
    "--accept-until", type=Day(), metavar="DATE", help="With --update: accept leaks up to this day."
)
@click.option(
    "--fail-on", type=Kinds(), default="leak,regression", show_default=True, metavar="KINDS",
    help="Any of leak, regression, cannot-tell.",
)  # fmt: skip
@click.option("--github", is_flag=True, help="Annotate the lines of the change, and write a step summary.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write the outcome as JUnit XML to FILE.")
@click.option("--sarif", type=_FILE, metavar="FILE", help="Write the outcome as SARIF 2.1.0 to FILE.")
@click.option("--json", "json_file", type=_FILE, metavar="FILE", help="Write the outcome as JSON to FILE.")
@bounds_options
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@home_option
def check(
    asked: Asked,
    runs: int | None,
    baseline: Path | None,
    update: bool,
    accept_until: dt.date | None,
    fail_on: tuple[str, ...],
    github: bool,
    junit: Path | None,
    sarif: Path | None,
    json_file: Path | None,
    max_rss: int | None,
    min_available: int | None,
    max_age: float | None,
    grace: float,
    brake: int | str | None,
    hard_limit: HardLimitMode,
    quiet: bool,
    home: Path,
) -> int:
    """Run TARGET and fail where it leaks, or where it takes more memory than its baseline says.

    Exit code 0: nothing to fail on; 1: something is; 2: it could not be checked. The outcome goes to
    standard error, the target's own output to standard output.
    """
    if (update or accept_until) and baseline is None:
        raise click.UsageError("--update and --accept-until are about a baseline: name it with --baseline")
    if accept_until and not update:
        raise click.UsageError("--accept-until says until when --update accepts leaks: give both")
    bounds = Bounds(max_rss, min_available, max_age, grace=grace, hard_limit=hard_limit)
    check_bounds(bounds, brake)
    options = asked.options(home, bounds, brake, {"windows": False})
    what = Check(
        options, asked.name, runs or (3 if baseline is not None else 1), baseline, update, accept_until, fail_on,
        dt.date.today(),
    )  # fmt: skip
    checked, said = check_target(what, Quiet(quiet=quiet))
    if not quiet:
        from leakhunt.report.comparison import print_checked

        print_checked(checked)
        for line in said:
            say(line)
    _write(checked, github=github, junit=junit, sarif=sarif, json_file=json_file)
    return EXIT_LEAK if checked.failed and not update else 0


def _write(
    checked: Checked, *, github: bool, junit: Path | None, sarif: Path | None, json_file: Path | None
) -> None:
    if not (github or junit or sarif or json_file):
        return
    from leakhunt.report import ci
    from leakhunt.report.comparison import checked_json

    if github:
        click.echo(ci.github_annotations(checked), nl=False)
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            with open(summary, "a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(ci.step_summary(checked) + "\n")
    for path, text in ((junit, ci.junit_xml), (sarif, ci.sarif_json)):
        if path is not None:
            api.write_report(text([checked]), path)
    if json_file is not None:
        api.write_report(checked_json(checked), json_file)
