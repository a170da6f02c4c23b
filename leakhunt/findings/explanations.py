"""The pages that explain every kind of finding, every loss and every piece of advice: one Markdown file each.

The files lie beside this module and are the only source: `leakhunt explain` prints them, the documents
link to them, and tests see that none is missing. After one was added:
`python -m leakhunt.findings.explanations > docs/explain/README.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

Group = Literal["kinds", "losses", "advice"]
#: Group -> what a list of its pages is headed.
GROUPS: dict[Group, str] = {
    "kinds": "Kinds of findings",
    "losses": "What was not seen",
    "advice": "Changes to make",
}
_INTRODUCTION = """# Explanations

A page for every word that a report uses: what it means, how it was decided, how to confirm it, what to do.
In a terminal: `leakhunt explain growing-container`; `leakhunt explain` alone lists them all.
"""


@dataclass(frozen=True, slots=True)
class Page:
    """One explanation: `slug` is what reports call it, `text` is Markdown and begins with the title."""

    slug: str
    group: Group
    text: str

    @property
    def title(self) -> str:
        """The first heading."""
        return self.text.partition("\n")[0].lstrip("# ").strip()


def page_of(slug: str) -> Page | None:
    """Return the page that explains `slug`; None when there is none."""
    return next((page for page in all_pages() if page.slug == slug), None)


def all_pages() -> list[Page]:
    """Return every page: kinds first, then losses, then advice, each by name."""
    pages = []
    for group in GROUPS:
        folder = files("leakhunt.findings") / "pages" / group
        found = [entry for entry in folder.iterdir() if entry.name.endswith(".md")]
        for entry in sorted(found, key=lambda entry: entry.name):
            pages.append(Page(entry.name[: -len(".md")], group, entry.read_text(encoding="utf-8")))
    return pages


def index() -> str:
    """Return the document that links to every page."""
    lines = [_INTRODUCTION]
    for group, heading in GROUPS.items():
        lines += [f"## {heading}\n", "| word | page |\n|---|---|"]
        lines += [
            f"| `{page.slug}` | [{page.title}](../../leakhunt/findings/pages/{group}/{page.slug}.md) |"
            for page in all_pages()
            if page.group == group
        ]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(index(), end="")
