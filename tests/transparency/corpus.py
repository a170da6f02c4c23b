"""Runs modules of CPython's own test package under plain Python and under leakhunt, and compares outcomes.

    python tests/transparency/corpus.py [--markdown] [--jobs N] [NAME...]

Each goes through the command line a user types, and every loop of the tests themselves is followed:
`leakhunt profile --follow 'test.*' -m unittest test.NAME`, and a few also as `-m test NAME`. Prints a
line per module as it ends (or one table); exits 1 on a difference that is not among `KNOWN`.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

NAMES = [
    # loops, generators, comprehensions
    "test_generators", "test_generator_stop", "test_genexps", "test_listcomps", "test_setcomps",
    "test_dictcomps", "test_iter", "test_itertools", "test_enumerate", "test_range", "test_yield_from",
    "test_coroutines", "test_asyncgen", "test_contextlib", "test_contextlib_async", "test_with",
    "test_operator", "test_slice", "test_sort",
    # containers
    "test_list", "test_dict", "test_dictviews", "test_set", "test_tuple", "test_deque", "test_heapq",
    "test_bisect", "test_collections", "test_ordered_dict", "test_userdict", "test_userlist", "test_array",
    "test_memoryview", "test_bytes",
    # errors, tracebacks, frames, tracing
    "test_exceptions", "test_exception_group", "test_baseexception", "test_raise", "test_traceback",
    "test_sys_settrace", "test_sys_setprofile", "test_frame", "test_bdb", "test_inspect", "test_dis",
    # life of objects
    "test_weakref", "test_weakset", "test_gc", "test_finalization", "test_copy", "test_pickle",
    "test_pickletools", "test_copyreg", "test_shelve",
    # language
    "test_scope", "test_named_expressions", "test_grammar", "test_syntax", "test_compile", "test_unpack",
    "test_unpack_ex", "test_except_star", "test_super", "test_descr", "test_class", "test_property",
    "test_dataclasses", "test_enum", "test_functools", "test_decorators", "test_augassign", "test_extcall",
    "test_patma", "test_typing", "test_types", "test_context", "test_unittest",
    # threads, processes, signals, tasks
    "test_queue", "test_thread", "test_fork1", "test_sched", "test_threadsignals",
    "test_multiprocessing_spawn", "test_multiprocessing_fork", "test_concurrent_futures",
    "test_asyncio.test_tasks", "test_asyncio.test_queues", "test_asyncio.test_locks",
    "test_asyncio.test_base_events", "test_asyncio.test_streams",
    # the rest of a program's day
    "test_string", "test_format", "test_json", "test_random", "test_statistics", "test_csv",
    "test_struct", "test_textwrap", "test_fractions", "test_calendar", "test_pprint", "test_tempfile",
]  # fmt: skip

#: What of a module that takes minutes is run.
PARTS = {
    "test_multiprocessing_spawn": ["-k", "TestQueue", "-k", "TestEvent", "-k", "TestPoolWorkerLifetime"],
    "test_multiprocessing_fork": ["-k", "TestQueue", "-k", "TestEvent", "-k", "TestPoolWorkerLifetime"],
    "test_concurrent_futures": ["-k", "ThreadPool"],
}

#: Run as `-m test NAME` too: what it prints besides its results is about the machine.
AS_TEST = ["test_generators", "test_weakref", "test_coroutines", "test_pickle", "test_deque"]

#: What differs and why: each is about the code object, the frames or the tracing of the loop itself.
KNOWN: dict[str, str] = {
    "test_compile": "two tests read the constants of their own code object, where the loop's site is",
    "test_dis": "it disassembles its own functions, whose loops ask whether they are followed",
    "test_sys_settrace": "it jumps into `while` bodies and counts the lines of `async for`, which are rewritten",
    "test_bdb": "a debugger that steps into an import sees the hook that compiles the user's modules",
    "test_array": "before 3.12, two tests count the references to the number 10, which a turn count may be",
}

_TELLING = re.compile(
    r"Ran \d+ test|(OK|FAILED)\b|(FAIL|ERROR): |\d+ tests? (OK|failed)|Result: |Total tests: |Tests result: "
)


@dataclass(frozen=True)
class Ending:
    """What a run of a test module says about its tests: not the times they took."""

    exit_code: int | None
    told: tuple[str, ...]
    seconds: float = 0.0

    def alike(self, other: Ending) -> bool:
        """Return whether both ended with the same code and told the same."""
        return (self.exit_code, self.told) == (other.exit_code, other.told)

    @property
    def tests(self) -> str:
        """How many tests ran."""
        found = re.search(r"(?:Ran |run=)([\d,]+)", " ".join(self.told))
        return found[1] if found else "?"


def exists(name: str) -> bool:
    """Return whether this Python has the test module."""
    try:
        return importlib.util.find_spec(f"test.{name}") is not None
    except ImportError:
        return False


def target_of(name: str) -> list[str]:
    """Return how the module is run: "NAME", or "-m test NAME" for one that the test package itself runs."""
    if name.startswith("-m "):
        return name.split()
    return ["-m", "unittest", *PARTS.get(name, []), f"test.{name}"]


def compare(name: str, folder: Path, timeout: float = 300) -> tuple[Ending, Ending]:
    """Return how one test module ends under plain Python and under leakhunt."""
    target = target_of(name)
    plain = _run([sys.executable, *target], folder / "plain", timeout)
    command = [sys.executable, "-m", "leakhunt", "profile", "--quiet", "--home", str(folder / "home")]
    followed = _run([*command, "--follow", "test.*", *target], folder / "followed", 2 * timeout)
    return plain, followed


def _run(command: list[str], folder: Path, timeout: float) -> Ending:
    folder.mkdir(parents=True)
    names = ("PYTEST", "LEAKHUNT", "COV", "VIRTUAL_ENV", "PYTHONPATH")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(names)}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
        env=environment, errors="backslashreplace", start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return Ending(None, ("took too long",), timeout)
    return Ending(process.returncode, _telling(output), time.monotonic() - began)


def _telling(output: str) -> tuple[str, ...]:
    lines = [line.split(" in ")[0].strip() for line in output.splitlines() if _TELLING.match(line)]
    return tuple(sorted(set(lines)))


def _differences(plain: Ending, followed: Ending) -> list[str]:
    lines = [f"- {line}" for line in plain.told if line not in followed.told]
    lines += [f"+ {line}" for line in followed.told if line not in plain.told]
    if plain.exit_code != followed.exit_code:
        lines.append(f"exit code {plain.exit_code} became {followed.exit_code}")
    return lines


def _compared(name: str) -> tuple[str, Ending, Ending]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return (name, *compare(name, Path(folder)))


def main(arguments: list[str] | None = None) -> int:
    """Print one line per module; return 1 if an unknown difference was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args(arguments)
    names = chosen.names or [*NAMES, *(f"-m test {n}" for n in AS_TEST)]
    names = [n for n in names if n.startswith("-m ") or exists(n)]
    began, wrong, same = time.monotonic(), 0, 0
    rows = []
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for name, plain, followed in pool.map(_compared, names):
            alike = plain.alike(followed)
            same += alike
            wrong += not alike and name not in KNOWN
            outcome = "same" if alike else "differs"
            note = "" if alike else KNOWN.get(name, "; ".join(_differences(plain, followed)))
            rows.append((name, plain.tests, outcome, note))
            if not chosen.markdown:
                times = f"{plain.seconds:6.1f} s {followed.seconds:6.1f} s"
                print(f"{name:32} {plain.tests:>6} {times} {outcome:8} {note}", flush=True)
    if chosen.markdown:
        print(
            f"| test module (Python {platform.python_version()}) | tests | outcome | why |\n|---|--:|---|---|"
        )
        for row in rows:
            print("| `{}` | {} | {} | {} |".format(*row))
        print()
    print(f"{same} of {len(rows)} modules end alike, {wrong} differ for no known reason "
          f"({time.monotonic() - began:.0f} s)")  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
