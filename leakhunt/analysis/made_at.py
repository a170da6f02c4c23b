"""Where what is inserted was made, as far as the source alone can tell: for runs too short to trace a turn.

Follows the inserted expression back: a call, a literal, a name that is assigned once, a function of the user's by
what it returns, a class by what its `__init__` sets. Only where one line is left is it named, and the site says that
it was read, not measured.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from leakhunt.analysis.cases import Case
from leakhunt.analysis.repeated import Function, functions_named
from leakhunt.analysis.source import INSERTING, Source, read_source
from leakhunt.findings.diagnosis import Frame, Site
from leakhunt.model.run import Run

_DEEPEST = 6
#: What these give is a number: next to what else is inserted it weighs nothing.
_NUMBERS = frozenset(
    {"float", "int", "bool", "len", "sum", "round", "abs", "hash", "id", "perf_counter", "time"}
)
_MAKES = (
    ast.Call,
    ast.BinOp,
    ast.JoinedStr,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.Lambda,
)
_HOLDS = (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Starred, ast.Await, ast.IfExp)

Place = tuple[Source, int]


def with_static_sites(run: Run, case: Case) -> Case:
    """Return the case with the one line that can have made what its holder takes in; as it is without such a line."""
    finding = case.finding
    if finding.verdict == "no-leak" or finding.owner is None or not finding.bytes_per_iteration:
        return case
    inserted = [site for site in finding.sites if site.role == "insertion"]
    if len(inserted) != len(finding.sites) or len(inserted) != 1:
        return case
    source = read_source(inserted[0].file, changed_before=run.started)
    if source is None:
        return case
    places = {(at.path, line): at for at, line in _made(source, inserted[0].line)}
    if len(places) != 1:
        return case
    (((_, line), at),) = places.items()
    function = at.function_at(line)
    site = Site(
        at.path, line, function, None, None, "static", [Frame(at.path, line, function)], role="allocation",
        code=at.code(line),
    )  # fmt: skip
    evidence = [
        *finding.evidence,
        f"By its source, what it takes in is made at {PurePath(at.path).name}:{line}.",
    ]
    changed = dataclasses.replace(finding, sites=[*finding.sites, site], evidence=evidence)
    return dataclasses.replace(case, finding=changed)


def _made(source: Source, line: int) -> Iterator[Place]:
    """The lines that can have made what the statement on `line` inserts; none where it cannot be told."""
    for node in source.nodes:
        if getattr(node, "lineno", None) != line:
            continue
        for value in _inserted(node):
            yield from _of(source, value, [source], _DEEPEST)


def _inserted(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in INSERTING:
        return [*node.args, *(one.value for one in node.keywords)]
    if isinstance(node, ast.AugAssign):
        return [node.value]
    if isinstance(node, ast.Assign) and any(isinstance(target, ast.Subscript) for target in node.targets):
        return [node.value]
    return []


def _of(source: Source, value: ast.expr, sources: Sequence[Source], depth: int) -> Iterator[Place]:
    if depth == 0:
        return
    if isinstance(value, ast.Call):
        yield from _of_call(source, value, sources, depth)
    elif isinstance(value, _MAKES):
        yield source, value.lineno
    elif isinstance(value, _HOLDS):
        for each in ast.iter_child_nodes(value):
            if isinstance(each, ast.expr):
                yield from _of(source, each, sources, depth)
    elif isinstance(value, ast.Name):
        yield from _of_name(source, value, sources, depth)


def _of_call(source: Source, call: ast.Call, sources: Sequence[Source], depth: int) -> Iterator[Place]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    called = functions_named(sources, name)
    if not called and name in _NUMBERS:
        return
    if not called:
        yield source, call.lineno
    for there, function in called:
        for step in ast.walk(function):
            given = _given(function, step)
            if given is not None:
                yield from _of(there, given, sources, depth - 1)


def _given(function: Function, step: ast.AST) -> ast.expr | None:
    """What a step of a called function contributes: what it returns, or what an `__init__` sets."""
    if isinstance(step, ast.Return):
        return step.value
    sets = isinstance(step, ast.Assign) and any(isinstance(target, ast.Attribute) for target in step.targets)
    return step.value if sets and function.name == "__init__" else None  # type: ignore[attr-defined]


def _of_name(source: Source, name: ast.Name, sources: Sequence[Source], depth: int) -> Iterator[Place]:
    """The one assignment of the name in its function; a parameter or a loop variable comes from elsewhere."""
    function = source.function_of(name) or source.tree
    assigned = [
        step
        for step in ast.walk(function)
        if isinstance(step, (ast.Assign, ast.AnnAssign))
        and any(
            isinstance(part, ast.Name) and part.id == name.id
            for target in (step.targets if isinstance(step, ast.Assign) else [step.target])
            for part in ast.walk(target)
        )
    ]
    if len(assigned) == 1 and assigned[0].value is not None:
        yield from _of(source, assigned[0].value, sources, depth - 1)
