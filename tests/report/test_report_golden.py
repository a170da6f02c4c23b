"""Every hand-made diagnosis, drawn whole, is what a person accepted (see tests/golden/README.md)."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import CASES

from leakhunt.findings.diagnosis import Diagnosis
from leakhunt.report.html_body import report_body
from leakhunt.report.json_report import to_json
from leakhunt.report.markdown import render_markdown
from leakhunt.report.terminal import report_text
from leakhunt.report.text import drawable

GOLDEN = Path(__file__).parent.parent / "golden"


def html_summary(diagnosis: Diagnosis) -> str:
    """The body of the page, an element a line; style, scripts and the JSON have their own tests."""
    return report_body(drawable(diagnosis)).replace("><", ">\n<") + "\n"


DRAWN = {
    "diagnosis.json": lambda diagnosis: to_json(diagnosis) + "\n",
    "terminal.txt": report_text,
    "report.md": render_markdown,
    "report.html.summary": html_summary,
}


@pytest.mark.parametrize("drawing", DRAWN)
@pytest.mark.parametrize("case", CASES)
def test_a_report_is_the_accepted_one(case: str, drawing: str, accept: bool) -> None:
    path = GOLDEN / case / drawing

    drawn = DRAWN[drawing](CASES[case]())

    if accept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(drawn, encoding="utf-8", newline="\n")
    assert drawn == path.read_text(encoding="utf-8"), (
        "python -m pytest tests/report --accept, then read the diff"
    )


def test_no_golden_report_is_left_without_its_case() -> None:
    assert {path.name for path in GOLDEN.iterdir() if path.is_dir()} == set(CASES)
