"""Sweeps whose results exist in memory only until everything is computed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from leakhunt.analysis.script.pools import turns
from leakhunt.analysis.script.program import LOOPS, Program, base, names_in, where
from leakhunt.analysis.script.writing import saving_calls, writes
from leakhunt.analysis.source import Source
from leakhunt.findings.concerns import Concern

# fmt: off
#: What a sweep goes over: settings that somebody chose, not data that is read.
_GRIDS = frozenset({
    "numpy.linspace", "numpy.logspace", "numpy.geomspace", "numpy.arange", "itertools.product", "range",
    "itertools.combinations", "itertools.permutations", "sklearn.model_selection.ParameterGrid",
    "sklearn.model_selection.ParameterSampler",
})
_THROUGH = frozenset({
    "enumerate", "zip", "tqdm", "tqdm.tqdm", "tqdm.auto.tqdm", "tqdm.trange", "reversed", "list", "sorted",
})
#: Functions of libraries that compute for long.
_LONG = frozenset({
    "minimize", "differential_evolution", "dual_annealing", "basinhopping", "curve_fit", "least_squares", "fsolve",
    "solve_ivp", "odeint", "quad", "dblquad", "brute", "shgo", "fit", "fit_transform", "train", "cross_val_score",
    "cross_validate", "optimize", "simulate", "run_mcmc", "backward", "eigh", "svd",
})
# fmt: on
_COLLECTING = frozenset({"append", "extend", "add", "update"})
_FEWEST_TURNS = 4


def saved_once_at_the_end(program: Program) -> Iterator[Concern]:
    """A loop over settings computes for long and collects results, which are saved after the last one only."""
    for source in program.sources:
        for loop in source.nodes:
            if not isinstance(loop, (ast.For, ast.AsyncFor)) or source.around(loop, *LOOPS):
                continue
            if not _is_sweep(program, source, loop.iter) or writes(program, source, loop.body):
                continue
            count = turns(source, loop)
            if (count is not None and count < _FEWEST_TURNS) or not _computes(program, source, loop):
                continue
            for name, call in _collected(program, source, loop):
                saved = _saved_after(program, source, loop, name)
                if saved is not None:
                    yield _concern(source, loop, name, call, saved, count)
                    break


def _concern(
    source: Source,
    loop: ast.For | ast.AsyncFor,
    name: str,
    call: ast.Call,
    saved: ast.Call,
    count: int | None,
) -> Concern:
    targets = sorted(one.id for one in ast.walk(loop.target) if isinstance(one, ast.Name))
    key = ", ".join(f'"{one}"' for one in targets)
    header = source.bare(loop.lineno)
    over = source.text(loop.iter)
    values = ", ".join(f"{one}={one}" for one in targets)
    return Concern(
        "saved-once", "unsafe", f"{name} is saved once, after the last turn",
        f"{count} turns" if count is not None else f"each turn of line {loop.lineno}",
        "save each turn as it is done, and go on from there",
        why=(
            f"{base(source)}:{call.lineno} collects the results of a loop that computes in every turn; line "
            f"{saved.lineno} saves them when it is over. A kill before that loses all of them."
        ),
        code=(
            f"{header}  # before\n"
            f'with leakhunt.Ledger("results.csv", key=({key},)) as ledger:  # after\n'
            f"    for {ast.unparse(loop.target)} in ledger.pending({over}):\n"
            f"        ledger.save({values}, ...)  # in place of {ast.unparse(call.func)}(...)"
        ),
        where=where(source, call),
    )  # fmt: skip


def _is_sweep(program: Program, source: Source, over: ast.AST, depth: int = 4) -> bool:
    """Tell whether a loop goes over chosen settings: numbers written down, a grid, a count."""
    if depth == 0:
        return False
    if isinstance(over, (ast.List, ast.Tuple)):
        return len(over.elts) >= _FEWEST_TURNS and all(_is_setting(one) for one in over.elts)
    if isinstance(over, ast.Name):
        values = program.bound(source, over)
        return len(values) == 1 and _is_sweep(program, source, values[0], depth - 1)
    if isinstance(over, (ast.ListComp, ast.GeneratorExp)):
        return all(_is_sweep(program, source, one.iter, depth - 1) for one in over.generators)
    if not isinstance(over, ast.Call):
        return False
    name = program.called(source, over.func)
    if name in _THROUGH and over.args:
        return _is_sweep(program, source, over.args[0], depth - 1)
    if name == "range":
        return not any(
            isinstance(node, ast.Call) for one in over.args for node in ast.walk(one)
        )  # range(len(rows))
    return name in _GRIDS


def _is_setting(node: ast.AST) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    if isinstance(node, (ast.Tuple, ast.List, ast.Dict)):
        parts = node.values if isinstance(node, ast.Dict) else node.elts
        return all(_is_setting(one) for one in parts)
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float, complex))


def _computes(program: Program, source: Source, loop: ast.For | ast.AsyncFor) -> bool:
    """Tell whether a turn is work: a long computation of a library, in it or in what it calls of the project."""
    for _, node in program.runs(source, loop.body):
        if isinstance(node, ast.Call) and not program.callees(node):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in _LONG:
                return True
    return False


def _collected(
    program: Program, source: Source, loop: ast.For | ast.AsyncFor
) -> Iterator[tuple[str, ast.Call]]:
    """The collections from before the loop that its turns put results into, with the call that does."""
    begun = _begun_before(source, loop)
    for step in loop.body:
        for node in ast.walk(step):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in _COLLECTING
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in begun
            ):
                yield node.func.value.id, node


def _begun_before(source: Source, loop: ast.stmt) -> set[str]:
    """Names that are given an empty list, dict or set before the loop, in the same function."""
    function = source.function_of(loop)
    return {
        target.id
        for node in source.nodes
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        and node.lineno < loop.lineno
        and source.function_of(node) is function
        and isinstance(node.value, (ast.List, ast.Dict, ast.Set, ast.Call))
        and not (isinstance(node.value, ast.Call) and (node.value.args or node.value.keywords))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }


def _saved_after(program: Program, source: Source, loop: ast.stmt, name: str) -> ast.Call | None:
    """Return the call after the loop that saves what was collected, itself or through what it calls."""
    parent = source.parents.get(loop)
    following: list[ast.stmt] = []
    for body in (getattr(parent, part, None) for part in ("body", "orelse", "finalbody")):
        if isinstance(body, list) and loop in body:
            following = body[body.index(loop) + 1 :]
    while isinstance(parent, (ast.With, ast.Try, ast.If)):  # what follows the block follows the loop
        outer = source.parents.get(parent)
        for body in (getattr(outer, part, None) for part in ("body", "orelse", "finalbody")):
            if isinstance(body, list) and parent in body:
                following += body[body.index(parent) + 1 :]
        parent = outer
    known = {name}
    for statement in following:
        if not known & names_in(statement):
            continue
        saving = saving_calls(program, source, [statement])
        if saving:
            calls = [one for one in ast.walk(statement) if isinstance(one, ast.Call)]
            return next((one for one in calls if one in saving), calls[0])
        known |= {
            one.id
            for one in ast.walk(statement)
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
        }
    return None
