"""The pages of explanation: none missing, none stale, every loss that the code writes in the table."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from leakhunt.findings.catalogue import KINDS
from leakhunt.findings.explanations import Page, all_pages, index, page_of
from leakhunt.findings.losses import WHAT_TO_DO, explained

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "leakhunt"
PAGES = all_pages()
#: Functions that take a loss's slug first. `write("loss", slug)` and tuples are seen to below.
_LOSING = {"LossSeen", "Loss", "JournalLoss", "lose", "_lose", "_refuse", "Refused", "explained"}
_SLUG = re.compile(r"[a-z]+(?:-[a-z]+)+")


def slugs_of(group: str) -> set[str]:
    return {page.slug for page in PAGES if page.group == group}


def called(tree: ast.AST) -> list[tuple[str, list[ast.expr], dict[str | None, ast.expr]]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            found.append((name, list(node.args), {one.arg: one.value for one in node.keywords}))
    return found


def slug_in(expression: ast.expr | None) -> str | None:
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        return expression.value if _SLUG.fullmatch(expression.value) else None
    return None


def losses_written() -> dict[str, str]:
    """Return slug -> file for every loss that the source writes with a constant slug."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for name, arguments, _ in called(ast.parse(path.read_text())):
            slug = None
            if name in _LOSING and arguments:
                slug = slug_in(arguments[0])
            elif name in ("write", "encode_line") and arguments:
                values = arguments[0].elts if isinstance(arguments[0], ast.List) else arguments
                if any(isinstance(one, ast.Constant) and one.value == "loss" for one in values[:1]):
                    slug = next((slug for one in values[1:] if (slug := slug_in(one))), None)
            if slug is not None:
                found[slug] = str(path.relative_to(ROOT))
    return found


def advice_given() -> set[str]:
    """Return every slug of advice in the source of the rules."""
    found = set()
    for path in (PACKAGE / "analysis").glob("*.py"):
        for name, arguments, keywords in called(ast.parse(path.read_text())):
            if name in ("recommend", "_recommended", "Recommendation"):
                found.add(slug_in(keywords.get("slug") or (arguments[0] if arguments else None)))
    return {slug for slug in found if slug is not None}


def test_every_kind_of_finding_has_a_page():
    assert slugs_of("kinds") == set(KINDS)


def test_every_loss_that_the_code_writes_says_what_to_do():
    written = losses_written()

    assert "census-lost" in written
    assert "journal-full" in written
    assert {slug: file for slug, file in written.items() if slug not in WHAT_TO_DO} == {}


def test_every_way_in_which_a_window_is_cut_short_says_what_to_do():
    from leakhunt.capture.windows import _CUT_SHORT

    assert {slug for slug, _ in _CUT_SHORT.values()} <= set(WHAT_TO_DO)


def test_every_loss_has_a_page_and_no_page_is_left_over():
    assert slugs_of("losses") == set(WHAT_TO_DO)


def test_every_piece_of_advice_has_a_page_and_no_page_is_left_over():
    given = advice_given()

    assert "save-each-unit" in given
    assert slugs_of("advice") == given


def test_no_word_has_two_pages():
    assert len({page.slug for page in PAGES}) == len(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.slug)
def test_a_page_has_a_title_says_what_to_do_and_fits_on_a_screen_or_two(page: Page):
    lines = page.text.splitlines()

    assert re.match(r"# \S", lines[0])
    assert 3 <= len(lines) <= 60
    assert max(map(len, lines)) <= 130
    if page.group == "kinds":
        assert re.search(r"^## (Fix|What to do|Confirm)", page.text, re.MULTILINE)
    if page.group == "losses":
        assert "\n## What to do\n" in page.text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.slug)
def test_links_between_pages_lead_somewhere(page: Page):
    folder = PACKAGE / "findings" / "pages" / page.group

    for target in re.findall(r"\]\(([^)]+\.md)\)", page.text):
        assert (folder / target).is_file(), target


def test_the_documents_list_every_page():
    written = (ROOT / "docs" / "explain" / "README.md").read_text()

    assert written == index(), "python -m leakhunt.findings.explanations > docs/explain/README.md"


def test_a_word_that_nobody_uses_has_no_page():
    assert page_of("growing-nonsense") is None


def test_what_was_not_seen_begins_with_a_capital_unless_it_begins_with_a_name():
    assert explained("census-lost", "heap censuses were lost").what.startswith("Heap censuses were lost: ")
    assert explained("journal-torn", "agent-7.jsonl was cut off").what.startswith("agent-7.jsonl was")


def test_what_to_do_is_said_once():
    said = explained("agent-error", "ValueError in leakhunt at a loop boundary").what

    assert said.count("report it") == 1
