"""Everything handed to a pool at once: input that could be read bit by bit, or results that could be let go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from leakhunt.analysis.script.pools import is_pool, turns
from leakhunt.analysis.script.program import LOOPS, Program, base, names_in, where
from leakhunt.analysis.script.writing import writes
from leakhunt.analysis.source import Source, constant
from leakhunt.findings.concerns import Concern

_MANY = 10_000
#: Read their whole input before the first result is there, and keep all results.
_WHOLE = frozenset({"map", "starmap", "map_async", "starmap_async"})
_ONE = frozenset({"submit", "apply_async", "schedule"})
#: Read data in portions, each of them large.
_PORTIONS = frozenset({"iter_batches", "to_batches", "fetchmany"})
_LAZY_METHODS = frozenset({
    "iter_batches", "to_batches", "iterrows", "itertuples", "rglob", "iterdir", "iter_content", "iter_lines",
    "imap", "imap_unordered", "fetchmany", "scan_iter",
})  # fmt: skip
_LAZY = frozenset({
    "map", "filter", "open", "csv.reader", "csv.DictReader", "os.scandir", "os.walk", "glob.iglob", "itertools.product",
    "itertools.permutations", "itertools.combinations", "itertools.count", "itertools.chain", "itertools.islice",
    "itertools.chain.from_iterable", "gzip.open",
})  # fmt: skip
_THROUGH = frozenset({"enumerate", "zip", "tqdm", "iter", "tqdm.tqdm", "tqdm.auto.tqdm", "reversed"})
_LETS_GO = frozenset({"pop", "popleft", "remove", "discard", "clear", "popitem"})


class Flood(NamedTuple):
    """Why all of it at once is too much; whether its parts are known to be large, or made by a generator."""

    why: str
    large: bool
    generated: bool = False


def everything_in_flight(program: Program) -> Iterator[Concern]:
    """All of a large or endless input is handed to a pool before its results are used."""
    for source, call in program.calls():
        if not isinstance(call.func, ast.Attribute) or not is_pool(program, source, call.func.value):
            continue
        if call.func.attr in _WHOLE and len(call.args) > 1:
            found = lazy(program, source, call.args[1])
            if found is not None:
                why = f"{call.func.attr}() reads all of it first: {found.why}"
                yield _concern(source, call, why, _streamed(source, call), large=found.large)
        elif call.func.attr in _ONE and (found := _collected(program, source, call)) is not None:
            yield _concern(source, call, found.why, _windowed(source, call), large=found.large)


def _concern(source: Source, call: ast.Call, why: str, code: str, *, large: bool) -> Concern:
    return Concern(
        "everything-in-flight", "unsafe" if large else "risky", "all work is handed to the pool at once",
        source.text(call)[:90],
        "hand out a few units at a time",
        why=f"At {base(source)}:{call.lineno} {why}. Inputs and results of all units are in memory together.",
        code=code, where=where(source, call),
    )  # fmt: skip


def _streamed(source: Source, call: ast.Call) -> str:
    work, items = (source.text(one) for one in call.args[:2])
    return (
        f"{source.bare(call.lineno)}  # before\n"
        'with leakhunt.Pool(max_in_flight="auto") as pool:  # after: reads as far ahead as memory allows\n'
        f"    for result in pool.imap_unordered({work}, {items}):\n        ...  # save it, and let it go"
    )


def _windowed(source: Source, call: ast.Call) -> str:
    handed = ", ".join(source.text(one) for one in call.args)
    pool = source.text(call.func.value) if isinstance(call.func, ast.Attribute) else "pool"
    return (
        f"{source.bare(call.lineno)}  # before\n"
        "# after: at most a few in flight (or leakhunt.Pool, which finds out how many)\n"
        "if len(waiting) >= 2 * workers:\n"
        '    done, waiting = concurrent.futures.wait(waiting, return_when="FIRST_COMPLETED")\n'
        "    for future in done:\n        ...  # save future.result(), and let it go\n"
        f"waiting.add({pool}.submit({handed}))"
    )


# ---- how much there is ------------------------------------------------------------------------


def lazy(program: Program, source: Source, node: ast.AST, depth: int = 4) -> Flood | None:
    """Return why an expression makes its items one by one, or very many of them; None when it need not."""
    if depth == 0:
        return None
    if isinstance(node, ast.GeneratorExp):
        return Flood("a generator expression", large=False, generated=True)
    if isinstance(node, ast.Name):
        values = program.bound(source, node)
        return lazy(program, source, values[0], depth - 1) if len(values) == 1 else None
    if not isinstance(node, ast.Call):
        return None
    name = program.called(source, node.func)
    if name in _THROUGH:
        found = (lazy(program, source, one, depth - 1) for one in node.args)
        return next((one for one in found if one is not None), None)
    if name == "range":
        numbers = [constant(source, one) for one in node.args]
        known = [one for one in numbers if one is not None]
        many = len(known) == len(numbers) and known and len(range(*known)) >= _MANY
        return Flood(f"{len(range(*known)):,} units", large=False) if many else None
    if name in _LAZY:
        return Flood(f"{name}() makes its items one by one", large=False)
    attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if is_pool(program, source, node.func.value if isinstance(node.func, ast.Attribute) else node):
        return None  # another stage, which hands on what it has
    portions = attribute in _PORTIONS or any(one.arg in ("chunksize", "iterator") for one in node.keywords)
    if portions or attribute in _LAZY_METHODS:
        return Flood(f"{source.text(node.func)}() reads bit by bit", large=portions)
    for _, function in program.callees(node):
        if any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in ast.walk(function)):
            return Flood(f"{function.name}() makes its items one by one", large=False, generated=True)
    return None


def _collected(program: Program, source: Source, call: ast.Call) -> Flood | None:
    """Return why a collection of futures is too much; None when it is bounded, or nobody can tell."""
    step: ast.AST | None = source.parents.get(call)
    comprehension = None
    while step is not None and not isinstance(step, ast.stmt):
        if isinstance(step, (ast.ListComp, ast.SetComp, ast.DictComp)):
            comprehension = step
        step = source.parents.get(step)
    if comprehension is not None:
        over, inside = comprehension.generators[0].iter, comprehension.generators[0].target
        if source.around(comprehension, *LOOPS):
            return None  # a portion in each turn
        name = _given_to(step)
    else:
        loops = [one for one in source.around(call, *LOOPS) if isinstance(one, (ast.For, ast.AsyncFor))]
        if len(loops) != 1 or source.around(call, ast.While):
            return None
        over, inside = loops[0].iter, loops[0].target
        count = turns(source, loops[0])
        if (count is not None and count < _MANY) or _lets_go(program, source, loops[0]):
            return None
        name = _kept_in(source, call)
        if name is None:
            return None
    made = lazy(program, source, over)
    if made is not None:
        what = f"every unit is submitted before one is taken back: {made.why}"
        return Flood(what, large=made.large or made.generated)
    if _hands_out_slices(call, names_in(inside)):
        return Flood(
            "every slice of the data is copied into the queue before one result is taken back", large=True
        )
    if name is not None and _streams_results(program, source, name):
        return Flood(
            f"{name} keeps every result until the end, although each is written as it comes", large=False
        )
    return None


def _given_to(statement: ast.AST | None) -> str | None:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        return target.id if isinstance(target, ast.Name) else None
    return None


def _kept_in(source: Source, call: ast.Call) -> str | None:
    """Return the list, set or dict that the future of `call` is put into."""
    holder = source.parents.get(call)
    if (
        isinstance(holder, ast.Call)
        and isinstance(holder.func, ast.Attribute)
        and holder.func.attr in ("append", "add")
    ):
        return holder.func.value.id if isinstance(holder.func.value, ast.Name) else None
    if isinstance(holder, ast.Subscript) and isinstance(holder.value, ast.Name):
        return holder.value.id  # futures[pool.submit(...)] = item
    if isinstance(holder, ast.Assign) and len(holder.targets) == 1:
        target = holder.targets[0]
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            return target.value.id
        if isinstance(target, ast.Name):
            return _appended(source, target.id, holder)
    return None


def _appended(source: Source, name: str, statement: ast.stmt) -> str | None:
    """`future = pool.submit(...)` and, later in the same turn, `futures.append(future)`."""
    for node in source.nodes:
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("append", "add")
            and isinstance(node.func.value, ast.Name)
            and any(isinstance(one, ast.Name) and one.id == name for one in node.args)
            and source.function_of(node) is source.function_of(statement)
        ):
            return node.func.value.id
    return None


def _lets_go(program: Program, source: Source, loop: ast.AST) -> bool:
    """Tell whether the loop that submits also waits or takes results back."""
    for _, node in program.runs(source, getattr(loop, "body", [])):
        if isinstance(node, ast.Call):
            name = program.called(source, node.func)
            attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name.endswith((".wait", "as_completed")) or attribute in (
                *_LETS_GO,
                "result",
                "get",
                "acquire",
                "wait",
            ):
                return True
        if isinstance(node, (ast.Delete, ast.Break)):
            return True
    return False


def _hands_out_slices(call: ast.Call, targets: set[str]) -> bool:
    return any(
        isinstance(node, ast.Subscript)
        and any(isinstance(part, ast.Slice) for part in ast.walk(node.slice))
        and names_in(node.slice) & targets
        for one in call.args
        for node in ast.walk(one)
    )


def _streams_results(program: Program, source: Source, name: str) -> bool:
    """Tell whether a loop over the futures writes each result, and lets none of them go."""
    for node in source.nodes:
        if isinstance(node, (ast.For, ast.AsyncFor)) and name in names_in(node.iter):
            if _lets_go_of(node, name):
                return False
            if writes(program, source, node.body):
                return True
    return False


def _lets_go_of(loop: ast.AST, name: str) -> bool:
    for node in ast.walk(loop):
        if isinstance(node, ast.Delete) and name in names_in(node):
            return True
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _LETS_GO
            and name in names_in(node.func.value)
        ):
            return True
    return False
