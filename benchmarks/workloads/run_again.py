"""Runs examples and tests that a package ships, again and again: `run_again.py TURNS FILE...`.

With 0 turns it only chooses what the turns of later runs are made of.

A file with test functions has those called that take no arguments, pass, and are quick; any other file is run as
a script. What they print is dropped. This is a stand-in for a long run over somebody else's code.
"""

import contextlib
import importlib
import inspect
import json
import os
import runpy
import sys
import time
import types
import unittest

#: What one file may add to a turn, and how long its steps are tried for.
TURN_SECONDS, TRIAL_SECONDS = 0.2, 8.0


def steps_of(file: str) -> list:
    """What one turn may call for a file."""
    if not os.path.basename(file).startswith("test_"):
        return [lambda: runpy.run_path(file, run_name="__main__")]
    module = module_at(file)
    steps = [case_again(case) for case in cases_in(unittest.defaultTestLoader.loadTestsFromModule(module))]
    for name, value in list(vars(module).items()):
        if name.startswith("test") and inspect.isfunction(value) and not inspect.signature(value).parameters:
            steps.append(value)
        elif name.startswith("Test") and inspect.isclass(value) and not issubclass(value, unittest.TestCase):
            steps += [method_of(value, one) for one in dir(value) if takes_nothing(value, one)]
    return steps


def module_at(file: str) -> types.ModuleType:
    """Import a file; in a package, as part of the installed one, so that its relative imports work."""
    folder, stem = os.path.split(os.path.splitext(file)[0])
    package, above = "", folder
    while os.path.exists(os.path.join(above, "__init__.py")):
        above, name = os.path.split(above)
        package = f"{name}.{package}" if package else name
    sys.path.append(above)
    if not package:
        return importlib.import_module(stem)
    if "." in package:
        importlib.import_module(package.rpartition(".")[0])
    sys.modules[package] = types.ModuleType(package)
    sys.modules[package].__path__ = [folder]
    return importlib.import_module(f"{package}.{stem}")


def cases_in(suite) -> list:
    return [
        case
        for part in suite
        for case in (cases_in(part) if isinstance(part, unittest.TestSuite) else [part])
    ]


def case_again(case: unittest.TestCase):
    def step() -> None:
        result = unittest.TestResult()
        type(case)(case._testMethodName).run(result)
        assert result.wasSuccessful()

    return step


def takes_nothing(owner: type, name: str) -> bool:
    value = inspect.getattr_static(owner, name)
    return (
        name.startswith("test")
        and inspect.isfunction(value)
        and len(inspect.signature(value).parameters) == 1
    )


def method_of(owner: type, name: str):
    def step() -> None:
        found = owner()
        if hasattr(found, "setup_method"):
            found.setup_method()
        getattr(found, name)()

    return step


def chosen(steps: list) -> list:
    """Numbers of the steps that pass, as many as fit into a turn; each is tried once for that."""
    fitting, turn, began = [], 0.0, time.perf_counter()
    for number, step in enumerate(steps):
        if turn > TURN_SECONDS or time.perf_counter() - began > TRIAL_SECONDS:
            break
        started = time.perf_counter()
        try:
            step()
        except BaseException:
            continue
        took = time.perf_counter() - started
        if took < TURN_SECONDS / 4 or len(steps) == 1:
            fitting.append(number)
            turn += took
    return fitting


def main() -> None:
    turns, files = int(sys.argv[1]), sys.argv[2:]
    sys.argv[1:] = []
    # Trying steps is no part of the long run: it is done in a process of its own, with 0 turns.
    noted = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run_again.json")
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        if not turns:
            with open(noted, "w") as out:
                json.dump([chosen(steps_of(file)) for file in files], out)
            return
        with open(noted) as lines:
            numbers = json.load(lines)
        steps = []
        for file, some in zip(files, numbers, strict=True):
            made = steps_of(file)
            steps += [made[number] for number in some]
        for turn in range(turns):
            for step in steps:
                with contextlib.suppress(Exception, SystemExit):
                    step()
    print(f"{len(steps)} steps, {turns} turns")


if __name__ == "__main__":
    main()
