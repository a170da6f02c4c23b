"""Advice about the run as a whole: what costs memory in every run of the program, leak or not.

Each rule needs something that was measured beside what the source says.
"""

from __future__ import annotations

import ast
import re
import sys

import numpy as np

from leakhunt.analysis.advised import Setting, loop_header, place
from leakhunt.analysis.columns import project_sources
from leakhunt.analysis.repeated import repeated_in
from leakhunt.analysis.source import Source, constant
from leakhunt.findings.diagnosis import Recommendation

_POOLS = frozenset({"Pool", "ProcessPoolExecutor"})
_WORKERS = frozenset({"fork-child", "spawn-pool-worker"})
_CAPS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: Whoever uses these has thought about threads; what they set need not show in the main process.
_CAPPING = re.compile(r"threadpool_limits|set_num_threads|inner_max_num_threads|ThreadpoolController")
# fmt: off
_PARSERS = frozenset({
    "absl", "argparse", "click", "configargparse", "cyclopts", "docopt", "fire", "getopt", "hydra", "jsonargparse",
    "optparse", "plac", "simple_parsing", "typer", "tyro",
})
# fmt: on
_FEWEST_TURNS = 6


def one_pool_for_all(setting: Setting) -> Recommendation | None:
    """A pool of worker processes is made, used and thrown away in every turn."""
    loop = setting.loop
    repeated = repeated_in(setting.sources, loop.file, loop.line)
    if repeated is None or loop.iterations < _FEWEST_TURNS:
        return None
    for source, call in _pool_calls(setting.sources):
        if not repeated.runs(source, call):
            continue
        at_once = _workers_of(source, call) or _at_once(setting)
        started = sum(1 for process in setting.run.processes if process.role in _WORKERS)
        if not at_once or started < 3 * at_once:
            return None  # fewer than three pools were seen
        made = source.text(call)
        return Recommendation(
            slug="one-pool",
            title=f"make one pool for the run, not one per {setting.unit}",
            why=(
                f"Line {call.lineno} makes a pool in every {setting.unit}: at least {started} worker processes were "
                f"started for {at_once} at a time. Each start copies or imports everything again."
            ),
            do=(
                "Make it once, around the loop; let workers be replaced now and then if they grow.\n\n"
                f"# {_base(source)}:{call.lineno}\n"
                f"{source.bare(call.lineno)}  # before: inside the loop\n"
                f"with {_lasting(made)} as pool:  # after\n    {loop_header(setting)}"
            ),
            findings=[],
            where=place(source, call),
            confirm=_again(setting),
        )
    return None


def _lasting(made: str) -> str:
    if made.split("(")[0].rpartition(".")[2] == "ProcessPoolExecutor":
        return made
    arguments = made.partition("(")[2]
    return f'multiprocessing.get_context("spawn").Pool({arguments.removesuffix(")")}, maxtasksperchild=200)'.replace(
        "(, ", "("
    )


def _pool_calls(sources: list[Source]) -> list[tuple[Source, ast.Call]]:
    """Where pools of processes are made, by the names that multiprocessing and concurrent.futures give them."""
    found = []
    for source in sources:
        if not any(
            name in text for text in source.lines for name in ("multiprocessing", "ProcessPoolExecutor")
        ):
            continue
        for node in source.nodes:
            if isinstance(node, ast.Call):
                called = node.func
                name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
                if name in _POOLS:
                    found.append((source, node))
    return found


def _workers_of(source: Source, call: ast.Call) -> int | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg in ("processes", "max_workers")]
    value = next(iter([*named, *call.args]), None)
    return constant(source, value) if value is not None else None


def _at_once(setting: Setting) -> int:
    """Return the most worker processes that were alive at a time, as the supervisor saw them."""
    counts = setting.run.tree.processes
    most = int(np.nanmax(counts)) - 1 if len(counts) and np.isfinite(counts).any() else 0
    return min(most, sum(1 for process in setting.run.processes if process.role in _WORKERS))


def cap_threads(setting: Setting) -> Recommendation | None:
    """Workers of which each runs as many BLAS threads as there are processors."""
    seen = next((detail for _, name, detail in setting.run.events if name == "native-threads"), None)
    libraries = seen.get("libraries") if isinstance(seen, dict) else None
    processors = seen.get("processors") if isinstance(seen, dict) else None
    if not isinstance(libraries, list) or not isinstance(processors, int) or not libraries:
        return None
    threads = max((one[1] for one in libraries if isinstance(one[1], int)), default=0)
    if threads < 2 or _at_once(setting) < 2:
        return None  # before any file is read
    sources = project_sources(setting)
    pools = _pool_calls(sources or [])
    if (
        sources is None
        or not pools
        or any(_CAPPING.search(text) for source in sources for text in source.lines)
    ):
        return None
    known = [count for source, call in pools if (count := _workers_of(source, call))]
    workers = min([_at_once(setting), *([max(known)] if known else [])])
    if workers < 2 or workers * threads <= processors:
        return None
    script = next((source for source in sources if source.path == setting.loop.file), sources[0])
    first = next((line for line in _foreign_imports(script)), None)
    setting_line = next((line for source in sources for line in _cap_lines(source)), None)
    if setting_line is not None and (first is None or setting_line < first or not _cap_lines(script)):
        return None  # set in time, or elsewhere: what the workers see is not known
    late = (
        f" Line {setting_line} sets it too late: it is read when numpy is imported." if setting_line else ""
    )
    return Recommendation(
        slug="cap-threads",
        title=f"cap BLAS threads: {workers} workers with {threads} threads each on {processors} processors",
        why=(
            f"{libraries[0][0]} runs {threads} threads in this process, and so in every worker: "
            f"{workers * threads} threads for {processors} processors, each with buffers of its own.{late}"
        ),
        do=(
            "Give each process one thread, before numpy is imported.\n\n"
            f"# {_base(script)}:{first or 1}, above the first import of numpy or of what imports it\n"
            f"import os\nfor name in {_CAPS}:\n"
            '    os.environ.setdefault(name, "1")'
        ),
        findings=[],
        where=place(script, first or 1),
        confirm=_again(setting),
    )


def _foreign_imports(source: Source) -> list[int]:
    """Lines of the imports at module level that are not of the standard library."""
    lines = []
    for node in source.tree.body:
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        else:
            continue
        if any(name.partition(".")[0] not in sys.stdlib_module_names for name in names):
            lines.append(node.lineno)
    return lines


def _cap_lines(source: Source) -> list[int]:
    return [
        node.lineno
        for node in source.nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.endswith("_NUM_THREADS")
    ]


def read_the_arguments(setting: Setting) -> Recommendation | None:
    """An option was given on the command line, and a constant of that name is what the program uses."""
    options = [
        (at, text) for at, text in enumerate(setting.run.argv) if text.startswith("--") and len(text) > 3
    ]
    sources = project_sources(setting) if options else None  # reads files: last of all
    if sources is None or any(_reads_arguments(source) for source in sources):
        return None
    for at, text in options:
        name, _, value = text[2:].partition("=")
        value = value or next(iter(setting.run.argv[at + 1 : at + 2]), "")
        given = f"--{name} {value}".strip() if not value.startswith("--") else f"--{name}"
        for source in sources:
            node = _constant_named(source, name.replace("-", "_"))
            if node is None:
                continue
            written = source.text(node)
            variable, kept = source.text(node.targets[0]), source.text(node.value)
            return Recommendation(
                slug="read-arguments",
                title=f"{given} was ignored: {variable} is written into the program",
                why=(
                    f"The program was started with {given}, but it reads no arguments: line {node.lineno} sets "
                    f"{variable} to {kept}, and nothing changes it."
                ),
                do=(
                    "Read it from the command line, so that a small test is small.\n\n"
                    f"# {_base(source)}:{node.lineno}\n{written}  # before\n"
                    "parser = argparse.ArgumentParser()  # after\n"
                    f'parser.add_argument("--{name}", type={_type_of(value)}, default={kept})\n'
                    f"{variable} = parser.parse_args().{name.replace('-', '_')}"
                ),
                findings=[],
                where=place(source, node),
                confirm=_again(setting),
            )
    return None


def _reads_arguments(source: Source) -> bool:
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and node.attr in ("argv", "orig_argv"):
            return True
        if isinstance(node, ast.Import) and any(one.name.partition(".")[0] in _PARSERS for one in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {one.name for one in node.names}
            if node.module.partition(".")[0] in _PARSERS or "argv" in names:
                return True
    return False


def _constant_named(source: Source, name: str) -> ast.Assign | None:
    """Return the only assignment of a constant to a variable of that name, in any case of letters, that is used."""
    stores, loads = [], 0
    for node in source.nodes:
        if isinstance(node, ast.Name) and node.id.lower() == name.lower():
            if isinstance(node.ctx, ast.Load):
                loads += 1
            else:
                stores.append(source.parents.get(node))
    only = stores[0] if len(stores) == 1 else None
    plain = isinstance(only, ast.Assign) and len(only.targets) == 1 and isinstance(only.value, ast.Constant)
    return only if plain and loads and isinstance(only, ast.Assign) else None


def _type_of(value: str) -> str:
    for kind in (int, float):
        try:
            kind(value)
        except ValueError:
            continue
        return kind.__name__
    return "str"


def _base(source: Source) -> str:
    return source.path.rpartition("/")[2]


def _again(setting: Setting) -> str:
    return f"leakhunt profile {setting.run.target} again: this advice is gone"
