"""The line that closes a reference cycle, told from the source: `self.parent = self`, `child.parent = self`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from leakhunt.analysis.fillers import Filler, called_name
from leakhunt.analysis.repeated import Function, Repeated
from leakhunt.analysis.source import INSERTING, Source


def closing_lines(sources: Sequence[Source], type_name: str, repeated: Repeated | None) -> list[Filler]:
    """Return the lines in every turn that close a cycle in a function that makes the type or is a method of it."""
    wanted = type_name.rpartition(".")[2]
    found = []
    for source in sources:
        for node in source.nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _concerns(source, node, wanted):
                found += [Filler(source, line) for line in _closing(source, node)]
    return [one for one in found if repeated is None or repeated.runs(one.source, one.node)]


def _concerns(source: Source, function: Function, wanted: str) -> bool:
    above = source.parents.get(function)
    if isinstance(above, ast.ClassDef) and above.name == wanted:
        return True
    return any(isinstance(node, ast.Call) and called_name(node) == wanted for node in ast.walk(function))


def _closing(source: Source, function: Function) -> Iterator[ast.AST]:
    """Of the references from one name's object to another's, in order, those that lead back to where they start."""
    above = source.parents.get(function)
    methods = (
        {one.name for one in above.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}
        if isinstance(above, ast.ClassDef)
        else set()
    )
    leads: dict[str, set[str]] = {}
    for node in sorted(_statements(function), key=lambda node: node.lineno):
        for holder, held in _references(node, methods):
            if holder == held or _reaches(leads, held, holder):
                yield node
            leads.setdefault(holder, set()).add(held)


def _statements(function: Function) -> list[ast.Assign | ast.Call]:
    return [node for node in ast.walk(function) if isinstance(node, (ast.Assign, ast.Call))]


def _references(node: ast.Assign | ast.Call, methods: set[str]) -> Iterator[tuple[str, str]]:
    """Pairs of names: the object of the first comes to hold that of the second."""
    if isinstance(node, ast.Assign):
        holders: list[ast.expr] = [
            one for one in node.targets if isinstance(one, (ast.Attribute, ast.Subscript))
        ]
        values = [node.value]
    elif isinstance(node.func, ast.Attribute) and node.func.attr in INSERTING:
        holders, values = [node.func.value], node.args[-1:]
    else:
        return
    for holder in filter(None, map(_base, holders)):
        for value in values:
            for held in _held(value, methods):
                yield holder, held


def _held(value: ast.expr, methods: set[str]) -> Iterator[str]:
    if isinstance(value, ast.Name):
        yield value.id
    elif isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.attr in methods:
        yield value.value.id  # a bound method holds its object
    elif isinstance(value, ast.Lambda):
        own = {one.arg for one in value.args.args}
        yield from {one.id for one in ast.walk(value.body) if isinstance(one, ast.Name) and one.id not in own}


def _base(node: ast.expr) -> str | None:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _reaches(leads: dict[str, set[str]], start: str, goal: str) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        for name in leads.get(waiting.pop(), set()) - seen:
            if name == goal:
                return True
            seen.add(name)
            waiting.append(name)
    return False
