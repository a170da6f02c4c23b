"""A script and what it imports from its own project, as the rules about scripts look at it.

Resolves imported names to what they are called at home, and says what code a piece of code runs. Reads
source only; what cannot be told is left out, so that rules stay silent.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from leakhunt.analysis.columns import imported_sources
from leakhunt.analysis.source import Source, read_source
from leakhunt.errors import LeakhuntError
from leakhunt.findings.diagnosis import Where

Function = ast.FunctionDef | ast.AsyncFunctionDef
Loop = ast.For | ast.AsyncFor | ast.While
LOOPS = (ast.For, ast.AsyncFor, ast.While)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
#: Methods of built-in types: a project's own method of that name is not meant.
_BUILT_IN = frozenset(name for kind in (list, dict, set, str, bytes, tuple) for name in dir(kind))


@dataclass
class Program:
    """The script, and every file of the project that it imports, the script first."""

    script: Source
    sources: list[Source]
    #: Whether every file of the project could be read: else a name may be used where nobody looked.
    complete: bool
    _names: dict[str, dict[str, str]] = field(default_factory=dict)
    _bound: dict[str, dict[tuple[ast.AST | None, str], list[ast.AST]]] = field(default_factory=dict)

    @cached_property
    def functions(self) -> dict[str, list[tuple[Source, Function]]]:
        """Functions at module level by name."""
        return self._defined(method=False)

    @cached_property
    def methods(self) -> dict[str, list[tuple[Source, Function]]]:
        """Methods by name, and under the name of its class what makes an instance."""
        found = self._defined(method=True)
        for source in self.sources:
            for node in source.nodes:
                if isinstance(node, ast.ClassDef):
                    inits = [
                        one for one in node.body if isinstance(one, _FUNCTIONS) and one.name == "__init__"
                    ]
                    found.setdefault(node.name, []).extend((source, one) for one in inits)
        return found

    def _defined(self, *, method: bool) -> dict[str, list[tuple[Source, Function]]]:
        found: dict[str, list[tuple[Source, Function]]] = {}
        for source in self.sources:
            for node in source.nodes:
                if (
                    isinstance(node, _FUNCTIONS)
                    and isinstance(source.parents.get(node), ast.ClassDef) == method
                ):
                    found.setdefault(node.name, []).append((source, node))
        return found

    def imported(self, source: Source) -> dict[str, str]:
        """Return what each imported name of a file is called at home: np -> numpy, Pool -> multiprocessing.Pool."""
        if source.path not in self._names:
            self._names[source.path] = dict(_imports(source))
        return self._names[source.path]

    def called(self, source: Source, node: ast.AST, depth: int = 4) -> str:
        """Return the dotted name of an expression, `()` for what a call gives: "multiprocessing.get_context().Pool".

        Empty when it is none, or is not known.
        """
        if depth == 0:
            return ""
        if isinstance(node, ast.Call):
            inner = self.called(source, node.func, depth)
            return f"{inner}()" if inner else ""
        if isinstance(node, ast.Attribute):
            inner = self.called(source, node.value, depth)
            return f"{inner}.{node.attr}" if inner else ""
        if not isinstance(node, ast.Name):
            return ""
        known = self.imported(source).get(node.id)
        if known is not None:
            return known
        values = self.bound(source, node)
        if len(values) == 1 and isinstance(values[0], (ast.Call, ast.Attribute, ast.Name)):
            return self.called(source, values[0], depth - 1)
        return "" if values else node.id

    def bound(self, source: Source, name: ast.Name) -> list[ast.AST]:
        """Return what a name is bound to by assignment or `with ... as`, in the innermost scope that binds it."""
        bindings = self._bindings(source)
        scope: ast.AST | None = source.function_of(name)
        while scope is not None:
            if found := bindings.get((scope, name.id)):
                return found
            scope = source.function_of(scope)
        return bindings.get((None, name.id), [])

    def _bindings(self, source: Source) -> dict[tuple[ast.AST | None, str], list[ast.AST]]:
        if source.path not in self._bound:
            found: dict[tuple[ast.AST | None, str], list[ast.AST]] = {}
            for node in source.nodes:
                for target, value in _targets(node):
                    if isinstance(target, ast.Name):
                        found.setdefault((source.function_of(node), target.id), []).append(value)
            self._bound[source.path] = found
        return self._bound[source.path]

    def runs(self, source: Source, statements: Iterable[ast.AST]) -> Iterator[tuple[Source, ast.AST]]:
        """Every node that these statements run, in them and in the project's functions that they call."""
        seen: set[ast.AST] = set()
        waiting: list[tuple[Source, ast.AST]] = [(source, one) for one in statements]
        while waiting:
            at, node = waiting.pop()
            yield at, node
            if isinstance(node, ast.Call):
                for where, function in self.callees(node):
                    if function not in seen:
                        seen.add(function)
                        waiting += [(where, one) for one in function.body]
            if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):  # only defined there
                waiting += [(at, inner) for inner in ast.iter_child_nodes(node)]

    def callees(self, call: ast.Call) -> list[tuple[Source, Function]]:
        """Return the project's functions that a call may run, as far as names tell."""
        if isinstance(call.func, ast.Name):
            return self.functions.get(call.func.id) or self.methods.get(call.func.id, [])
        if isinstance(call.func, ast.Attribute) and call.func.attr not in _BUILT_IN:
            name = call.func.attr
            return self.methods.get(name) or self.functions.get(name, [])
        return []

    def calls(self) -> Iterator[tuple[Source, ast.Call]]:
        """Every call in every file."""
        for source in self.sources:
            for node in source.nodes:
                if isinstance(node, ast.Call):
                    yield source, node


def read_program(path: Path) -> Program:
    """Return the script at `path` with what it imports. Raises LeakhuntError when it cannot be read."""
    if path.is_dir():
        raise LeakhuntError(f"{path} is a directory: name a script in it", slug="target-directory")
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise LeakhuntError(f"no such script: {path}", slug="target-missing") from error
    except OSError as error:
        raise LeakhuntError(f"cannot read {path}: {error.strerror}", slug="target-unreadable") from error
    script = read_source(os.path.abspath(path))
    if script is None or not script.parses:
        raise LeakhuntError(f"{path} {_why_not_parsed(text)}", slug="target-not-python")
    sources = imported_sources([script], os.path.dirname(script.path))
    return Program(script, sources or [script], complete=sources is not None)


def _why_not_parsed(text: bytes) -> str:
    try:
        ast.parse(text)
    except SyntaxError as error:
        return f"is not Python: {error.msg} (line {error.lineno})"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"is not Python: {error}"
    return "cannot be read: it is too large"


def where(source: Source, node: ast.AST) -> Where:
    """Return the place of a node."""
    return Where(source.path, int(getattr(node, "lineno", 1)))


def base(source: Source) -> str:
    """Return the name of a file without its folders."""
    return os.path.basename(source.path)


def argument(call: ast.Call, position: int, *names: str) -> ast.AST | None:
    """Return an argument of a call by its names or its position."""
    for keyword in call.keywords:
        if keyword.arg in names:
            return keyword.value
    return call.args[position] if position < len(call.args) else None


def names_in(node: ast.AST) -> set[str]:
    """Return the variables that are named below a node."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _targets(node: ast.AST) -> Iterator[tuple[ast.AST | None, ast.AST]]:
    """What a statement binds, with the value that is bound."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield target, node.value
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.withitem):
        yield node.optional_vars, node.context_expr


def _imports(source: Source) -> Iterator[tuple[str, str]]:
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for one in node.names:
                yield (one.asname, one.name) if one.asname else (one.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for one in node.names:
                yield one.asname or one.name, f"{node.module}.{one.name}"
