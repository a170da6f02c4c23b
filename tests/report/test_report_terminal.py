"""The terminal report: the answer first, on one screen, on any width and stream, whatever the run put in."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from cases import CASES, cannot_tell, clean, hostile, leaking_sweep, many_findings
from rich.cells import cell_len
from rich.console import Console

from leakhunt.findings.diagnosis import Forecast
from leakhunt.report.terminal import print_report, report_text


def test_the_first_lines_say_how_much_is_left_behind_by_whom_and_where_the_run_stood() -> None:
    first = " ".join(report_text(leaking_sweep()).split("\n\n")[0].split())

    assert "LEAK" in first
    assert "leaves 99.2 MB behind in sweep.main() local all_lam_results" in first
    assert "lam = 3e-08 (7/10) › beta = 3.3 (8/9)" in first  # noqa: RUF001


def test_one_finding_fits_one_screen() -> None:
    assert len(report_text(leaking_sweep()).splitlines()) <= 40


def test_a_finding_names_owner_line_code_contents_evidence_and_change() -> None:
    text = " ".join(report_text(leaking_sweep()).split())

    for part in (
        "sweep.py:92",
        "all_lam_results.append(result)",
        "numpy.ndarray",
        "dropping it frees",
        "does not fill up",
        "save_rows(path, rows)",
        "Expected peak after the change: 2.3 GB",
        "leakhunt profile sweep.py again",
    ):
        assert part in text


def test_a_clean_run_says_that_nothing_leaks_and_on_what_evidence() -> None:
    text = report_text(clean())

    assert "NO LEAK" in text
    assert "No container grew between 5 censuses" in text


def test_an_undecided_run_says_how_many_more_iterations_would_decide() -> None:
    assert "About 12 more iterations would decide" in " ".join(report_text(cannot_tell()).split())


def test_a_reason_that_only_repeats_a_finding_is_not_told_twice() -> None:
    text = report_text(cannot_tell())

    assert text.count("_FRAMES grows with every month") == 1
    assert "8 iterations are too few" in text


def test_a_change_for_two_findings_is_printed_once() -> None:
    diagnosis = leaking_sweep()
    second = replace(diagnosis.findings[0], id="second", title="another one")

    text = report_text(replace(diagnosis, findings=[diagnosis.findings[0], second]))

    assert text.count("save_rows(path, rows)") == 1
    assert "as above" in text


def test_changes_of_findings_that_are_told_shortly_are_not_lost() -> None:
    text = report_text(many_findings())

    assert text.count("with open(path) as file:") == 1
    assert text.count("OMP_NUM_THREADS=1 python app.py") == 1


def test_a_limit_that_is_reached_is_said_to_be_reached() -> None:
    text = report_text(replace(leaking_sweep(), forecast=Forecast(10**9, 0.0, 0.0, "cgroup")))

    assert "1 GB (cgroup): reached" in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("case", CASES)
def test_no_line_is_wider_than_the_terminal_or_ends_in_spaces(case: str, width: int) -> None:
    lines = report_text(CASES[case](), width=width).splitlines()

    assert [line for line in lines if cell_len(line) > width] == []
    assert [line for line in lines if line != line.rstrip()] == []


def test_wide_characters_are_counted_as_two_columns() -> None:
    diagnosis = leaking_sweep()
    wide = replace(diagnosis.findings[0], title="結果" * 60)

    lines = report_text(replace(diagnosis, findings=[wide]), width=80).splitlines()

    assert [line for line in lines if cell_len(line) > 80] == []


def test_a_stream_that_is_no_terminal_gets_no_escape_sequence() -> None:
    file = io.StringIO()

    print_report(leaking_sweep(), file=file, width=100)

    assert "\x1b" not in file.getvalue()
    assert file.getvalue() == report_text(leaking_sweep())


def test_a_terminal_gets_colour_unless_no_color_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn() -> str:
        file = io.StringIO()
        print_report(clean(), Console(file=file, force_terminal=True, width=100, color_system="standard"))
        return file.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = drawn()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = drawn()

    assert re.search(r"\x1b\[[0-9;]*4[0-9]m", coloured)
    assert not re.search(r"\x1b\[[0-9;]*[34][0-9]m", plain)


@pytest.mark.parametrize("case", CASES)
def test_a_stream_without_unicode_gets_ascii(case: str) -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii", errors="strict")

    print_report(CASES[case](), file=file, width=90)
    file.flush()

    assert b"LEAK" in raw.getvalue() or b"CANNOT TELL" in raw.getvalue()


def test_nothing_of_the_run_is_obeyed_by_the_terminal() -> None:
    text = report_text(hostile())

    hidden = {c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert hidden == set()
    assert "\\x1b]0;owned\\x07" in text
    assert "[bold red]x[/bold red]" in text
    assert "\\u202e" in text


def test_paths_are_told_from_where_the_target_was_typed() -> None:
    diagnosis = leaking_sweep()
    site = replace(diagnosis.findings[0].sites[0], file="/home/ann/study/lib/grid.py")
    changed = replace(
        diagnosis,
        run=replace(diagnosis.run, target="scripts/sweep.py"),
        loops=[replace(loop, file="/home/ann/study/scripts/sweep.py") for loop in diagnosis.loops],
        findings=[replace(diagnosis.findings[0], sites=[site])],
    )

    text = report_text(changed)

    assert "scripts/sweep.py:41" in text
    assert "lib/grid.py:92" in text
    assert "/home/ann" not in text


def test_code_of_a_package_is_told_from_the_package_on() -> None:
    diagnosis = leaking_sweep()
    site = replace(
        diagnosis.findings[0].sites[0], file="/opt/venv/lib/python3.11/site-packages/pandas/io/sql.py"
    )

    text = report_text(replace(diagnosis, findings=[replace(diagnosis.findings[0], sites=[site])]))

    assert " pandas/io/sql.py:92" in text


def test_a_title_too_long_for_its_line_is_not_cut() -> None:
    diagnosis = leaking_sweep()
    title = "sweep.main() local all_lam_results grows: +1 item, +99.2 MB per iteration"

    text = report_text(replace(diagnosis, findings=[replace(diagnosis.findings[0], title=title)]), width=60)

    assert title in " ".join(text.split())


def test_a_reader_that_goes_away_ends_the_report_and_nothing_else() -> None:
    code = (
        "import sys; from cases import many_findings; from leakhunt.report.terminal import print_report\n"
        "sys.stdin.readline(); print_report(many_findings()); sys.exit(7)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.close()
    process.stdout = None

    _, said = process.communicate(b"\n", timeout=60)

    assert process.returncode == 7
    assert said == b""
