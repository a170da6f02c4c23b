"""`leakhunt compare`: what got better, worse, new or gone from one recorded run to others."""

from __future__ import annotations

from pathlib import Path

import click

from leakhunt import api
from leakhunt.cli.options import home_option, say


@click.command()
@click.argument("first", metavar="RUN_A")
@click.argument("others", metavar="RUN_B...", nargs=-1, required=True)
@home_option
@click.option("--html", "html_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write tables and a chart as one page to FILE.")  # fmt: skip
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the comparison as JSON to FILE.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def compare(
    first: str,
    others: tuple[str, ...],
    home: Path,
    html_file: Path | None,
    json_file: Path | None,
    quiet: bool,
) -> None:
    """Compare RUN_A with each RUN_B: measures, findings, verdict; before and after a change, say.

    A run is an id, the beginning of one, a directory, or a file that `leakhunt profile --json` wrote.
    """
    comparisons, courses = api.compare_runs([api.diagnosis_of(home, one) for one in (first, *others)])
    if not quiet:
        from leakhunt.report.comparison import print_comparisons

        print_comparisons(comparisons, courses)
    if html_file is not None:
        from leakhunt.report.comparison_html import comparison_html

        api.write_report(comparison_html(comparisons, courses), html_file)
        if not quiet:
            say(f"html: {html_file}")
    if json_file is not None:
        from leakhunt.report.comparison import comparison_json

        api.write_report(comparison_json(comparisons, courses), json_file)
        if not quiet:
            say(f"json: {json_file}")
