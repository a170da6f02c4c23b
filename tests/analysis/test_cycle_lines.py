"""The line that closes a cycle, and none where references only lead one way."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.analysis.cycle_lines import closing_lines
from leakhunt.analysis.source import read_source


def closing(tmp_path: Path, text: str) -> list[str | None]:
    file = tmp_path / "sweep.py"
    file.write_text(text)
    source = read_source(str(file))
    assert source is not None
    return [source.code(one.line) for one in closing_lines([source], "sweep.Node", None)]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("class Node:\n    def __init__(self):\n        self.itself = self\n", "self.itself = self"),
        (
            "class Node:\n    def __init__(self):\n        self.done = self.finish\n"
            "    def finish(self):\n        pass\n",
            "self.done = self.finish",
        ),
        (
            "class Node:\n    def add(self, child):\n        self.children.append(child)\n"
            "        child.parent = self\n",
            "child.parent = self",
        ),
        (
            "def pair():\n    a, b = Node(), Node()\n    a.other = b\n    b.other = a\n",
            "b.other = a",
        ),
    ],
)
def test_the_line_that_leads_back_closes_the_cycle(tmp_path: Path, body: str, line: str) -> None:
    assert closing(tmp_path, body) == [line]


@pytest.mark.parametrize(
    "body",
    [
        "class Node:\n    def add(self, child):\n        self.children.append(child)\n",
        "def pair():\n    a, b = Node(), Node()\n    a.other = b\n    b.other = None\n",
        "class Other:\n    def __init__(self):\n        self.itself = self\n",
    ],
)
def test_references_that_do_not_lead_back_close_nothing(tmp_path: Path, body: str) -> None:
    assert closing(tmp_path, body) == []
