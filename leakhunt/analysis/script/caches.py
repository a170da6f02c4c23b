"""Caches on methods, which keep every instance that was ever asked."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from leakhunt.analysis.script.program import Program, argument, where
from leakhunt.analysis.source import Source
from leakhunt.findings.concerns import Concern

_NOT_OF_INSTANCES = frozenset({"staticmethod", "classmethod"})


def cached_methods(program: Program) -> Iterator[Concern]:
    """An unbounded `functools` cache on a method of a class that is instantiated more than once, for all one knows."""
    for source in program.sources:
        for node in source.nodes:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            owner = source.parents.get(node)
            if not isinstance(owner, ast.ClassDef) or not node.args.args or _of_class(owner):
                continue
            names = {one.id for one in node.decorator_list if isinstance(one, ast.Name)}
            decorator = next((one for one in node.decorator_list if _unbounded(program, source, one)), None)
            if decorator is None or names & _NOT_OF_INSTANCES:
                continue
            yield _concern(source, owner, node, decorator)


def _concern(
    source: Source, owner: ast.ClassDef, method: ast.FunctionDef | ast.AsyncFunctionDef, decorator: ast.AST
) -> Concern:
    alone = len(method.args.args) == 1 and not method.args.kwonlyargs
    written = source.text(decorator)
    if alone:
        after = f"@functools.cached_property  # after: kept by the instance, gone with it\ndef {method.name}(self):"
    else:
        given = ", ".join(one.arg for one in method.args.args[1:])
        after = (
            "def __init__(self, ...):  # after: a cache of its own, gone with the instance\n"
            f"    self.{method.name} = functools.lru_cache(maxsize=1024)(self._{method.name})\n"
            f"def _{method.name}(self, {given}):"
        )
    return Concern(
        "cached-method", "risky", "a cache on a method keeps every instance", f"@{written} {owner.name}.{method.name}",
        "keep the results in the instance",
        why=(
            f"The cache belongs to the class and has `self` in its keys: no {owner.name} that was ever asked is "
            "let go, and none of its results."
        ),
        code=f"@{written}  # before\ndef {method.name}(...):\n{after}",
        where=where(source, decorator),
    )  # fmt: skip


def _unbounded(program: Program, source: Source, decorator: ast.AST) -> bool:
    name = program.called(source, decorator).removesuffix("()")
    if name == "functools.cache":
        return True
    if name != "functools.lru_cache" or not isinstance(decorator, ast.Call):
        return False
    size = argument(decorator, 0, "maxsize")
    return isinstance(size, ast.Constant) and size.value is None


def _of_class(owner: ast.ClassDef) -> bool:
    """Tell whether instances of a class are few and live for ever anyway: enumerations, metaclasses."""
    bases = {ast.unparse(one).rpartition(".")[2] for one in owner.bases}
    return bool(bases & {"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "type", "ABCMeta", "EnumMeta"})
