"""`leakhunt explain`: what a word in a report means, how it was decided, how to confirm and to fix it."""

from __future__ import annotations

import difflib

import click

from leakhunt.errors import LeakhuntError


@click.command()
@click.argument("slug", required=False)
def explain(slug: str | None) -> None:
    """Explain SLUG: a kind of finding, a loss or a piece of advice, as reports name them; without it, list all."""
    from leakhunt.findings.explanations import GROUPS, all_pages, page_of

    if slug is None:
        group = None
        pages = all_pages()
        width = max(len(page.slug) for page in pages)
        for page in pages:
            if page.group != group:
                click.echo(("" if group is None else "\n") + GROUPS[page.group])
                group = page.group
            click.echo(f"  {page.slug:<{width}}  {page.title}")
        return
    found = page_of(slug.strip().lower())
    if found is None:
        near = difflib.get_close_matches(slug, [page.slug for page in all_pages()], n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else "`leakhunt explain` lists all"
        raise LeakhuntError(f"nothing is called {slug!r}: {hint}", slug="explain-unknown")
    from leakhunt.report.explain import print_page

    print_page(found.text)
