"""Which arguments are leakhunt's and which are the target's."""

import click
import pytest

from leakhunt.cli.profile import profile


def understood(*words):
    context = click.Context(profile)
    profile.parse_args(context, list(words))
    typed = click.core.ParameterSource.COMMANDLINE
    given = {
        name: value for name, value in context.params.items() if context.get_parameter_source(name) == typed
    }
    given = {name: value for name, value in given.items() if value not in (None, (), False)}
    return {name: str(value) if name in {"json", "html"} else value for name, value in given.items()}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["job.py"], {"target": "job.py"}),
        (
            ["--json", "out.json", "job.py", "5"],
            {"json": "out.json", "target": "job.py", "arguments": ("5",)},
        ),
        (["job.py", "--json", "out.json"], {"json": "out.json", "target": "job.py"}),
        (["job.py", "--json=out.json", "5"], {"json": "out.json", "target": "job.py", "arguments": ("5",)}),
        (
            ["job.py", "--alpha", "3", "--json", "x"],
            {"target": "job.py", "arguments": ("--alpha", "3", "--json", "x")},
        ),
        (["job.py", "--", "--json", "x"], {"target": "job.py", "arguments": ("--json", "x")}),
        (
            ["job.py", "--quiet", "--", "--json", "x"],
            {"quiet": True, "target": "job.py", "arguments": ("--json", "x")},
        ),
        (["pkg.mod:work", "--iterations", "50"], {"target": "pkg.mod:work", "iterations": 50}),
        (["-m", "pkg.mod", "--verbose"], {"module": "pkg.mod", "target": "--verbose"}),
        (
            ["-m", "pkg.mod", "--json", "o.json", "-x"],
            {"module": "pkg.mod", "json": "o.json", "target": "-x"},
        ),
        (["--html", "r.html", "-mpkg", "a"], {"html": "r.html", "module": "pkg", "target": "a"}),
        (["--brake", "job.py", "--brake=1GB"], {"brake": 1_000_000_000, "target": "job.py"}),
        (
            ["--brake", "job.py", "-x", "--brake"],
            {"brake": "default", "target": "job.py", "arguments": ("-x", "--brake")},
        ),
        (["--", "job.py", "--json", "x"], {"target": "job.py", "arguments": ("--json", "x")}),
    ],
)
def test_options_behind_the_target_end_where_its_own_arguments_begin(words, expected):
    assert understood(*words) == expected
