"""What a report says about one finding: what grows, who holds it, which line, why, what to change.

Works on what `text.drawable` returned. Decides nothing.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from leakhunt.findings.diagnosis import Diagnosis, Finding, Owner, Recommendation, Site
from leakhunt.report.phrase import Code, Phrase, Row, Strong, between, joined, plural
from leakhunt.report.text import NAME, SENTENCE, TITLE, one_line
from leakhunt.report.wording import counted_noun, place
from leakhunt.units import format_bytes, format_count

MARKS = {"leak": "LEAK", "cannot-tell": "MAYBE", "no-leak": "NOT A LEAK"}
_ROOTS = {
    "module": "module variable", "local": "local variable", "closure": "closure", "class": "class attribute",
    "generator": "generator", "thread": "thread", "garbage": "unreachable cycles", "native": "native memory",
    "unknown": "unknown holder",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """A recommendation, taken apart: the sentence, the code, the place, and how to confirm it."""

    title: str
    why: str
    sentence: str
    code: str
    where: Code | None
    expected_peak: int | None
    confirm: str | None


def grows(finding: Finding) -> Phrase:
    """Return the growth per iteration: items and bytes."""
    rates: list[Phrase] = []
    if finding.count_per_iteration is not None:
        count = finding.count_per_iteration
        noun = counted_noun(finding)
        many = f"{noun}es" if noun.endswith("s") else f"{noun}s"
        rates.append((Strong(f"{format_count(count, signed=True)} {noun if count == 1 else many}"),))
    if finding.bytes_per_iteration is not None:
        rates.append((Strong(format_bytes(finding.bytes_per_iteration, signed=True)),))
    if not rates:
        return ("how fast is not known",)
    return (*joined(rates, " and "), " per iteration", between(finding.bytes_per_iteration_ci))


def held_by(owner: Owner, diagnosis: Diagnosis) -> Phrase:
    """Return who holds it: the path, what it is, and who else holds the same objects."""
    length = "" if owner.length is None else f" with {plural(owner.length, 'item')}"
    said: Phrase = (
        Code(one_line(owner.path, NAME)),
        f"  ({_ROOTS[owner.root]}, ",
        Code(one_line(owner.type, NAME)),
        f"{length})",
    )
    if owner.file:
        said = (*said, " at ", place(owner.file, owner.line, diagnosis))
    if owner.others:
        more = len(owner.others) - 3
        names: list[Phrase] = [(Code(one_line(other, NAME)),) for other in owner.others[:3]]
        said = (*said, "; also reached from ", *joined(names), f" and {more} more" if more > 0 else "")
    return said


def full_of(owner: Owner, most: int) -> Phrase:
    """Return what the owner is full of, and what dropping it would free."""
    kinds: list[Phrase] = [
        (
            f"{format_count(content.count)} \u00d7 ",
            Code(one_line(content.type, NAME)),
            f" ({format_bytes(content.bytes)})",
        )
        for content in owner.contents[:most]
    ]
    said = joined(kinds)
    if owner.exclusive_bytes is not None:
        freed = f"dropping it frees {format_bytes(owner.exclusive_bytes)}"
    elif owner.retained_bytes is not None:
        freed = f"{format_bytes(owner.retained_bytes)} hang on it"
    else:
        return said
    return (*said, "; " if said else "", freed)


def site_line(site: Site, diagnosis: Diagnosis) -> Phrase:
    """Return the line that inserts or allocates, and its share."""
    inside = f" in {one_line(site.function, NAME)}" if site.function not in {"", "<module>"} else ""
    share = f", {site.share:.0%} of the growth".replace("%", " %") if site.share is not None else ""
    rate = (
        ""
        if site.bytes_per_iteration is None
        else f", {format_bytes(site.bytes_per_iteration, signed=True)} per iteration"
    )
    return (place(site.file, site.line, diagnosis), f"{inside}{share or rate}")


def ordered_sites(finding: Finding) -> list[Site]:
    """Return the sites, the inserting lines first."""
    return sorted(finding.sites, key=lambda site: site.role != "insertion")


def site_label(site: Site) -> str:
    """Return the label of a site's row."""
    return "Added at" if site.role == "insertion" else "Made at"


def fact_rows(finding: Finding, diagnosis: Diagnosis, *, contents: int = 3) -> list[Row]:
    """Return what grows, who holds it, what it is full of, and in which processes."""
    rows: list[Row] = [("Grows", grows(finding))]
    owner = finding.owner
    rows.append(("Held by", held_by(owner, diagnosis) if owner else ("nothing that Python can name",)))
    if owner and (filled := full_of(owner, contents)):
        rows.append(("Full of", filled))
    role, pids = finding.process.role, finding.process.pids
    if role != "main":
        some = ", ".join(map(str, pids[:4])) + (", …" if len(pids) > 4 else "")
        rows.append(("Where", (f"in {one_line(role, NAME)} processes" + (f" ({some})" if pids else ""),)))
    return rows


def explanation(finding: Finding) -> Phrase:
    """Return a finding in one line: its title and its first evidence."""
    evidence = f" {one_line(finding.evidence[0], SENTENCE)}" if finding.evidence else ""
    return (
        Strong(one_line(finding.title, TITLE)),
        f".{evidence}" if not finding.title.endswith(".") else evidence,
    )


def change(recommendation: Recommendation, diagnosis: Diagnosis) -> Change:
    """Return a recommendation ready to show."""
    sentence, _, code = recommendation.do.strip().partition("\n\n")
    where = recommendation.where
    return Change(
        title=one_line(recommendation.title, TITLE),
        why=one_line(recommendation.why, SENTENCE),
        sentence=one_line(sentence, SENTENCE),
        code=textwrap.dedent(code).strip("\n"),
        where=place(where.file, where.line, diagnosis) if where else None,
        expected_peak=recommendation.expected_peak,
        confirm=one_line(recommendation.confirm, SENTENCE) if recommendation.confirm else None,
    )


def changes_of(finding: Finding, diagnosis: Diagnosis) -> list[Recommendation]:
    """Return the recommendations for a finding, in the order of its advice."""
    known = {recommendation.slug: recommendation for recommendation in diagnosis.recommendations}
    named = [known[slug] for slug in finding.advice if slug in known]
    return named + [r for r in diagnosis.recommendations if finding.id in r.findings and r not in named]
