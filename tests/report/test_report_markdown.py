"""The Markdown report as GitHub's parser reads it: tables, details, and nothing that the run smuggled in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cases import CASES, HOSTILE, leaking_sweep
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from leakhunt.report.markdown import code_span, escape, render_markdown

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OURS = re.compile(r"</?details( open)?>|<summary>[^<>]*(<code>[^<>]*</code>)?[^<>]*</summary>|</?sub>|\s")


def tokens(markdown: str) -> Iterator[Token]:
    for token in PARSER.parse(markdown):
        yield token
        yield from token.children or []


@pytest.mark.parametrize("case", CASES)
def test_the_only_html_is_our_own(case: str) -> None:
    html = [
        token.content for token in tokens(render_markdown(CASES[case]())) if token.type.startswith("html_")
    ]

    assert [text for text in html if OURS.sub("", text)] == []


@pytest.mark.parametrize("case", CASES)
def test_nothing_becomes_a_link_a_picture_or_a_mention(case: str) -> None:
    found = list(tokens(render_markdown(CASES[case]())))

    assert [token for token in found if token.type in {"link_open", "image"}] == []
    words = " ".join(token.content for token in found if token.type in {"text", "html_block", "html_inline"})
    assert not re.search(r"@\w|#\d|GH-\d|://\w|www\.\w", re.sub(r"&#\d+;", " ", words))


@pytest.mark.parametrize("case", CASES)
def test_every_table_row_has_as_many_cells_as_its_head(case: str) -> None:
    lines = render_markdown(CASES[case]()).splitlines()
    table = [line for line in lines if line.startswith("| ")]
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table}

    assert table
    assert widths <= {3, 6}


def test_a_bar_in_a_name_does_not_end_its_table_cell() -> None:
    diagnosis = leaking_sweep()
    finding = diagnosis.findings[0]
    assert finding.owner
    barred = replace(finding, title="a|b", owner=replace(finding.owner, path="rows['a|b']"))

    markdown = render_markdown(replace(diagnosis, findings=[barred]))
    found = list(tokens(markdown))

    assert "rows['a|b']" in [token.content for token in found if token.type == "code_inline"]
    rows = [
        line
        for line in render_markdown(replace(diagnosis, findings=[barred])).splitlines()
        if "LEAK |" in line
    ]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [6]


def test_a_report_of_hundreds_of_findings_fits_a_comment_on_github() -> None:
    diagnosis = leaking_sweep()
    finding = diagnosis.findings[0]
    many = [replace(finding, id=f"{i:012x}", evidence=finding.evidence * 5) for i in range(300)]
    losses = diagnosis.losses * 100

    markdown = render_markdown(replace(diagnosis, findings=many, losses=losses))

    assert len(markdown) < 65_536
    assert "and 270 more" in markdown


def test_code_of_a_change_is_in_a_fenced_block() -> None:
    fences = [token for token in tokens(render_markdown(leaking_sweep())) if token.type == "fence"]

    assert any("save_rows(path, rows)   # append it\n    del rows\n" in token.content for token in fences)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=30), st.sampled_from(HOSTILE), st.text("`|*_<>[]()@#\\~$ ", max_size=12)))
def test_escaped_text_is_read_as_text(text: str) -> None:
    kinds = {token.type for token in tokens(f"a {escape(text)} b")}

    assert kinds <= {"paragraph_open", "inline", "text", "paragraph_close", "text_special"}


@settings(deadline=None)
@given(st.text("`|*_<>[]()@#\\~$ a", min_size=1, max_size=12))
def test_a_code_span_shows_its_text_as_it_is(text: str) -> None:
    spans = [token for token in tokens(f"a {code_span(text)} b") if token.type == "code_inline"]

    assert [span.content for span in spans] == [text] or not text.strip()


@pytest.mark.parametrize(
    "text", ["# heading", "- item", "1. one", "1) one", "=====", "---", "+ item", "> quote"]
)
def test_text_at_the_start_of_a_list_item_stays_text(text: str) -> None:
    kinds = [token.type for token in PARSER.parse(f"- {escape(text)}")]

    assert kinds.count("bullet_list_open") == 1
    assert not {"heading_open", "ordered_list_open", "hr", "blockquote_open"} & set(kinds)
