"""Every described story, drawn whole, is what a person accepted."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from stories import STORIES

from leakhunt.findings.timeline import Timeline
from leakhunt.report.text import drawable
from leakhunt.report.timeline_html import timeline_body
from leakhunt.report.timeline_markdown import timeline_markdown
from leakhunt.report.timeline_svg import timeline_svg
from leakhunt.report.timeline_terminal import timeline_text

GOLDEN = Path(__file__).parent / "golden"


def html_summary(timeline: Timeline) -> str:
    """The body of the page, an element a line."""
    return timeline_body(drawable(timeline)).replace("><", ">\n<") + "\n"


DRAWN = {
    "terminal.txt": timeline_text,
    "timeline.md": timeline_markdown,
    "timeline.svg": timeline_svg,
    "timeline.html.summary": html_summary,
}


@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_told_as_it_was_accepted(story: str, accept: bool, tmp_path: Path) -> None:
    timeline = dataclasses.replace(STORIES[story](tmp_path), leakhunt="0.1.0")

    for drawing, draw in DRAWN.items():
        path, drawn = GOLDEN / story / drawing, draw(timeline)
        if accept:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(drawn, encoding="utf-8", newline="\n")
        assert drawn == path.read_text(encoding="utf-8"), (
            "python -m pytest tests/timeline --accept, then read the diff"
        )


def test_no_golden_story_is_left_without_its_case() -> None:
    assert {path.name for path in GOLDEN.iterdir() if path.is_dir()} == set(STORIES)
