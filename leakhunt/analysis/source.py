"""Static facts about the user's source: where a name is filled, emptied, bounded, saved.

The file is read as data and parsed, never imported. Decides nothing about memory.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from leakhunt.analysis.source_file import Source as Source
from leakhunt.analysis.source_file import read_source as read_source

# fmt: off
INSERTING = frozenset({
    "append", "appendleft", "extend", "extendleft", "insert", "add", "update", "setdefault", "put", "put_nowait",
    "addHandler", "register", "connect", "subscribe", "add_done_callback", "write",
})
# fmt: on
_RANDOM = frozenset({"randrange", "randint", "choice", "choices", "integers"})
REMOVING = frozenset({"pop", "popleft", "popitem", "clear", "remove", "discard", "get_nowait", "move_to_end"})


@dataclass(frozen=True, slots=True)
class Insert:
    """A place that adds to the owner: `value` is the text of what is added, `how` the method or operator."""

    line: int
    how: str
    value: str
    node: ast.AST
    in_loop: bool
    function: str


@dataclass(frozen=True, slots=True)
class Usage:
    """How the user's code treats one name. Line numbers are those of `source`."""

    source: Source
    name: str
    inserts: list[Insert]
    conditional_removals: list[int]
    removals: list[int]
    limits: list[tuple[int, int | None]]
    guards: list[int]
    finite_keys: list[int]
    uses_after: list[ast.Call]


def refers_to(node: ast.AST, name: str) -> bool:
    """Tell whether `node` is the name, an attribute of that name, or an item of either."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return (isinstance(node, ast.Name) and node.id == name) or (
        isinstance(node, ast.Attribute) and node.attr == name
    )


def usage_by_class(source: Source, class_name: str) -> Usage | None:
    """Return how the methods of a class of the user's treat `self`; None when it is not defined here."""
    if not source.mentions(class_name):
        return None
    classes = [node for node in source.defined.get(class_name, ()) if isinstance(node, ast.ClassDef)]
    return usage(source, "self", top=classes[0]) if classes else None


def usage(source: Source, name: str, *, function: str | None = None, top: ast.AST | None = None) -> Usage:
    """Return how `name` is used in `source`; only inside `function` (its last name part) when given."""
    if not source.mentions(name):
        return Usage(source, name, [], [], [], [], [], [], [])
    top = top if top is not None else source.tree
    if function:
        wanted = function.rpartition(".")[2].removesuffix("()")
        functions = (node for node in source.defined.get(wanted, ()) if not isinstance(node, ast.ClassDef))
        top = next(functions, top)
    nodes = source.nodes if top is source.tree else list(ast.walk(top))
    inserts = [found for node in nodes for found in _inserts(source, node, name)]
    inserting = {source.function_of(found.node) for found in inserts}
    removing = [node for node in nodes if _removes(source, node, name)]
    near = [node for node in removing if source.function_of(node) in inserting]
    return Usage(
        source,
        name,
        sorted(inserts, key=lambda found: found.line),
        conditional_removals=sorted({_line(node) for node in near if source.around(node, ast.If)}),
        removals=sorted({_line(node) for node in removing}),
        limits=[
            (_line(node), limit)
            for node in nodes
            if isinstance(node, ast.Compare) and source.function_of(node) in inserting
            for limit in _length_limits(source, node, name, inserts)
        ],
        guards=sorted({_line(node) for node in nodes if _is_guard(node, name)}),
        finite_keys=sorted({_line(found.node) for found in inserts if _has_finite_key(source, found)}),
        uses_after=_uses_after(source, nodes, name, inserts),
    )


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


def _inserts(source: Source, node: ast.AST, name: str) -> list[Insert]:
    how, value = "", None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in INSERTING:
        if refers_to(node.func.value, name):
            how, value = node.func.attr, (node.args[-1] if node.args else node)
    elif isinstance(node, ast.AugAssign) and refers_to(node.target, name):
        how, value = "+=", node.value
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Subscript) and refers_to(target, name):
                how, value = "[]=", node.value
            elif (
                refers_to(target, name)
                and _mentions(node.value, name)
                and not isinstance(node.value, (ast.Subscript, ast.Name))
            ):
                how, value = "rebind", node.value
    if not how or value is None:
        return []
    function = source.function_of(node)
    in_loop = bool(source.around(node, ast.For, ast.AsyncFor, ast.While))
    return [
        Insert(_line(node), how, source.text(value), node, in_loop, function.name if function else "<module>")
    ]


def _mentions(node: ast.AST, name: str) -> bool:
    return any(refers_to(inner, name) for inner in ast.walk(node))


def _removes(source: Source, node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in REMOVING:
        return refers_to(node.func.value, name)
    if isinstance(node, ast.Delete):
        return any(isinstance(target, ast.Subscript) and refers_to(target, name) for target in node.targets)
    if isinstance(node, ast.Assign) and any(refers_to(target, name) for target in node.targets):
        starts_over = isinstance(node.value, (ast.List, ast.Dict, ast.Set, ast.Tuple, ast.Call)) or (
            isinstance(node.value, ast.Subscript) and refers_to(node.value, name)
        )
        if any(
            isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice)
            for target in node.targets
        ):
            return True
        is_item = any(isinstance(target, ast.Subscript) for target in node.targets)
        return (
            starts_over
            and not is_item
            and not (isinstance(node.value, ast.Call) and _mentions(node.value, name))
            and bool(source.around(node, ast.For, ast.AsyncFor, ast.While, ast.If))
        )
    return False


def _length_limits(source: Source, node: ast.AST, name: str, inserts: list[Insert]) -> list[int | None]:
    """The limit that an `if len(name) < limit` sets, when it decides whether items are added or removed."""
    if not isinstance(node, ast.Compare) or len(node.comparators) != 1:
        return []
    if not isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq)):
        return []
    branch = next(iter(source.around(node, ast.If, ast.While)), None)
    if not isinstance(branch, (ast.If, ast.While)) or not _decides(source, branch, name, inserts):
        return []
    sides = [node.left, node.comparators[0]]
    for position, side in enumerate(sides):
        if not isinstance(side, ast.Call) or not isinstance(side.func, ast.Name) or side.func.id != "len":
            continue
        if side.args and refers_to(side.args[0], name):
            return [constant(source, sides[1 - position])]
    return []


def _decides(source: Source, branch: ast.If | ast.While, name: str, inserts: list[Insert]) -> bool:
    adding = {id(found.node) for found in inserts}
    inside = [inner for step in branch.body for inner in ast.walk(step)]
    leaves = isinstance(branch.body[-1], (ast.Return, ast.Continue, ast.Break, ast.Raise))
    return leaves or any(id(inner) in adding or _removes(source, inner, name) for inner in inside)


def constant(source: Source, node: ast.AST) -> int | None:
    """Return the whole number that `node` is, following one assignment of a constant name."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    wanted = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
    if wanted is None:
        return None
    values = [
        step.value
        for step in source.nodes
        if isinstance(step, ast.Assign) and any(refers_to(target, wanted) for target in step.targets)
    ]
    if len(values) == 1 and isinstance(values[0], ast.Constant) and type(values[0].value) is int:
        return values[0].value
    return None


def _is_guard(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Compare) and any(isinstance(sign, (ast.In, ast.NotIn)) for sign in node.ops):
        return refers_to(node.comparators[-1], name)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "get"
        and refers_to(node.func.value, name)
    )


def _has_finite_key(source: Source, found: Insert) -> bool:
    """Tell whether the key of a store is computed in a way that repeats: a remainder, a random choice."""
    if not isinstance(found.node, ast.Assign) or found.how != "[]=":
        return False
    keys = [target.slice for target in found.node.targets if isinstance(target, ast.Subscript)]
    function = source.function_of(found.node)
    names = {inner.id for key in keys for inner in ast.walk(key) if isinstance(inner, ast.Name)}
    if any(_repeats(key) for key in keys):
        return True
    for step in ast.walk(function or source.tree):
        if not isinstance(step, ast.Assign) or not _repeats(step.value):
            continue
        if any(isinstance(target, ast.Name) and target.id in names for target in step.targets):
            return True
    arguments = {argument.arg for argument in function.args.args} if function else set()
    if function is None or not names & arguments:
        return False
    return any(
        isinstance(call, ast.Call)
        and any(_repeats(argument) for argument in call.args)
        and isinstance(call.func, (ast.Name, ast.Attribute))
        and (call.func.id if isinstance(call.func, ast.Name) else call.func.attr) == function.name
        for call in source.nodes
    )


def _repeats(node: ast.AST) -> bool:
    for inner in ast.walk(node):
        if isinstance(inner, ast.BinOp) and isinstance(inner.op, (ast.Mod, ast.BitAnd)):
            return not (isinstance(inner.left, ast.Constant) and isinstance(inner.left.value, str))
        if (
            isinstance(inner, ast.Call)
            and isinstance(inner.func, ast.Attribute)
            and inner.func.attr in _RANDOM
        ):
            return True
    return False


def _uses_after(source: Source, nodes: list[ast.AST], name: str, inserts: list[Insert]) -> list[ast.Call]:
    """Calls that are handed the whole owner, outside the loops that fill it (saving, summing up)."""
    loops = {
        loop for found in inserts for loop in source.around(found.node, ast.For, ast.AsyncFor, ast.While)
    }
    calls = []
    for node in nodes:
        if not isinstance(node, ast.Call) or any(step in loops for step in _ancestors(source, node)):
            continue
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        looks = isinstance(node.func, ast.Name) and node.func.id in ("len", "print", "id", "type")
        whole = any(
            isinstance(value, (ast.Name, ast.Attribute)) and refers_to(value, name) for value in given
        )
        if whole and not looks:
            calls.append(node)
    return calls


def _ancestors(source: Source, node: ast.AST) -> list[ast.AST]:
    found = []
    step = source.parents.get(node)
    while step is not None:
        found.append(step)
        step = source.parents.get(step)
    return found
