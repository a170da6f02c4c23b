"""Which parts of the user's source run again in every turn of a loop, as far as names can tell."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from leakhunt.analysis.source import Source

Function = ast.FunctionDef | ast.AsyncFunctionDef
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


@dataclass(frozen=True)
class Repeated:
    """The body of the loop, and every function whose name is used in it or in one of those functions."""

    body: frozenset[ast.AST] = frozenset()
    names: frozenset[str] = field(default_factory=frozenset)

    def runs(self, source: Source, node: ast.AST) -> bool:
        """Tell whether `node` runs in every turn: it stands in the body or in a function that the body uses."""
        step: ast.AST | None = node
        while step is not None:
            if step in self.body:
                return True
            if isinstance(step, (ast.FunctionDef, ast.AsyncFunctionDef)):
                return step.name in self.names
            step = source.parents.get(step)
        return False


def repeated_in(sources: Sequence[Source], file: str, line: int) -> Repeated | None:
    """Return what the loop on `line` of `file` repeats; None when the loop is not in the sources."""
    loop = next((source.loop_at(line) for source in sources if source.path == file), None)
    if loop is None:
        return None
    defined = _definitions(sources)
    names: set[str] = set()
    waiting = [name for step in loop.body for name in _names(step)]
    while waiting:
        name = waiting.pop()
        if name in names:
            continue
        names.add(name)
        for found in defined.get(name, ()):
            if isinstance(found, ast.ClassDef):
                # Making an instance and working with it runs what nobody names.
                waiting += [one.name for one in _methods(found) if one.name.startswith("__")]
            waiting += [used for step in found.body for used in _names(step)]
    return Repeated(frozenset(loop.body), frozenset(names))


def functions_named(sources: Sequence[Source], name: str) -> list[tuple[Source, Function]]:
    """Return the functions and methods of that name; of a class, what makes its instances."""
    found: list[tuple[Source, Function]] = []
    for source in sources:
        for node in source.defined.get(name, ()):
            if isinstance(node, ast.ClassDef):
                found += [(source, one) for one in _methods(node) if one.name == "__init__"]
            else:
                found.append((source, node))
    return found


def _definitions(sources: Sequence[Source]) -> dict[str, list[Function | ast.ClassDef]]:
    found: dict[str, list[Function | ast.ClassDef]] = {}
    for source in sources:
        for name, nodes in source.defined.items():
            found.setdefault(name, []).extend(nodes)
    return found


def _methods(node: ast.ClassDef) -> list[Function]:
    return [step for step in node.body if isinstance(step, (ast.FunctionDef, ast.AsyncFunctionDef))]


def _names(node: ast.AST) -> Iterator[str]:
    """Every name used below `node`, but not inside functions that are only defined there."""
    waiting = [node]
    while waiting:
        step = waiting.pop()
        if isinstance(step, ast.Name):
            yield step.id
        elif isinstance(step, ast.Attribute):
            yield step.attr
        if not isinstance(step, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting += ast.iter_child_nodes(step)
