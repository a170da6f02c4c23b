"""Why it came to that: what held the memory at the end, most bytes first, and where the guard had gaps.

A cause is told from measurements. What is only read from the source says so. Reads no files but the source.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from statistics import median

from leakhunt.analysis.cases import sources_of
from leakhunt.analysis.source import Source, usage
from leakhunt.findings.diagnosis import Diagnosis, Finding
from leakhunt.findings.timeline import CauseOfDeath, IterationMemory, Kept, RootCause
from leakhunt.model.run import Run
from leakhunt.timeline.ending import LastAttempt
from leakhunt.timeline.iterations import Outer
from leakhunt.timeline.journals import Told
from leakhunt.units import format_bytes, format_count, format_seconds

#: A brake that fired this often and gave back less than this share of what it needed could not help.
_BRAKES = 3
_GAINED = 0.1
#: Causes of death for which memory is the question.
OF_MEMORY = frozenset({"kernel-oom", "oom-daemon", "scheduler-kill", "own-limit"})
_MOST_FINDINGS = 5
#: Turns that grow: so many of all, so much of what it had at the end, of which findings account for less than that.
_RISING, _MUCH, _ACCOUNTED = 0.6, 0.1, 0.3
#: Growth below this share of the memory at the end is not why it ended.
_LEAST_SHARE = 0.02


def root_causes(
    run: Run,
    told: list[Told],
    diagnosis: Diagnosis,
    death: CauseOfDeath,
    outer: Outer | None,
    kept: Kept,
    attempt: LastAttempt,
) -> list[RootCause]:
    """Return the causes: what grew, by bytes at the end, then gaps of the guard and of saving."""
    causes = _of_memory(run, diagnosis, outer)
    causes += [
        found
        for found in (
            _brakes(told),
            _no_bounds(told, death),
            _supervisor(death, attempt),
            _saved_late(outer, kept, death),
            _gave_up(told),
        )
        if found is not None
    ]
    return causes


# ---- what held the memory -------------------------------------------------------------------


def _of_memory(run: Run, diagnosis: Diagnosis, outer: Outer | None) -> list[RootCause]:
    last = _resident_at_end(outer, diagnosis)
    causes = []
    for finding in diagnosis.findings:
        if finding.verdict == "no-leak":
            continue
        held = bytes_at_end(finding, diagnosis)
        share = held / last if held is not None and last else None
        if share is not None and share < _LEAST_SHARE:
            continue
        causes.append(
            RootCause(
                slug=finding.kind,
                title=finding.title,
                why=_why(finding, held, share),
                bytes=held,
                share=share,
                finding=finding.id,
                evidence=finding.evidence[:3],
            )
        )
    causes += _of_turns(outer, causes, last)
    causes.sort(key=lambda one: -(one.bytes or 0))
    if not any(_is_held(finding) for finding in diagnosis.findings):
        causes += _from_source(run, outer, last)
    return causes[:_MOST_FINDINGS]


def _of_turns(outer: Outer | None, known: list[RootCause], last: int | None) -> list[RootCause]:
    """Say what the turns left behind, when that is much and no finding accounts for it."""
    if outer is None or not last:
        return []
    growths = [row.growth for row in outer.rows if row.growth is not None]
    left, rising = sum(growths), sum(growth > 0 for growth in growths)
    accounted = max((one.bytes or 0 for one in known), default=0)
    if (
        len(growths) < 2
        or rising < _RISING * len(growths)
        or left < _MUCH * last
        or accounted > _ACCOUNTED * left
    ):
        return []
    name = f" of {', '.join(outer.loop.variables)}" if outer.loop.variables else ""
    share = f"{left / last:.0%}".replace("%", " %")
    return [
        RootCause(
            slug="turns-leave-memory",
            title=f"each turn{name} left about {format_bytes(median(growths))} behind",
            why=(
                f"{format_bytes(left)} in {format_count(len(growths))} turns, {share} of what it had at the end; "
                "who holds it was not seen"
            ),
            bytes=left,
            share=left / last,
        )
    ]


def bytes_at_end(finding: Finding, diagnosis: Diagnosis) -> int | None:
    """Return what a finding held at the end: by its last census, and its rate for the turns after that."""
    rate = finding.bytes_per_iteration
    loop = next((one for one in diagnosis.loops if one.primary), None)
    known = [(turn, size) for turn, _, size in finding.points if size is not None]
    if known:
        turn, size = known[-1]
        later = max(0, loop.iterations - turn) if loop is not None else 0
        return int(size + (rate or 0.0) * later)
    if rate is None or loop is None:
        return None
    return int(rate * loop.iterations)


def _why(finding: Finding, held: int | None, share: float | None) -> str:
    said = []
    if held:
        part = f" ({share:.0%} of what it had)".replace("%", " %") if share is not None and share <= 1 else ""
        said.append(f"held about {format_bytes(held)} at the end{part}")
    if finding.bytes_per_iteration:
        said.append(f"grew by {format_bytes(finding.bytes_per_iteration)} per turn")
    site = next(iter(finding.sites), None)
    if site is not None:
        said.append(f"filled at {site.file.replace(chr(92), '/').rpartition('/')[2]}:{site.line}")
    return ", ".join(said) or "what it held is not known"


def _is_held(finding: Finding) -> bool:
    return finding.verdict != "no-leak" and finding.owner is not None


def _resident_at_end(outer: Outer | None, diagnosis: Diagnosis) -> int | None:
    if outer is not None and outer.rows and outer.rows[-1].end is not None:
        return outer.rows[-1].end
    return diagnosis.memory.end if diagnosis.memory is not None else None


def _from_source(run: Run, outer: Outer | None, last: int | None) -> list[RootCause]:
    """Name what the outer loop only adds to, when memory grew and no census came back to say who holds it."""
    if outer is None:
        return []
    growth = _growth(outer.rows)
    if growth is None or not last or growth < _LEAST_SHARE * last:
        return []
    source = next((one for one in sources_of(run) if one.path == outer.loop.file), None)
    if source is None:
        return []
    return [
        RootCause(
            slug="only-added-to",
            title=f"{name} in {outer.loop.function}() is added to in every turn and never emptied",
            why=(
                f"read from the source ({source.path.rpartition('/')[2]}:{line}), not measured: no heap census came "
                f"back. Memory grew by {format_bytes(growth)} meanwhile"
            ),
            evidence=[(source.code(line) or "").strip()],
        )
        for name, line in _only_added_to(source, outer.loop.line)
    ]


def _growth(rows: list[IterationMemory]) -> int | None:
    sizes = [size for row in rows for size in (row.start, row.end) if size is not None]
    return sizes[-1] - sizes[0] if len(sizes) >= 2 else None


def _only_added_to(source: Source, line: int) -> Iterator[tuple[str, int]]:
    """Yield the names that are made before a loop and only added to inside it, with the adding line."""
    loop = source.loop_at(line)
    if loop is None:
        return
    function = source.function_of(loop)
    before = [
        target.id
        for node in ast.walk(function or source.tree)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.lineno < loop.lineno
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    ]
    inside = set(map(id, ast.walk(loop)))
    for name in dict.fromkeys(before):
        used = usage(source, name, function=function.name if function else None)
        adding = [one for one in used.inserts if id(one.node) in inside]
        if adding and not used.removals and not used.limits and not used.finite_keys:
            yield name, adding[0].line


# ---- gaps -----------------------------------------------------------------------------------


def _brakes(told: list[Told]) -> RootCause | None:
    """The brake fired and fired: what the process holds itself does not come back by waiting."""
    brakes = [
        one.fields for one in told if one.kind == "brake" and one.fields.get("how") in ("braked", "yielded")
    ]
    if len(brakes) < _BRAKES:
        return None
    gained = [one["gained"] for one in brakes if type(one.get("gained")) is int]
    needed = [one["needed"] for one in brakes if type(one.get("needed")) is int]
    if gained and needed and max(gained) > _GAINED * max(needed):
        return None
    rooms = [one["available"] for one in brakes if type(one.get("available")) is int]
    sizes = dict.fromkeys(format_bytes(size) for size in (min(rooms), max(rooms))) if rooms else {}
    between = f", with {' to '.join(sizes)} available" if sizes else ""
    yielded = sum(1 for one in brakes if one.get("how") == "yielded")
    ended = (
        f"; {format_count(yielded)} times the process ended itself to be started afresh" if yielded else ""
    )
    return RootCause(
        slug="brake-cannot-free",
        title=f"the brake fired {format_count(len(brakes))} times and could not free what the program itself holds",
        why=(
            f"it keeps new work from beginning{between}, but only a new process gives back what the old one "
            f"holds{ended}"
        ),
    )


def _no_bounds(told: list[Told], death: CauseOfDeath) -> RootCause | None:
    """Memory ran out and nothing would have ended the program before the kernel did."""
    if death.cause not in ("kernel-oom", "oom-daemon", "scheduler-kill") or death.certainty == "unknown":
        return None
    bounds = next((one.fields for one in told if one.kind == "bounds"), None)
    if bounds is not None and (bounds.get("max_rss") or bounds.get("min_available")):
        return None
    return RootCause(
        slug="no-bound",
        title="nothing was there to end it before memory ran out",
        why="the run had no bound (--max-rss, --min-available), so the first to act was the kernel, without warning",
    )


def _supervisor(death: CauseOfDeath, attempt: LastAttempt) -> RootCause | None:
    if death.cause not in ("supervisor-lost", "power-loss"):
        return None
    last = f", last heard of {format_seconds(attempt.last_sign - attempt.told[0].boot)} after the start" \
        if attempt.last_sign is not None and attempt.told else ""  # fmt: skip
    if death.cause == "power-loss":
        return RootCause(
            "power-loss", "the machine itself went down", f"nothing on it could write any more{last}"
        )
    return RootCause(
        slug="supervisor-lost",
        title="the supervisor was gone, and its program with it",
        why=f"whoever ended the leakhunt process ended the run{last}",
    )


def _saved_late(outer: Outer | None, kept: Kept, death: CauseOfDeath) -> RootCause | None:
    """Results were kept in memory: not why it died, but why so much was lost."""
    if not kept.lost or kept.lost < 2 or kept.units or outer is None:
        return None
    name = f" of {', '.join(outer.loop.variables)}" if outer.loop.variables else ""
    written = [one for one in kept.files if one.role == "data"]
    how = (
        f"the last file of results was written after {format_count(written[0].iterations or 0)} turns"
        if written
        else "results were held in memory until the end"
    )
    return RootCause(
        slug="saved-late",
        title=f"{format_count(kept.lost)} completed turns{name} were in memory only",
        why=f"{how}; a kill at any moment loses what is in no file",
    )


def _gave_up(told: list[Told]) -> RootCause | None:
    circuit = next((one.fields for one in told if one.kind == "circuit"), None)
    if circuit is None:
        return None
    return RootCause(
        slug="gave-up",
        title="the supervisor gave up starting it again",
        why=str(circuit.get("why") or "its restarts were used up"),
    )
