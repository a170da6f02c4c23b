"""What the rules of advice share: the setting they look at, and how a recommendation is put together."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from leakhunt.analysis.cases import Case
from leakhunt.analysis.ownername import owner_name
from leakhunt.analysis.source import Insert, Source
from leakhunt.findings.diagnosis import Memory, Recommendation, Where
from leakhunt.model.run import LoopTrace, Run
from leakhunt.units import format_bytes


@dataclass(frozen=True, slots=True)
class Setting:
    """The run around a finding: what rules may look at."""

    run: Run
    loop: LoopTrace
    memory: Memory
    sources: list[Source]

    def source(self, file: str | None) -> Source | None:
        """Return the readable source of a file in which a loop ran."""
        return next((source for source in self.sources if source.path == file), None)

    @property
    def unit(self) -> str:
        """What one turn of the primary loop is called: its variable, where that is a word."""
        names = [name for name in self.loop.variables if name.isidentifier() and len(name) > 2]
        return names[0] if len(names) == 1 else "iteration"


def loop_header(setting: Setting) -> str:
    """Return the first line of the primary loop as code to show."""
    return f"for {', '.join(setting.loop.variables) or '...'} in ...:"


def is_leak(case: Case) -> bool:
    """Tell whether a finding is worth a change."""
    return case.finding.verdict == "leak"


def tagged(case: Case, *tags: str) -> bool:
    """Tell whether the census marked the holder or its contents with one of the tags."""
    return case.growth is not None and bool(case.growth.tags & set(tags))


def name_in_code(case: Case) -> str | None:
    """Return the expression that the user's code uses for the holder."""
    place_of = insertion(case)
    if place_of is not None and case.usage is not None:
        receiver = _receiver(place_of.node)
        if receiver is not None and not isinstance(receiver, ast.Subscript):
            return case.usage.source.text(receiver)
    found = owner_name(case.growth.path) if case.growth is not None else None
    if found is None or case.growth is None:
        return None
    if case.growth.root != "module":
        return found.dotted
    return _as_written(case, found.dotted) or found.dotted.partition(".")[2] or found.dotted


def _as_written(case: Case, dotted: str) -> str | None:
    """Return the longest end of a dotted name that the user's code has: a script calls its own variable `keep`."""
    if case.usage is None:
        return None
    written = {
        ast.unparse(node)
        for node in ast.walk(case.usage.source.tree)
        if isinstance(node, (ast.Name, ast.Attribute))
    }
    parts = dotted.split(".")
    ends = (".".join(parts[at:]) for at in range(len(parts)))
    return next((end for end in ends if end in written), None)


def _receiver(node: ast.AST) -> ast.AST | None:
    """The expression that is filled: `rows` of `rows.append(x)`, `CACHE` of `CACHE[k] = x`."""
    if isinstance(node, ast.Call):
        return node.func.value if isinstance(node.func, ast.Attribute) else None
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.value if isinstance(target, ast.Subscript) else target


def with_replaced(line: str, name: str, by: str) -> str:
    """Return a line of code with an expression replaced where it stands by itself."""
    return re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", lambda _: by, line)


def insertion(case: Case) -> Insert | None:
    """Return the place in the source that fills the holder: the line that was seen, else the only one."""
    if case.usage is None or not case.usage.inserts:
        return None
    lines = {site.line for site in case.finding.sites if site.file == case.usage.source.path}
    seen = [found for found in case.usage.inserts if found.line in lines]
    looping = [found for found in case.usage.inserts if found.in_loop]
    return (seen or looping or case.usage.inserts)[0]


def place(source: Source, node_or_line: ast.AST | int) -> Where:
    """Return a place in a source file."""
    line = node_or_line if isinstance(node_or_line, int) else int(getattr(node_or_line, "lineno", 1))
    return Where(source.path, line)


def numbers(case: Case) -> str:
    """Return this run's figures of a finding as a clause: "+1 item, +20 MB per iteration"."""
    rate = case.finding.bytes_per_iteration
    count = case.finding.count_per_iteration
    if rate is None:
        return f"{count:+,.1f} per iteration" if count is not None else "it grows every iteration"
    return f"{format_bytes(rate, signed=True)} per iteration"


def peak_without(case: Case, setting: Setting) -> int | None:
    """Return the peak to expect when only the latest iteration's share is kept; None when unknown."""
    rate, peak = case.finding.bytes_per_iteration, setting.memory.peak
    if peak is None or not rate or rate <= 0 or not case.finding.points:
        return None
    first, last = case.finding.points[0], case.finding.points[-1]
    since = case.judgement.started_late or 0
    turns = setting.loop.iterations - since if last[0] > first[0] else 0
    if case.share < 1.0:
        return None  # the other holders keep it alive
    expected = peak - rate * max(0, turns - 1)
    # What was there before the loop stays: below it the rate must be wrong, or memory was given back.
    return int(expected) if max(0, setting.memory.start or 0) <= expected < peak else None


def recommend(
    slug: str,
    title: str,
    why: str,
    sentence: str,
    code: str,
    case: Case,
    setting: Setting,
    *,
    where: Where | None = None,
    saves: bool = True,
) -> Recommendation:
    """Return a recommendation; `code` is shown with the place it belongs to."""
    if where is not None and code:
        code = f"# {where.file.rpartition('/')[2]}:{where.line}\n{code}"
    return Recommendation(
        slug=slug,
        title=title,
        why=why,
        do=f"{sentence}\n\n{code}" if code else sentence,
        findings=[case.finding.id],
        expected_peak=peak_without(case, setting) if saves else None,
        where=where,
        confirm=confirmation(case, setting),
    )


def confirmation(case: Case, setting: Setting) -> str:
    """Return how to see that the change helped."""
    named = owner_name(case.growth.path) if case.growth is not None else None
    what = named.name if named is not None else case.finding.kind.replace("-", " ")
    return f"leakhunt profile {setting.run.target} again: {what} is no longer among the findings"
