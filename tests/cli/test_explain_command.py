"""`leakhunt explain` as a person types it."""

from __future__ import annotations

import io

import pytest
from click.testing import CliRunner
from rich.console import Console

from leakhunt.cli.main import commands, main
from leakhunt.report.explain import print_page


def test_a_kind_is_explained():
    result = CliRunner().invoke(commands, ["explain", "reference-cycle"])

    assert result.exit_code == 0
    assert result.output.startswith("# Cycles that are not collected\n")
    assert "gc.collect()" in result.output


def test_without_a_word_all_are_listed():
    lines = CliRunner().invoke(commands, ["explain"]).output.splitlines()

    assert lines[0] == "Kinds of findings"
    for slug in ("growing-container", "census-lost", "save-each-unit"):
        assert any(line.strip().startswith(slug + " ") for line in lines)


def test_a_misspelt_word_is_one_line_with_the_right_one(capsys):
    with pytest.raises(SystemExit) as left:
        main(["explain", "growing-containers"])

    error = capsys.readouterr().err
    assert left.value.code == 2
    assert error.startswith(
        "leakhunt: nothing is called 'growing-containers': did you mean growing-container"
    )
    assert error.count("\n") == 1


def test_a_link_to_another_page_shows_the_word_that_explain_takes():
    file = io.StringIO()

    print_page("# Title\n\nSee [sawtooth](sawtooth.md).\n", Console(file=file))

    assert "See `sawtooth`." in file.getvalue()


def test_a_page_is_drawn_on_a_terminal():
    file = io.StringIO()

    print_page("# Title\n\n- one `word`\n", Console(file=file, force_terminal=True, width=60))

    assert "#" not in file.getvalue()
    assert "one" in file.getvalue()
