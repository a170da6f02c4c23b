"""Threads of numeric libraries: caps that come too late, and none where workers multiply them."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator

from leakhunt.analysis.script.pools import pool_calls, spawns, workers_of
from leakhunt.analysis.script.program import Program, base, where
from leakhunt.analysis.source import Source
from leakhunt.findings.concerns import Concern

#: Numeric libraries, which read the number of threads when they are imported.
_NUMERIC = frozenset({
    "numpy", "scipy", "pandas", "sklearn", "torch", "xgboost", "lightgbm", "statsmodels", "numexpr", "cupy", "jax",
})  # fmt: skip
#: Calls of these go to BLAS, whose threads do the work.
_LINEAR = frozenset(
    {"linalg", "dot", "matmul", "einsum", "tensordot", "eigh", "eigvalsh", "svd", "lstsq", "solve"}
)
_FITTING = ("sklearn.", "torch.", "statsmodels.")
_SETTERS = frozenset({"putenv", "setdefault", "update"})
_FRESH_STARTS = ("subprocess.", "joblib.", "loky.", "os.exec", "os.spawn", "dask", "ray")
_CAPS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: Whoever uses these sets the threads of libraries that are imported already.
_AT_RUN_TIME = ("threadpool_limits", "ThreadpoolController", "set_num_threads", "inner_max_num_threads")


def caps_set_too_late(program: Program) -> Iterator[Concern]:
    """A script sets the number of threads when the library that reads it is imported already."""
    if _caps_at_run_time(program) or spawns(program) is not None:
        return  # what is started afresh reads them in time
    if any(program.called(source, call.func).startswith(_FRESH_STARTS) for source, call in program.calls()):
        return
    script = program.script
    caps = [(name, node) for name, node in _caps(program, script)]
    first = _first_numeric(program)
    if not caps or first is None:
        return
    name, node = caps[0]
    in_function = script.function_of(node) is not None
    if node.lineno < first.lineno and not in_function:
        return
    imported = script.bare(first.lineno)
    setting = script.bare(node.lineno)
    yield Concern(
        "caps-too-late", "risky", f"{name} is set when it has been read already", setting,
        f"set it above line {first.lineno}",
        why=(
            f"Line {first.lineno} imports a library that reads the number of threads once, while it is imported. "
            f"Line {node.lineno} sets it for nobody in this process and in what is forked from it."
        ),
        code=f"import os  # after: these lines go first\n{_cap_code(name)}\n{imported}",
        where=where(script, node),
    )  # fmt: skip


def threads_times_workers(program: Program, planned: int | None, processors: int | None) -> Iterator[Concern]:
    """Each of several workers runs as many BLAS threads as there are processors."""
    if processors is None or processors < 2 or any(name in os.environ for name in _CAPS):
        return
    if _caps_at_run_time(program) or any(_caps(program, source) for source in program.sources):
        return
    linear = next(
        (found for source in program.sources if (found := _linear(program, source)) is not None), None
    )
    if linear is None:
        return
    for source, call in pool_calls(program):
        workers = workers_of(source, call) or planned
        if workers is None and not (call.args or call.keywords):
            workers = processors  # a pool takes one for each
        if workers is None or workers < 2:
            continue
        first = _first_numeric(program)
        line = first.lineno if first is not None else 1
        yield Concern(
            "threads-times-workers", "risky", "threads of numeric libraries are not capped",
            f"{workers} workers x {processors} threads on {processors} processors",
            f"set them above line {line}, or start with `leakhunt run --workers {workers}`",
            why=(
                f"The workers compute with BLAS ({base(linear[0])}:{linear[1].lineno}), which starts one thread per "
                "processor in each of them; each thread has buffers of its own."
            ),
            code=f"import os  # {base(program.script)}:{line}, above the first import of numpy or of what imports it\n"
            + "\n".join(_cap_code(name) for name in _CAPS),
            where=where(source, call),
        )  # fmt: skip
        return


def _cap_code(name: str) -> str:
    return f'os.environ.setdefault("{name}", "1")'


def _caps(program: Program, source: Source) -> list[tuple[str, ast.Constant]]:
    """Return where the environment of this process is given a number of threads: (variable, its name's node)."""
    found = []
    for node in source.nodes:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if node.value.endswith("_NUM_THREADS") and _sets_environment(program, source, node):
            found.append((node.value, node))
    return sorted(found, key=lambda one: one[1].lineno)


def _sets_environment(program: Program, source: Source, node: ast.AST) -> bool:
    step: ast.AST | None = node
    while step is not None and not isinstance(step, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        if isinstance(step, ast.Assign):
            targets = [one.value for one in step.targets if isinstance(one, ast.Subscript)]
            return any(program.called(source, one) == "os.environ" for one in targets)
        if isinstance(step, ast.Call) and isinstance(step.func, ast.Attribute) and step.func.attr in _SETTERS:
            name = program.called(source, step.func)
            return name.startswith("os.environ.") or name == "os.putenv"
        if isinstance(step, (ast.For, ast.AsyncFor)):  # for name in (...): os.environ[name] = "1"
            return any(
                program.called(source, one.value) == "os.environ"
                for one in ast.walk(step)
                if isinstance(one, ast.Subscript) and isinstance(one.ctx, ast.Store)
            ) or any(
                program.called(source, one.func) == "os.environ.setdefault"
                for one in ast.walk(step)
                if isinstance(one, ast.Call)
            )
        step = source.parents.get(step)
    return False


def _first_numeric(program: Program) -> ast.stmt | None:
    """Return the first import at the script's top level that brings a numeric library, if by way of the project."""
    for node in program.script.tree.body:
        for name in _imported_by(node):
            if name.partition(".")[0] in _NUMERIC or _brings_numeric(program, name, {program.script.path}):
                return node
    return None


def _brings_numeric(program: Program, module: str, seen: set[str]) -> bool:
    stem = os.path.join(os.sep, *module.split("."))
    ends = (f"{stem}.py", os.path.join(stem, "__init__.py"))
    for source in program.sources:
        if source.path in seen or not source.path.endswith(ends):
            continue
        seen.add(source.path)
        for node in source.tree.body:
            for name in _imported_by(node):
                if name.partition(".")[0] in _NUMERIC or _brings_numeric(program, name, seen):
                    return True
    return False


def _imported_by(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module]
    return []


def _linear(program: Program, source: Source) -> tuple[Source, ast.expr] | None:
    """Return a place that computes with BLAS."""
    numeric = {name for name, home in program.imported(source).items() if home.partition(".")[0] in _NUMERIC}
    if not numeric:
        return None
    for node in source.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            return source, node
        if isinstance(node, ast.Attribute) and node.attr in _LINEAR:
            return source, node
        if isinstance(node, ast.Call) and program.called(source, node.func).startswith(_FITTING):
            return source, node
    return None


def _caps_at_run_time(program: Program) -> bool:
    return any(word in line for source in program.sources for line in source.lines for word in _AT_RUN_TIME)
