"""The line that made what is inserted, read off the source: named only where one line is left."""

from __future__ import annotations

import textwrap

import pytest
from described import growth

from leakhunt.analysis.cases import Case
from leakhunt.analysis.holders import Judgement
from leakhunt.analysis.made_at import with_static_sites
from leakhunt.findings.diagnosis import Finding, Owner, Process, Site

RUN = type("Run", (), {"started": None})()


def made(tmp_path, text):
    """Return the text of the line that is named for the line marked `# in`; None without one."""
    file = tmp_path / "job.py"
    file.write_text(textwrap.dedent(text))
    lines = file.read_text().splitlines()
    line = next(at for at, each in enumerate(lines, start=1) if each.endswith("# in"))
    site = Site(str(file), line, "main", None, 1.0, "census", [])
    finding = Finding(
        "f", "growing-container", "leak", "it grows", 1e4, Process("main", [1]), Owner("rows", "local", "list"),
        [site], [], [],
    )  # fmt: skip
    case = Case(finding, Judgement("growing-container", "leak", [], 1e4), growth())
    added = [each for each in with_static_sites(RUN, case).finding.sites if each.role == "allocation"]
    assert all(each.source == "static" and each.share is None for each in added)
    return lines[added[0].line - 1].strip() if added else None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("rows.append(os.urandom(10))  # in", "rows.append(os.urandom(10))  # in"),
        ("log += 'x' * 100  # in", "log += 'x' * 100  # in"),
        ("block = os.urandom(10)\nrows[1] = (1, block)  # in", "block = os.urandom(10)"),
        ("ours, theirs = socketpair()\nKEPT[1] = (ours, theirs)  # in", "ours, theirs = socketpair()"),
        ("f = zeros(9)\nrows.append({'peak': float(f.max()), 'field': f})  # in", "f = zeros(9)"),
        ("def make():\n    return bytes(9)\nrows.add(make())  # in", "return bytes(9)"),
        ("class Run:\n    def __init__(self):\n        self.a = zeros(9)\nrows.append(Run())  # in",
         "self.a = zeros(9)"),
    ],
)  # fmt: skip
def test_the_line_that_makes_it_is_named(tmp_path, text, line):
    assert made(tmp_path, text) == line


@pytest.mark.parametrize(
    "text",
    [
        "def keep(row):\n    rows.append(row)  # in",
        "for row in table:\n    rows.append(row)  # in",
        "block = a()\nblock = b()\nrows.append(block)  # in",
        "rows.append((a(), \n    b()))  # in",
        "rows.append(1)  # in",
    ],
)
def test_what_could_come_from_elsewhere_is_not_named(tmp_path, text):
    assert made(tmp_path, text) is None
