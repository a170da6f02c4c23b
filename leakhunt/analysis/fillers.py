"""The lines of the user's source that can make a holder grow, when none was seen doing it.

Each rule knows one way to fill: the holder itself, a cached function, a thread, an attribute, a
parameter. The first rule that finds lines in what the loop repeats answers; which of several lines it
was cannot be told from the text, and nothing here guesses.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from leakhunt.analysis.ownername import owner_name
from leakhunt.analysis.repeated import Function, Repeated, functions_named
from leakhunt.analysis.source import INSERTING, REMOVING, Insert, Source, Usage, refers_to, usage
from leakhunt.census.growth import Growth
from leakhunt.findings.diagnosis import Frame, Site

_DEEPEST = 4
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_CACHE = re.compile(r"^cache of (?P<name>[\w.<>]+)")
_THREADS = re.compile(r"^threads running (?P<name>[\w.<>]+)\(\)")
_STARTS_TASK = frozenset({"create_task", "ensure_future", "run_coroutine_threadsafe"})
#: Attributes of the standard library's objects and the methods that fill them.
_FILLED_BY = {
    "handlers": ("addHandler",),
    "filters": ("addFilter",),
    "queue": ("put", "put_nowait"),
    "_queue": ("put", "put_nowait"),
    "_callbacks": ("add_done_callback",),
    "_registry": ("register", "finalize"),
    "_scheduled_tasks": tuple(sorted(_STARTS_TASK)),
    "__warningregistry__": ("warn",),
}
#: Functions of the standard library that keep their argument where no Python object shows it.
_REGISTERS = {"register": "atexit", "signal": "signal", "register_at_fork": "os"}
#: Functions of the standard library that add to their first argument.
_ADDS_TO_FIRST = frozenset({"heappush", "insort", "insort_left", "insort_right"})


@dataclass(frozen=True, slots=True)
class Filler:
    """One line that can make the holder grow."""

    source: Source
    node: ast.AST

    @property
    def line(self) -> int:
        return int(getattr(self.node, "lineno", 0))

    @property
    def function(self) -> str:
        found = self.source.function_of(self.node)
        return found.name if found else "<module>"


Rule = Callable[[Growth, Sequence[Source]], Iterator[Filler]]


def fillers(
    growth: Growth, used: Usage | None, sources: Sequence[Source], repeated: Repeated | None
) -> list[Filler]:
    """Return the lines that can fill the holder of `growth`, one entry a line."""
    if used is not None and used.inserts:
        direct = [Filler(used.source, one.node) for one in used.inserts if not _puts_back(used, one)]
        return _apart(_in_turns(direct + list(_through_parameters(growth, sources)), repeated))
    for rule in _RULES:
        found = _in_turns(list(rule(growth, sources)), repeated)
        if found:
            return _apart(found)
    return []


def static_site(found: Filler, rate: float | None) -> Site:
    """Return the site of a line that the source alone names."""
    path, line, function = found.source.path, found.line, found.function
    return Site(
        path,
        line,
        function,
        rate,
        None,
        "static",
        [Frame(path, line, function)],
        code=found.source.code(line),
    )


def _in_turns(found: list[Filler], repeated: Repeated | None) -> list[Filler]:
    """Those that run in every turn; without such, those in any loop; without such, all."""
    turning = [one for one in found if repeated is not None and repeated.runs(one.source, one.node)]
    return turning or [one for one in found if one.source.around(one.node, *_LOOPS)] or found


def _apart(found: list[Filler]) -> list[Filler]:
    return sorted(
        {(one.source.path, one.line): one for one in found}.values(),
        key=lambda one: (one.source.path, one.line),
    )


def _puts_back(used: Usage, insert: Insert) -> bool:
    """Tell whether what is inserted was taken out of the same holder just before, in the same function."""
    node = insert.node
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[-1], ast.Name):
        return False
    name = node.args[-1].id
    for step in ast.walk(used.source.function_of(node) or used.source.tree):
        if not isinstance(step, ast.Assign) or not any(
            isinstance(target, ast.Name) and target.id == name for target in step.targets
        ):
            continue
        value = step.value.value if isinstance(step.value, ast.Await) else step.value
        if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)):
            return False
        if value.func.attr not in REMOVING | {"get"} or not refers_to(value.func.value, used.name):
            return False
        if value.func.attr == "get" and insert.how not in ("put", "put_nowait"):
            return False  # of a dict, which keeps what is asked for
        if step.lineno < node.lineno:
            return True
    return False


# ---- the rules -------------------------------------------------------------------------


def _calls(sources: Sequence[Source]) -> Iterator[tuple[Source, ast.Call, str]]:
    """Every call with the last part of the name that is called."""
    for source in sources:
        for node in source.nodes:
            if isinstance(node, ast.Call):
                name = called_name(node)
                if name is not None:
                    yield source, node, name


def called_name(node: ast.Call) -> str | None:
    """Return the last part of what is called; None when it has no name."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None


def _calls_of_cached(growth: Growth, sources: Sequence[Source]) -> Iterator[Filler]:
    """A cache fills where its function is called from outside."""
    found = _CACHE.match(growth.path)
    if found is None:
        return
    wanted = found["name"].rpartition(".")[2]
    for source, call, name in _calls(sources):
        inside = source.function_of(call)
        if name == wanted and (inside is None or inside.name != wanted):
            yield Filler(source, call)


def _starts_of_threads(growth: Growth, sources: Sequence[Source]) -> Iterator[Filler]:
    """A thread lives from its start on: `start()` of the one that is made with this target."""
    found = _THREADS.match(growth.path)
    if found is None:
        return
    wanted = found["name"].rpartition(".")[2]
    for source, call, name in _calls(sources):
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if name in ("Thread", "Timer") and any(refers_to(value, wanted) for value in given):
            yield from _started(source, call)


def _started(source: Source, made: ast.Call) -> Iterator[Filler]:
    above = source.parents.get(made)
    if isinstance(above, ast.Attribute) and above.attr == "start":
        yield Filler(source, source.parents[above])
        return
    names = {target.id for target in getattr(above, "targets", ()) if isinstance(target, ast.Name)}
    starts = [
        Filler(source, node)
        for node in ast.walk(source.function_of(made) or source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "start"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in names
    ]
    yield from starts or [Filler(source, made)]


def _sets_of_attributes(growth: Growth, sources: Sequence[Source]) -> Iterator[Filler]:
    """Attributes with computed names: `setattr(owner, ...)`, `vars(owner)[...] = `, `owner.__dict__[...] = `."""
    bare, _, last = growth.path.partition("  (")[0].rpartition(".")
    wanted = owner_name(bare) if "*" in last else owner_name(growth.path)
    if wanted is None:
        return
    name = wanted.name
    for source in sources:
        for node in source.nodes:
            if isinstance(node, ast.Call) and called_name(node) in ("setattr", "__setattr__"):
                owner = node.func.value if isinstance(node.func, ast.Attribute) else None
                if any(one is not None and refers_to(one, name) for one in (owner, *node.args[:1])):
                    yield Filler(source, node)
            elif isinstance(node, (ast.Assign, ast.AugAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(_is_namespace_item(target, name) for target in targets):
                    yield Filler(source, node)


def _is_namespace_item(target: ast.expr, name: str) -> bool:
    if not isinstance(target, ast.Subscript):
        return False
    space = target.value
    if isinstance(space, ast.Attribute) and space.attr == "__dict__":
        return refers_to(space.value, name)
    is_vars = isinstance(space, ast.Call) and called_name(space) == "vars" and len(space.args) == 1
    return is_vars and refers_to(space.args[0], name)  # type: ignore[attr-defined]


def _through_parameters(growth: Growth, sources: Sequence[Source]) -> Iterator[Filler]:
    """The holder is handed to a function that fills its parameter, or keeps it and fills it later."""
    own = owner_name(growth.path)
    if own is None:
        return
    for source in sources:
        scopes: list[ast.AST] = [source.tree]
        if growth.root == "local" and growth.function:
            if source.path != growth.file:
                continue
            wanted = growth.function.rpartition(".")[2]
            scopes = [function for at, function in functions_named([source], wanted) if at is source]
        for scope in scopes:
            yield from _handed_on(source, scope, own.name, sources, _DEEPEST)


def _handed_on(
    source: Source, scope: ast.AST, name: str, sources: Sequence[Source], depth: int
) -> Iterator[Filler]:
    for node in source.nodes if scope is source.tree else ast.walk(scope):
        if not isinstance(node, ast.Call) or depth == 0:
            continue
        if called_name(node) in _ADDS_TO_FIRST and node.args and _is_whole(node.args[0], name):
            yield Filler(source, node)
            continue
        if not any(_is_whole(value, name) for value in (*node.args, *(one.value for one in node.keywords))):
            continue
        targets = functions_named(sources, called_name(node) or "")
        if len(targets) != 1:
            continue
        there, function = targets[0]
        for parameter in _parameters_given(node, function, name):
            yield from (Filler(there, one.node) for one in usage(there, parameter, top=function).inserts)
            yield from _handed_on(there, function, parameter, sources, depth - 1)
            for kept in _kept_as(function, parameter):
                if kept != name:  # what is filled under its own name was found already
                    yield from (Filler(there, one.node) for one in usage(there, kept).inserts)


def _is_whole(value: ast.expr, name: str) -> bool:
    return isinstance(value, (ast.Name, ast.Attribute)) and refers_to(value, name)


def _parameters_given(call: ast.Call, function: Function, name: str) -> Iterator[str]:
    """The parameters of `function` that receive the holder in this call."""
    parameters = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    if parameters[:1] in (["self"], ["cls"]):
        parameters = parameters[1:]
    for parameter, value in zip(parameters, call.args, strict=False):
        if _is_whole(value, name):
            yield parameter
    for keyword in call.keywords:
        if keyword.arg is not None and _is_whole(keyword.value, name):
            yield keyword.arg


def _kept_as(function: Function, parameter: str) -> Iterator[str]:
    """Attributes that `function` binds to the parameter as it is."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id == parameter:
            yield from (target.attr for target in node.targets if isinstance(target, ast.Attribute))


def _methods_of_its_object(growth: Growth, sources: Sequence[Source]) -> Iterator[Filler]:
    """The holder is inside an object of a library: calls of that object's methods that add to it."""
    own = owner_name(growth.path)
    if own is None:
        return
    around = own.dotted.split(".")[-2:-1]
    known = _FILLED_BY.get(own.name, ())
    named, any_object = [], []
    for source, call, name in _calls(sources):
        if isinstance(call.func, ast.Attribute) and around and refers_to(call.func.value, around[0]):
            if name in known or name in INSERTING:
                named.append(Filler(source, call))
        elif name in known:
            any_object.append(Filler(source, call))
    yield from named or any_object


def _registered_with_native_code(growth: Growth, sources: Sequence[Source]) -> Iterator[Filler]:
    """What only native code holds was handed to it: calls that register a callback in a list of C."""
    if growth.root != "native":
        return
    for source, call, name in _calls(sources):
        if name not in _REGISTERS or not call.args:
            continue
        module = call.func.value.id if _is_of_module(call.func) else None  # type: ignore[attr-defined]
        if module == _REGISTERS[name]:
            yield Filler(source, call)


def _is_of_module(called: ast.expr) -> bool:
    return isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name)


_RULES: tuple[Rule, ...] = (
    _registered_with_native_code,
    _calls_of_cached,
    _starts_of_threads,
    _sets_of_attributes,
    _through_parameters,
    _methods_of_its_object,
)
