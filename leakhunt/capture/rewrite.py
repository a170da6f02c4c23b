"""Compile a user's module so that each of its loops reports its turns, and nothing else differs.

`for x in ITER:` becomes `for x in (SITE.f(SITE.i(ITER)) if SITE.o else ITER):` where SITE is a *constant*
of the code object (a `LoopSite`), `SITE.o` says whether it is followed now, and `SITE.i` is the builtin
`iter`. So a loop that is not followed costs one test. No name is added to any namespace, a shadowed
`iter` does not matter, and `iter(ITER)` still runs in the user's frame. Positions are copied, so that
tracebacks keep their lines and carets. This module follows nothing itself.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Callable
from types import CodeType
from typing import Any

#: What a loop variable's place in the target looks like: None for one value, a list for an unpacking.
Shape = Any

#: Decorators (and wrappers) whose compilers read bytecode and do not know a `LoopSite` constant.
_BYTECODE_COMPILERS = frozenset(
    {"jit", "njit", "vectorize", "guvectorize", "stencil", "cfunc", "generated_jit", "autojit"}
)
_WHILE_COMPILING = "<leakhunt rewrites a module>"
#: Before 3.13 an object that is no iterable is an error of the whole statement or comprehension.
_ITER_FAILS_AT_ITERABLE = sys.version_info >= (3, 13)
_PLACEHOLDER = "\0leakhunt site %d\0"
#: An iterable is written twice unless it is longer than so many nodes, or has code objects of its own.
_LONGEST_TWICE = 40
_OWN_CODE = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

#: make_site(file, line, function, variables, loop_kind, shape) -> the constant for one loop
MakeSite = Callable[[str, int, str, "list[str]", str, Shape], Any]


def rewrite(
    source: bytes | str, filename: str, make_site: MakeSite, like: CodeType | None = None
) -> CodeType | None:
    """Return the code of `source` with its loops followed; None where that cannot be done.

    `like` is what Python itself compiled from the same source. The caller compiles that first, so that
    the user's own syntax errors and warnings appear once and as ever; ours are silent.
    """
    ours = ("ignore", None, Warning, re.compile(re.escape(_WHILE_COMPILING)), 0)
    filters: list[Any] = warnings.filters  # type: ignore[assignment]
    # Not catch_warnings: that would tell the module that filters changed, and warnings which were
    # already shown once would be shown again.
    filters.insert(0, ours)
    try:
        tree = ast.parse(source, _WHILE_COMPILING)
        plan = _Plan(filename, make_site, _names_given_to_compilers(tree))
        tree = plan.visit(tree)
        if not plan.sites:
            return like
        code = compile(tree, _WHILE_COMPILING, "exec", dont_inherit=True)
    except (SyntaxError, RecursionError, ValueError, MemoryError):
        return None
    finally:
        if ours in filters:
            filters.remove(ours)
    return _with_sites(code, filename, plan.sites)


def _with_sites(code: CodeType, filename: str, sites: dict[str, object]) -> CodeType:
    constants = []
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            constant = _with_sites(constant, filename, sites)
        elif type(constant) is str:
            constant = sites.get(constant, constant)
        constants.append(constant)
    return code.replace(co_consts=tuple(constants), co_filename=filename)


def _last_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _names_given_to_compilers(tree: ast.Module) -> frozenset[str]:
    """Return the functions that the module passes to `njit(f)` and the like."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _last_name(node) in _BYTECODE_COMPILERS:
            names.update(argument.id for argument in node.args if isinstance(argument, ast.Name))
    return frozenset(names)


def shape_of(target: ast.expr) -> tuple[list[str], Shape]:
    """Return the variables that a loop binds, flattened, and how they lie in the item."""
    if isinstance(target, (ast.Tuple, ast.List)):
        names: list[str] = []
        shape = []
        for element in target.elts:
            if isinstance(element, ast.Starred):
                names.append("*" + ast.unparse(element.value))
                shape.append("*")
                continue
            inner_names, inner = shape_of(element)
            names += inner_names
            shape.append(inner)
        return names, shape
    return [ast.unparse(target)], None


class _Plan(ast.NodeTransformer):
    """Rewrites the loops of one module and makes a site for each."""

    def __init__(self, filename: str, make_site: MakeSite, opaque: frozenset[str]) -> None:
        self.filename = filename
        self.make_site = make_site
        self.opaque = opaque
        self.sites: dict[str, object] = {}
        self.scope: list[str] = []
        self.on_line: dict[tuple[int, str], int] = {}
        #: The comprehension that the clause being visited belongs to.
        self.around: Any = None

    # ---- where a loop is ------------------------------------------------------------------
    def _function(self) -> str:
        scope = self.scope[:-1] if self.scope[-1:] == ["<locals>"] else self.scope
        return ".".join(scope) or "<module>"

    def _within(self, names: list[str], visit: Callable[[], None]) -> None:
        outer, self.scope = self.scope, [*self.scope, *names]
        visit()
        self.scope = outer

    def visit_FunctionDef(self, node: Any) -> Any:
        if node.name in self.opaque or any(_last_name(d) in _BYTECODE_COMPILERS for d in node.decorator_list):
            return node
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        node.args = self.visit(node.args)
        if node.returns is not None:
            node.returns = self.visit(node.returns)

        def body() -> None:
            node.body = [self.visit(statement) for statement in node.body]

        self._within([node.name, "<locals>"], body)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        node.bases = [self.visit(b) for b in node.bases]
        node.keywords = [self.visit(k) for k in node.keywords]

        def body() -> None:
            node.body = [self.visit(statement) for statement in node.body]

        self._within([node.name], body)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        node.args = self.visit(node.args)

        def body() -> None:
            node.body = self.visit(node.body)

        self._within(["<lambda>", "<locals>"], body)
        return node

    # ---- the loops ------------------------------------------------------------------------
    def visit_For(self, node: ast.For) -> Any:
        site = self._site(node.lineno, node.target, "for")
        self.generic_visit(node)
        node.iter = self._followed(site, node.iter, node)
        return node

    def _visit_around_clauses(self, node: Any) -> Any:
        outer, self.around = self.around, node
        self.generic_visit(node)
        self.around = outer
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_around_clauses

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        if node.is_async:
            return self.generic_visit(node)
        site = self._site(node.target.lineno, node.target, "comprehension")
        around = self.around
        self.generic_visit(node)
        node.iter = self._followed(site, node.iter, around)
        return node

    def visit_While(self, node: ast.While) -> Any:
        endless = isinstance(node.test, ast.Constant)
        if node.orelse or (endless and not node.test.value):  # type: ignore[attr-defined]
            return self.generic_visit(node)
        site = self._site(node.lineno, ast.Tuple([], ast.Store()), "while")
        self.generic_visit(node)
        place = node.test
        turns = _if_followed(
            site, _call(_attribute(site, "w", place), [], place), _attribute(site, "z", place), place
        )
        target = ast.copy_location(ast.Tuple([], ast.Store()), node.test)
        body = node.body
        if not endless:
            # No test of `SITE.o`: a trace function would see the line once more.
            over = ast.copy_location(ast.Expr(_call(_attribute(site, "e", place), [], place)), place)
            leave = ast.copy_location(ast.Break(), place)
            body = [ast.copy_location(ast.If(place, body, [over, leave]), place)]
        return ast.copy_location(ast.For(target=target, iter=turns, body=body, orelse=[]), node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> Any:
        """Put the loop into a one-turn loop that knows when it is over, and a tick into its body."""
        site = self._site(node.lineno, node.target, "async-for")
        self.generic_visit(node)
        place = node.target
        plain = (ast.Name, ast.Tuple, ast.List, ast.expr_context)
        item = [_loaded(place)] if all(isinstance(part, plain) for part in ast.walk(place)) else []
        tick = ast.copy_location(ast.Expr(_call(_attribute(site, "t", place), item, place)), place)
        done = ast.copy_location(ast.Expr(_call(_attribute(site, "e", place), [], place)), place)
        node.body = [tick, *node.body]
        node.orelse = [done, *node.orelse]
        once = _call(_attribute(site, "a", place), [], place)
        target = ast.copy_location(ast.Tuple([], ast.Store()), place)
        return ast.copy_location(ast.For(target=target, iter=once, body=[node], orelse=[]), node)

    def _site(self, line: int, target: ast.expr, loop_kind: str) -> ast.Constant:
        variables, shape = shape_of(target)
        placeholder = _PLACEHOLDER % len(self.sites)
        site = self.make_site(self.filename, line, self._function(), variables, loop_kind, shape)
        same = self.on_line[line, self._function()] = self.on_line.get((line, self._function()), 0) + 1
        if same > 1:
            # a loop and the comprehension it goes over often share a line
            site.id = f"{site.id}:{same}"
        self.sites[placeholder] = site
        return ast.Constant(placeholder)

    def _followed(self, site: ast.Constant, iterable: ast.expr, around: Any) -> ast.expr:
        """Return `SITE.f(SITE.i(ITER)) if SITE.o else ITER` placed where Python says that `iter` failed."""
        place = iterable if _ITER_FAILS_AT_ITERABLE else around
        folded = _as_python_folds(iterable)
        inner = _call(_attribute(site, "i", place), [folded], place)
        followed = _call(_attribute(site, "f", place), [inner], place)
        return _if_followed(site, followed, folded, iterable) if _may_stand_twice(folded) else followed


def _may_stand_twice(expression: ast.expr) -> bool:
    nodes = list(ast.walk(expression))
    return len(nodes) <= _LONGEST_TWICE and not any(isinstance(node, _OWN_CODE) for node in nodes)


def _if_followed(site: ast.Constant, then: ast.expr, otherwise: ast.expr, place: ast.expr) -> ast.expr:
    return ast.copy_location(ast.IfExp(_attribute(site, "o", place), then, otherwise), place)


def _as_python_folds(iterable: ast.expr) -> ast.expr:
    """Return what CPython itself iterates for a literal: a tuple for a list, a frozenset for a set."""
    if isinstance(iterable, ast.List) and not any(isinstance(e, ast.Starred) for e in iterable.elts):
        return ast.copy_location(ast.Tuple(iterable.elts, ast.Load()), iterable)
    if isinstance(iterable, ast.Set) and all(isinstance(e, ast.Constant) for e in iterable.elts):
        values: Any = frozenset(e.value for e in iterable.elts)  # type: ignore[attr-defined]
        return ast.copy_location(ast.Constant(values), iterable)
    return iterable


def _attribute(site: ast.Constant, name: str, place: ast.expr) -> ast.expr:
    """Return `SITE.name` with no width: a call through a wide attribute would move the line of errors."""
    spot: dict[str, Any] = {
        "lineno": place.lineno,
        "col_offset": place.col_offset,
        "end_lineno": place.lineno,
        "end_col_offset": place.col_offset,
    }
    constant = ast.Constant(site.value, **spot)
    return ast.Attribute(constant, name, ast.Load(), **spot)


def _call(function: ast.expr, arguments: list[ast.expr], place: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Call(function, arguments, []), place)


def _loaded(target: ast.expr) -> ast.expr:
    """Return an expression that reads what `target` binds."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return ast.copy_location(ast.Tuple([_loaded(e) for e in target.elts], ast.Load()), target)
    return ast.copy_location(ast.Name(target.id, ast.Load()), target)  # type: ignore[attr-defined]
