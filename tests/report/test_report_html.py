"""The HTML page as text: complete, escaped, forbidden to load anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from cases import CASES, hostile, leaking_sweep

from leakhunt.report.html import embedded, render_html
from leakhunt.report.html_body import report_body
from leakhunt.report.json_report import to_json
from leakhunt.report.text import drawable

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Collects elements, their attributes and the scripts, and whether the elements nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def sweep() -> str:
    return render_html(leaking_sweep())


def test_the_page_carries_the_same_json_as_the_json_report(sweep: str) -> None:
    assert json.loads(Page(sweep).scripts[0]) == json.loads(to_json(leaking_sweep()))


def test_the_policy_allows_exactly_the_two_scripts_of_the_page(sweep: str) -> None:
    page = Page(sweep)
    policy = next(attrs["content"] for tag, attrs in page.elements if "http-equiv" in attrs) or ""

    allowed = set(re.findall(r"'sha256-([^']+)'", policy))

    assert allowed == {
        base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in page.scripts[1:]
    }
    assert len(page.scripts) == 3
    assert "default-src 'none'" in policy
    assert "http:" not in policy
    assert "unsafe-eval" not in policy


def test_no_element_refers_to_anything_outside(sweep: str) -> None:
    outside = {"src", "href", "srcset", "action", "data", "poster", "background", "style"}

    assert [(tag, attrs) for tag, attrs in Page(sweep).elements if outside & set(attrs)] == []
    style = re.search(r"<style>(.*?)</style>", sweep, re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]


@pytest.mark.parametrize("case", CASES)
def test_every_body_nests_and_has_only_the_elements_and_attributes_we_write(case: str) -> None:
    page = Page(report_body(drawable(CASES[case]())))

    assert page.open == []
    assert {tag for tag, _ in page.elements} <= {
        "header",
        "main",
        "footer",
        "section",
        "article",
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "span",
        "strong",
        "code",
        "pre",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "div",
        "figure",
        "figcaption",
        "details",
        "summary",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "noscript",
    }
    assert {name for _, attrs in page.elements for name in attrs} <= {
        "class",
        "id",
        "role",
        "aria-label",
        "aria-labelledby",
        "scope",
        "tabindex",
    }


@pytest.mark.parametrize("case", CASES)
def test_headings_go_down_one_level_at_a_time_and_every_head_cell_has_a_scope(case: str) -> None:
    page = Page(report_body(drawable(CASES[case]())))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]

    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip([0, *levels], levels, strict=False))
    assert all("scope" in attrs for tag, attrs in page.elements if tag == "th")


def test_every_label_refers_to_an_element_that_is_there_once() -> None:
    page = Page(report_body(drawable(leaking_sweep())))
    identities = [attrs["id"] for _, attrs in page.elements if "id" in attrs]

    assert len(identities) == len(set(identities))
    assert {attrs["aria-labelledby"] for _, attrs in page.elements if "aria-labelledby" in attrs} <= set(
        identities
    )


def test_embedded_json_has_no_sign_that_html_reads() -> None:
    text = embedded(to_json(hostile(), indent=None))
    raw = embedded('"<!--</script>&\u2028\u2029"')

    assert not set("<>&\u2028\u2029") & set(text + raw)
    assert json.loads(text) == json.loads(to_json(hostile()))
    assert json.loads(raw) == "<!--</script>&\u2028\u2029"


def test_the_page_can_be_written_as_utf8_whatever_the_run_put_in() -> None:
    render_html(hostile()).encode("utf-8")
