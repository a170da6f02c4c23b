"""Where a variable of the user's source is used, what is given to it, and which texts it can stand for.

Follows Python's scopes by name; reads source only. What cannot be told is None.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from leakhunt.analysis.source import Source

Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def uses_of_name(source: Source, function: Function | None, name: str) -> Iterator[ast.Name]:
    """Every occurrence of a variable in its scope; functions inside that have their own of that name are left out."""
    waiting: list[ast.AST] = list(function.body if function is not None else source.tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and node.id == name:
            yield node
        if isinstance(node, _FUNCTIONS) and has_its_own(node, name):
            continue
        waiting += ast.iter_child_nodes(node)


def has_its_own(function: ast.AST, name: str) -> bool:
    arguments = getattr(function, "args", None)
    if isinstance(arguments, ast.arguments):
        given = [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ]
        if any(one is not None and one.arg == name for one in given):
            return True
    if isinstance(function, ast.Lambda) or name in declared_global(function):
        return False
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        for node in ast.walk(function)
    )


def declared_global(function: ast.AST) -> set[str]:
    return {
        name
        for node in ast.walk(function)
        if isinstance(node, (ast.Global, ast.Nonlocal))
        for name in node.names
    }


def values_given(
    source: Source, function: Function | None, name: str
) -> list[tuple[ast.Name, ast.AST | None]]:
    """Every place that gives a variable a value, with the value; None where that is no plain assignment."""
    given: list[tuple[ast.Name, ast.AST | None]] = []
    for node in uses_of_name(source, function, name):
        if isinstance(node.ctx, ast.Store):
            holder = source.parents.get(node)
            plain = isinstance(holder, (ast.Assign, ast.AnnAssign, ast.NamedExpr))
            if not (isinstance(holder, ast.AnnAssign) and holder.value is None):
                given.append((node, getattr(holder, "value", None) if plain else None))
    return given


def texts_of(source: Source, node: ast.AST) -> set[str] | None:
    """Return the texts that an expression stands for: constants, lists of them, names given nothing else."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else None
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        parts = [texts_of(source, one) for one in node.elts]
        return None if not parts or None in parts else set().union(*(part for part in parts if part))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = texts_of(source, node.left), texts_of(source, node.right)
        lists = all(not isinstance(side, ast.Constant) for side in (node.left, node.right))
        return left | right if left is not None and right is not None and lists else None
    if not isinstance(node, ast.Name):
        return None
    function = source.function_of(node)
    for scope in (function, None) if function is not None else (None,):
        stores = [one for one in uses_of_name(source, scope, node.id) if isinstance(one.ctx, ast.Store)]
        if stores:
            return _texts_given(source, stores)
        if scope is not None and has_its_own(scope, node.id):
            return None  # an argument: any text
    return None


def _texts_given(source: Source, stores: list[ast.Name]) -> set[str] | None:
    found: set[str] = set()
    for store in stores:
        holder = source.parents.get(store)
        value = None
        if isinstance(holder, ast.Assign) and store in holder.targets:
            value = holder.value
        elif isinstance(holder, (ast.For, ast.comprehension)) and holder.target is store:
            value = holder.iter
        constant = isinstance(value, (ast.Constant, ast.List, ast.Tuple, ast.Name))
        texts = texts_of(source, value) if value is not None and constant and value is not store else None
        if texts is None:
            return None
        found |= texts
    return found


def in_class_body(source: Source, node: ast.AST) -> bool:
    """Tell whether `node` stands in a class, outside its methods."""
    step = source.parents.get(node)
    while step is not None and not isinstance(step, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        if isinstance(step, ast.ClassDef):
            return True
        step = source.parents.get(step)
    return False
