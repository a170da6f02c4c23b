"""Pools of processes in a script: made again in every turn, or by a script that its workers import."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from leakhunt.analysis.script.program import LOOPS, Loop, Program, argument, base, names_in, where
from leakhunt.analysis.source import Source, constant
from leakhunt.findings.concerns import Concern

#: What pools of processes are called at home.
POOLS = frozenset({
    "multiprocessing.Pool", "multiprocessing.pool.Pool", "multiprocessing.get_context().Pool",
    "concurrent.futures.ProcessPoolExecutor", "concurrent.futures.process.ProcessPoolExecutor",
    "torch.multiprocessing.Pool", "torch.multiprocessing.get_context().Pool", "multiprocess.Pool",
    "billiard.Pool", "loky.ProcessPoolExecutor", "pebble.ProcessPool", "deadpool.Deadpool",
})  # fmt: skip
_CONTEXTS = ("multiprocessing.get_context", "torch.multiprocessing.get_context")
_SETTERS = ("multiprocessing.set_start_method", "torch.multiprocessing.set_start_method")
#: Pools of the standard library, which fork unless they are told not to.
_FORKING = ("multiprocessing.Pool", "multiprocessing.pool.Pool", "concurrent.futures.")
_FRESH = frozenset({"spawn", "forkserver"})
#: A pool that is made so often is no habit.
_FEW_TURNS = 5


def pool_calls(program: Program) -> Iterator[tuple[Source, ast.Call]]:
    """Every call that makes a pool of processes."""
    for source, call in program.calls():
        if program.called(source, call.func) in POOLS:
            yield source, call


def is_pool(program: Program, source: Source, node: ast.AST) -> bool:
    """Tell whether an expression is a pool of processes."""
    return program.called(source, node).removesuffix("()") in POOLS


def workers_of(source: Source, call: ast.Call) -> int | None:
    """Return the number of workers that a call asks for; None when it is computed or left to the machine."""
    wanted = argument(call, 0, "processes", "max_workers")
    return constant(source, wanted) if wanted is not None else None


def turns(source: Source, loop: Loop) -> int | None:
    """Return how often a loop over constants turns; None when nobody knows."""
    over = loop.iter if not isinstance(loop, ast.While) else None
    if isinstance(over, (ast.List, ast.Tuple, ast.Set)):
        return len(over.elts)
    if isinstance(over, ast.Name):
        given = {one for node in source.nodes if isinstance(node, ast.Assign) for one in node.targets
                 if isinstance(one, ast.Name) and one.id == over.id}  # fmt: skip
        values = [source.parents[one] for one in given]
        if len(values) == 1 and isinstance(only := values[0], ast.Assign):
            return len(only.value.elts) if isinstance(only.value, (ast.List, ast.Tuple, ast.Set)) else None
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "range":
        bounds = [constant(source, one) for one in over.args]
        numbers = [one for one in bounds if one is not None]
        if len(numbers) == len(bounds) and numbers and (len(numbers) < 3 or numbers[2]):
            return len(range(*numbers))
    return None


def pool_per_turn(program: Program) -> Iterator[Concern]:
    """A pool is made, used and thrown away in every turn of a loop."""
    for source, call in pool_calls(program):
        found = _loop_around(program, source, call)
        if found is None:
            continue
        at, loop = found
        made = source.text(call)
        header = at.bare(loop.lineno)
        yield Concern(
            "pool-per-turn", "unsafe", "a pool of processes is made in every turn of a loop", made,
            "make one pool, around the loop",
            why=(
                f"The loop at {base(at)}:{loop.lineno} starts new workers in each turn. Each of them imports or copies "
                "everything again, and what is left of the last ones is in memory at the same time."
            ),
            code=(
                f"{source.bare(call.lineno)}  # before, inside the loop\n"
                f"with {lasting(program, source, call)} as pool:  # after\n    {header}"
            ),
            where=where(source, call),
        )  # fmt: skip


def lasting(program: Program, source: Source, call: ast.Call) -> str:
    """Return the call as it should stand once for the run."""
    made = source.text(call)
    if not program.called(source, call.func).endswith(".Pool"):
        return made
    given = [one for one in (made.partition("(")[2].removesuffix(")"),) if one]
    if "maxtasksperchild" not in made:
        given.append("maxtasksperchild=200")
    return f'multiprocessing.get_context("spawn").Pool({", ".join(given)})'


def _loop_around(program: Program, source: Source, call: ast.Call) -> tuple[Source, Loop] | None:
    """Return the loop that makes the pool in every turn, directly or through the function that it calls."""
    for loop in source.around(call, *LOOPS):
        assert isinstance(loop, LOOPS)
        if _in_header(source, loop, call):
            continue
        return (source, loop) if _is_habit(source, loop, call) else None
    function = source.function_of(call)
    if function is None or _conditional(source, call, function):
        return None
    if any("cache" in ast.unparse(one) for one in function.decorator_list):
        return None
    for at in program.sources:
        for node in at.nodes:
            if isinstance(node, LOOPS) and any(
                isinstance(inner, ast.Call) and any(one is function for _, one in program.callees(inner))
                for step in node.body
                for inner in ast.walk(step)
            ):
                arguments = {one.arg for one in (*function.args.args, *function.args.kwonlyargs)}
                varies = bool(arguments & names_in(call))  # another size of pool in each turn
                return (at, node) if _is_habit(at, node, None) and not varies else None
    return None


def _is_habit(source: Source, loop: Loop, call: ast.Call | None) -> bool:
    """Tell whether each turn of the loop makes the same pool again: no attempt, no comparison of sizes."""
    count = turns(source, loop)
    if count is not None and count <= _FEW_TURNS:
        return False
    if any(isinstance(node, (ast.Break, ast.Return)) for step in loop.body for node in ast.walk(step)):
        return False  # it goes round until it has worked
    if call is None:
        return True
    if not isinstance(loop, ast.While) and names_in(loop.target) & names_in(call):
        return False
    return not _conditional(source, call, loop)


def _conditional(source: Source, call: ast.AST, top: ast.AST) -> bool:
    step = source.parents.get(call)
    while step is not None and step is not top:
        if isinstance(step, (ast.If, ast.IfExp, ast.ExceptHandler)):
            return True
        step = source.parents.get(step)
    return False


def _in_header(source: Source, loop: Loop, call: ast.AST) -> bool:
    head = loop.test if isinstance(loop, ast.While) else loop.iter
    return any(node is call for node in ast.walk(head)) or any(
        node is call for step in loop.orelse for node in ast.walk(step)
    )


def spawns(program: Program) -> ast.Call | None:
    """Return the call that asks for workers which import the script anew (spawn, forkserver); None without one."""
    for source, call in program.calls():
        if program.called(source, call.func) in (*_CONTEXTS, *_SETTERS):
            method = argument(call, 0, "method")
            if isinstance(method, ast.Constant) and method.value in _FRESH:
                return call
    return None


def forked_workers(program: Program) -> Iterator[Concern]:
    """Workers are made by fork, which is the default on Linux before Python 3.14."""
    if spawns(program) is not None or any(
        program.called(source, call.func) in (*_CONTEXTS, *_SETTERS) for source, call in program.calls()
    ):
        return
    for source, call in pool_calls(program):
        name = program.called(source, call.func)
        if not name.startswith(_FORKING) or argument(call, 9, "mp_context", "context") is not None:
            continue
        fresh = 'multiprocessing.get_context("spawn")'
        made = source.text(call)
        pool = name.endswith(".Pool")
        yield Concern(
            "workers-forked", "note", "workers are copies of their parent", made, "start them with spawn",
            why="A forked worker begins with all the memory of its parent; threads of libraries do not survive.",
            code=f"{made}  # before\n"
            + (f"{fresh}.Pool{made.partition('Pool')[2]}  # after" if pool
               else f"{made.removesuffix(')').rstrip(' ,')}, mp_context={fresh})  # after".replace("(, ", "(")),
            where=where(source, call),
        )  # fmt: skip


def unguarded_spawn(program: Program) -> Iterator[Concern]:
    """Workers that import the script would start workers themselves: there is no `__main__` guard."""
    if spawns(program) is None:
        return
    script = program.script
    for statement in script.tree.body:
        if isinstance(statement, ast.If) and "__name__" in names_in(statement.test):
            if any(isinstance(step, ast.Raise) or "exit(" in ast.unparse(step) for step in statement.body):
                return  # it leaves when it is not the main program
            continue
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for source, node in program.runs(script, [statement]):
            made = isinstance(node, ast.Call) and (
                program.called(source, node.func) in POOLS
                or program.called(source, node.func).endswith(
                    ("multiprocessing.Process", "get_context().Process")
                )
            )
            if made:
                first = script.bare(statement.lineno)
                yield Concern(
                    "spawn-without-guard", "unsafe", "workers are started when the script is imported", first,
                    'put it below `if __name__ == "__main__":`',
                    why=(
                        "Workers that are started by spawn or forkserver import the script first. This line "
                        "would start workers again in each of them: Python ends that with a RuntimeError."
                    ),
                    code=f'{first}  # before\nif __name__ == "__main__":  # after\n    {first}',
                    where=where(script, statement),
                )  # fmt: skip
                return
