"""Collections that are filled in every turn, and of which only the end is ever read.

Every use must be known: in the class, of each variable that an instance is given to, and in the project's
functions that it is handed to. One that is not known ends it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from leakhunt.analysis.script.program import LOOPS, Function, Program, base, where
from leakhunt.analysis.source import Source
from leakhunt.analysis.variables import uses_of_name
from leakhunt.findings.concerns import Concern

_FILLING = frozenset({"append", "extend", "insert"})
#: Functions of libraries that call what they are given again and again.
_CALLING = frozenset({"optimize", "minimize", "map", "starmap", "imap", "imap_unordered"})
_LOOKING = frozenset({"len", "print", "id", "type", "bool"})
_DEEPEST = 3


class _Unknown(Exception):
    """It is used in a way that may read all of it, or empty it."""


@dataclass
class _Uses:
    """What fills the collection, and what reads its end."""

    filling: tuple[Source, ast.Call] | None = None
    tail: tuple[Source, ast.Subscript] | None = None
    _seen: set[tuple[str, int, str]] = field(default_factory=set)

    def first_time(self, source: Source, function: Function | None, name: str) -> bool:
        key = (source.path, id(function), name)
        new = key not in self._seen
        self._seen.add(key)
        return new


def only_the_tail_is_read(program: Program) -> Iterator[Concern]:
    """A subclass of list, or a list of an instance, is filled by a method; all else reads its last items."""
    for source in program.sources:
        for owner in source.nodes:
            if not isinstance(owner, ast.ClassDef):
                continue
            if any(isinstance(one, ast.Name) and one.id == "list" for one in owner.bases):
                yield from _concern(program, source, owner, "self")
            for name in sorted(_lists_of(owner)):
                yield from _concern(program, source, owner, name)


def _concern(program: Program, source: Source, owner: ast.ClassDef, name: str) -> Iterator[Concern]:
    uses = _Uses()
    try:
        _in_class(source, owner, name, uses)
        if uses.filling is None or not _in_turns(program, uses.filling[1]):
            return
        if name == "self":
            _of_instances(program, owner, uses)
        else:
            _refuse_outside(program, owner, name.partition(".")[2])
    except _Unknown:
        return
    if uses.tail is None:
        return
    filling, (read_in, tail) = uses.filling[1], uses.tail
    if all(_is_scalar(one) for one in filling.args):
        return
    line = source.bare(filling.lineno)
    yield Concern(
        # an attribute may go with its instance into a file, or be looked at by a name that is computed
        "tail-only", "unsafe" if name == "self" else "risky",
        f"{owner.name if name == 'self' else name} is filled in every turn and never emptied",
        f"only [{ast.unparse(tail.slice)}] is read", "empty it before it is filled",
        why=(
            f"{base(source)}:{filling.lineno} adds in every turn and nothing takes out; {base(read_in)}:{tail.lineno} "
            "reads the end alone. What lies before it is never looked at again."
        ),
        code=f"{line}  # before\n{name}.clear()  # after\n{line}",
        where=where(source, filling),
    )  # fmt: skip


def _lists_of(owner: ast.ClassDef) -> set[str]:
    """Attributes that are made as empty lists ("self.items")."""
    return {
        ast.unparse(target)
        for node in ast.walk(owner)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and _empty_list(node.value)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    }


def _in_class(source: Source, owner: ast.ClassDef, name: str, uses: _Uses) -> None:
    """Note how the methods of the class use the collection. Raises _Unknown."""
    for use in ast.walk(owner):
        if not isinstance(use, ast.expr) or ast.unparse(use) != name:
            continue
        holder = source.parents.get(use)
        if isinstance(holder, ast.Attribute):
            call = source.parents.get(holder)
            called = isinstance(call, ast.Call) and call.func is holder
            if holder.attr in _FILLING and isinstance(call, ast.Call) and called:
                uses.filling = source, call
            elif hasattr(list, holder.attr) or name != "self":
                raise _Unknown
        elif isinstance(holder, (ast.Assign, ast.AnnAssign)) and _empty_list(holder.value):
            function = source.function_of(use)
            if function is None or function.name != "__init__":
                raise _Unknown  # begun again
        elif not isinstance(holder, ast.arguments):
            _read(source, use, uses)


def _of_instances(program: Program, owner: ast.ClassDef, uses: _Uses) -> None:
    """Note how every variable is used that an instance is given to. Raises _Unknown."""
    for source in program.sources:
        for node in source.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == owner.name:
                target = _given_to(source, node)
                _variable(program, source, source.function_of(node), target, uses, _DEEPEST)


def _given_to(source: Source, made: ast.Call) -> str:
    """Return the variable that a new instance is given to. Raises _Unknown."""
    holder, value = source.parents.get(made), made
    targets: list[ast.expr] = []
    if isinstance(holder, ast.Tuple) and isinstance(outer := source.parents.get(holder), ast.Assign):
        at = holder.elts.index(value)
        for one in outer.targets:
            if not isinstance(one, ast.Tuple) or len(one.elts) != len(holder.elts):
                raise _Unknown
            targets.append(one.elts[at])
    elif isinstance(holder, ast.Assign):
        targets = holder.targets
    if len(targets) != 1 or not isinstance(targets[0], ast.Name):
        raise _Unknown
    return targets[0].id


def _variable(
    program: Program, source: Source, function: Function | None, name: str, uses: _Uses, depth: int
) -> None:
    if depth == 0:
        raise _Unknown
    if not uses.first_time(source, function, name):
        return
    for use in uses_of_name(source, function, name):
        if not isinstance(use.ctx, ast.Load):
            continue
        holder = source.parents.get(use)
        if isinstance(holder, ast.Attribute):
            if hasattr(list, holder.attr):
                raise _Unknown
        elif isinstance(holder, ast.Call) and use in holder.args and program.callees(holder):
            for at, callee in program.callees(holder):
                arguments = [one.arg for one in (*callee.args.posonlyargs, *callee.args.args)]
                position = holder.args.index(use) + (arguments[:1] == ["self"])
                if position >= len(arguments):
                    raise _Unknown
                _variable(program, at, callee, arguments[position], uses, depth - 1)
        else:
            _read(source, use, uses)


def _read(source: Source, use: ast.expr, uses: _Uses) -> None:
    """Note that its end is read, or looked at in a way that needs no items. Raises _Unknown for all else."""
    holder = source.parents.get(use)
    if isinstance(holder, ast.Subscript) and holder.value is use and isinstance(holder.ctx, ast.Load):
        if _is_tail(holder.slice):
            uses.tail = source, holder
            return
    elif isinstance(holder, ast.Call) and isinstance(holder.func, ast.Name) and holder.func.id in _LOOKING:
        return
    raise _Unknown


def _refuse_outside(program: Program, owner: ast.ClassDef, attribute: str) -> None:
    """An attribute of that name that is used outside of the class may be this one. Raises _Unknown."""
    inside = set(ast.walk(owner))
    for source in program.sources:
        for node in source.nodes:
            if isinstance(node, ast.Attribute) and node.attr == attribute and node not in inside:
                raise _Unknown


def _is_tail(part: ast.AST) -> bool:
    """Tell whether a subscript is [-1], [-4:] or the like."""
    if isinstance(part, ast.Slice):
        return part.upper is None and part.lower is not None and _is_tail(part.lower)
    return (
        isinstance(part, ast.UnaryOp)
        and isinstance(part.op, ast.USub)
        and isinstance(part.operand, ast.Constant)
    )


def _is_scalar(value: ast.AST) -> bool:
    """Tell whether an expression is a number or a text for sure: a list of these takes long to grow large."""
    if isinstance(value, ast.Call):
        name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return name in ("float", "int", "len", "round", "str", "item", "time", "perf_counter")
    return isinstance(value, (ast.Constant, ast.JoinedStr, ast.Compare))


def _empty_list(value: ast.AST | None) -> bool:
    return value is not None and ast.unparse(value) in ("[]", "list()")


def _in_turns(program: Program, filling: ast.Call) -> bool:
    """Tell whether the method that fills is called in a loop of the project, or by what calls it again and again."""
    filler = next(
        (one for found in program.methods.values() for at, one in found if at.function_of(filling) is one),
        None,
    )
    if filler is None:
        return False
    for source, call in program.calls():
        if not any(one is filler for _, one in program.callees(call)):
            continue
        if source.around(call, *LOOPS):
            return True
        function = source.function_of(call)
        if function is not None and (
            _is_handed_over(program, function) or _called_in_loop(program, function)
        ):
            return True
    return False


def _called_in_loop(program: Program, function: Function) -> bool:
    return any(
        any(one is function for _, one in program.callees(call)) and source.around(call, *LOOPS)
        for source, call in program.calls()
    )


def _is_handed_over(program: Program, function: Function) -> bool:
    """Tell whether a function is given to one that calls it again and again: `study.optimize(objective)`."""
    for _, call in program.calls():
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        given = [*call.args, *(one.value for one in call.keywords)]
        if name in _CALLING and any(
            isinstance(node, ast.Name) and node.id == function.name for one in given for node in ast.walk(one)
        ):
            return True
    return False
