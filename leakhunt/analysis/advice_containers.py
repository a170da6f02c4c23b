"""Advice about the container that grows: bound it, empty it, share it less."""

from __future__ import annotations

import ast

from leakhunt.analysis.advised import (
    Setting,
    insertion,
    is_leak,
    name_in_code,
    numbers,
    place,
    recommend,
    tagged,
)
from leakhunt.analysis.cases import Case
from leakhunt.analysis.ownername import owner_name
from leakhunt.analysis.source import Source, refers_to
from leakhunt.findings.diagnosis import Recommendation
from leakhunt.units import format_bytes

_KEYED = frozenset({"dict", "OrderedDict", "defaultdict", "set", "Counter"})
_HANDLED = ("handlers", "callbacks", "listeners", "observers", "subscribers", "hooks")
_REGISTERING = frozenset({"addHandler", "register", "connect", "subscribe", "add_done_callback"})


def _cached_function(
    case: Case, setting: Setting
) -> tuple[Source, ast.FunctionDef | ast.AsyncFunctionDef] | None:
    name = owner_name(case.growth.path) if case.growth is not None else None
    if name is None:
        return None
    for source in setting.sources:
        for node in source.nodes:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.name != name.name:
                continue
            if any("cache" in source.text(mark) for mark in node.decorator_list):
                return source, node
    return None


def cache_not_on_method(case: Case, setting: Setting) -> Recommendation | None:
    """`lru_cache` on a method keeps every instance it was called on alive."""
    if not is_leak(case) or not tagged(case, "lru_cache-self", "lru_cache"):
        return None
    found = _cached_function(case, setting)
    if found is None:
        return None
    source, function = found
    arguments = [argument.arg for argument in function.args.args]
    if not arguments or arguments[0] != "self":
        return None
    rest = ", ".join(arguments[1:])
    mark = source.text(function.decorator_list[0])
    code = (
        "def __init__(self, ...):\n"
        f"    self.{function.name} = {mark}(self._{function.name})  # one cache per object\n\n"
        f"def _{function.name}(self{', ' + rest if rest else ''}):\n    ..."
    )
    why = (
        f"The cache of {function.name}() is shared by all instances and has `self` in its keys, so every "
        f"instance it was called on stays alive ({numbers(case)})."
    )
    return recommend(
        "cache-per-instance",
        f"do not put {mark} on a method",
        why,
        "Give each object a cache of its own, which dies with it.",
        code,
        case,
        setting,
        where=place(source, function),
    )


def bound_lru_cache(case: Case, setting: Setting) -> Recommendation | None:
    """A cache decorator without a bound."""
    if not is_leak(case) or not tagged(case, "lru_cache"):
        return None
    found = _cached_function(case, setting)
    if found is None:
        return None
    source, function = found
    mark = next(source.text(mark) for mark in function.decorator_list if "cache" in source.text(mark))
    entry = case.finding.bytes_per_iteration
    why = f"The cache of {function.name}() keeps every result for ever ({numbers(case)})."
    size = f"  # at most about {format_bytes(1024 * entry)}" if entry else ""
    return recommend(
        "bound-lru-cache",
        f"bound the cache of {function.name}()",
        why,
        "Say how many results are worth keeping.",
        f"@lru_cache(maxsize=1024){size}; instead of @{mark}\ndef {function.name}(...):",
        case,
        setting,
        where=place(source, function.decorator_list[0]),
        saves=False,
    )


def lower_the_bound(case: Case, setting: Setting) -> Recommendation | None:
    """A bounded cache that will not fit when it is full."""
    growth, limits = case.growth, setting.run.limits
    if growth is None or growth.bound is None or limits is None or limits.limit is None or not growth.bytes:
        return None
    bound = growth.bound
    if bound.size >= bound.limit or not bound.size:
        return None
    entry = growth.bytes[-1] / bound.size
    if entry * bound.limit <= limits.limit:
        return None
    fitting = max(1, int(0.25 * limits.limit / entry))
    why = (
        f"Full, {name_in_code(case) or growth.path} would hold {bound.limit:,} entries of about "
        f"{format_bytes(entry)}: {format_bytes(entry * bound.limit)}, "
        f"more than the limit of {format_bytes(limits.limit)}."
    )
    return recommend(
        "lower-bound",
        "lower the bound of the cache",
        why,
        "Choose a bound that fits.",
        f"{bound.what.split()[-1]}={fitting}  # about {format_bytes(fitting * entry)}",
        case,
        setting,
        saves=False,
    )


def add_handlers_once(case: Case, setting: Setting) -> Recommendation | None:
    """A handler, callback or listener is registered in every turn."""
    if not is_leak(case):
        return None
    found, used = insertion(case), case.usage
    name = name_in_code(case) or ""
    by_name = any(name.lower().endswith(word) for word in _HANDLED)
    by_call = found is not None and found.how in _REGISTERING
    if not (tagged(case, "logging-handlers") or by_name or by_call):
        return None
    source, line, text = _registration(case, setting)
    if source is None and found is not None and used is not None:
        source, line, text = used.source, found.line, used.source.text(found.node)
    if source is None or line is None:
        return None
    if any(word in text_line for word in ("removeHandler", ".handlers.clear") for text_line in source.lines):
        return None  # they are taken out somewhere: registering once is not what is amiss
    handler = "addHandler" in text
    owner = text.partition(".addHandler")[0]
    removing = f"{owner}.removeHandler(handler)" if handler else f"{name}.remove(...)"
    once = f"if not {owner}.handlers:\n    {text}" if handler else f"{text}  # after: once, before the loop"
    code = (
        f"{text}  # before: in every {setting.unit}\n{once}{'  # after' if handler else ''}\n"
        f"# or, when this {setting.unit} is done: {removing}"
    )
    why = (
        f"Line {line} registers another one in every {setting.unit} and none is taken out ({numbers(case)})."
    )
    return recommend(
        "register-once",
        "register it once, or take it out again",
        why,
        "Register before the loop, or undo it at the end of each turn.",
        code,
        case,
        setting,
        where=place(source, line),
    )


def _registration(case: Case, setting: Setting) -> tuple[Source | None, int | None, str]:
    if not tagged(case, "logging-handlers"):
        return None, None, ""
    for source in setting.sources:
        for node in source.nodes:
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "addHandler"
            ):
                return source, node.lineno, source.text(node)
    return None, None, ""


def no_mutable_default(case: Case, setting: Setting) -> Recommendation | None:
    """A default argument is made once and filled by every call."""
    if (
        not is_leak(case)
        or case.growth is None
        or not case.growth.path.lstrip().startswith("default argument")
    ):
        return None
    name = owner_name(case.growth.path)
    if name is None:
        return None
    for source in setting.sources:
        for node in source.nodes:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            arguments = [*node.args.posonlyargs, *node.args.args]
            defaults = dict(zip([one.arg for one in arguments[::-1]], node.args.defaults[::-1], strict=False))
            default = defaults.get(name.name)
            if isinstance(default, (ast.List, ast.Dict, ast.Set, ast.Call)):
                made = source.text(default)
                code = (
                    f"def {node.name}(..., {name.name}=None):\n"
                    f"    if {name.name} is None:\n        {name.name} = {made}"
                )
                why = (
                    f"The default {name.name}={made} of {node.name}() is made once, with the function, "
                    f"and every call adds to it ({numbers(case)})."
                )
                return recommend(
                    "no-mutable-default",
                    f"make {name.name} anew in each call",
                    why,
                    "Use None as the default.",
                    code,
                    case,
                    setting,
                    where=place(source, node),
                )
    return None


def bound_deque(case: Case, setting: Setting) -> Recommendation | None:
    """A deque without a maximal length."""
    if not is_leak(case) or case.growth is None or case.growth.type.rpartition(".")[2] != "deque":
        return None
    name = name_in_code(case)
    for source in setting.sources:
        for node in source.nodes:
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call) or name is None:
                continue
            if any(
                refers_to(target, name.rpartition(".")[2]) for target in node.targets
            ) and "deque" in source.text(node.value.func):
                code = (
                    f"{source.text(node.targets[0])} = deque(maxlen=1000)  # as many as are looked at later"
                )
                why = f"{name} is a deque without maxlen: nothing ever leaves it ({numbers(case)})."
                return recommend(
                    "bound-deque",
                    f"give {name} a maxlen",
                    why,
                    "Say how many items are worth keeping.",
                    code,
                    case,
                    setting,
                    where=place(source, node),
                )
    return None


def bound_cache(case: Case, setting: Setting) -> Recommendation | None:
    """A dictionary used as a cache: looked up by key, filled on a miss, never emptied."""
    found, used = insertion(case), case.usage
    if not is_leak(case) or found is None or used is None or case.growth is None or not used.guards:
        return None
    if case.growth.type.rpartition(".")[2] not in _KEYED or used.removals:
        return None
    name = name_in_code(case) or used.name
    entry = case.finding.bytes_per_iteration
    size = f"  # about {format_bytes(entry * 1000)}" if entry else ""
    pop = f"{name}.pop(next(iter({name})))  # the oldest goes"
    if case.growth.type == "set":
        pop = f"{name}.pop()"
    code = f"if len({name}) >= 1000:{size}\n    {pop}\n{used.source.bare(found.line)}"
    why = (
        f"{name} is looked up on line {used.guards[0]} and filled on line {found.line}, and nothing is ever "
        f"taken out ({numbers(case)})."
    )
    return recommend(
        "bound-cache",
        f"bound {name}",
        why,
        "Let the oldest entry go when it is full, or put functools.lru_cache(maxsize=1000) on the function.",
        code,
        case,
        setting,
        where=place(used.source, found.line),
        saves=False,
    )


def drop_when_done(case: Case, setting: Setting) -> Recommendation | None:
    """The last resort: items are added in the loop and never taken out."""
    found, used = insertion(case), case.usage
    if not is_leak(case) or found is None or used is None or used.conditional_removals:
        return None
    name = name_in_code(case) or used.name
    container = case.growth.type.rpartition(".")[2] if case.growth is not None else ""
    if container in _KEYED:
        code = f"{name}.pop(key, None)  # once the {setting.unit} that needs it is done"
    elif container == "list":
        code = (
            f"{name} = collections.deque(maxlen=100)  # instead of a list, if only the latest are looked at"
        )
    else:
        code = f"# keep less per {setting.unit}: {used.source.bare(found.line)}"
    why = (
        f"Line {found.line} adds to {name} and nothing takes out what is no longer needed ({numbers(case)})."
    )
    return recommend(
        "drop-when-done",
        f"take out of {name} what is no longer needed",
        why,
        f"Keep only what a later {setting.unit} looks at.",
        code,
        case,
        setting,
        where=place(used.source, found.line),
    )
