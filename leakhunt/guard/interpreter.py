"""Asks an interpreter, or the one it runs in, what it is and which versions of some packages it has."""

from __future__ import annotations

import ast
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from leakhunt.errors import LeakhuntError

_QUESTION = """
import json, platform, sys
from importlib import metadata
names = set(sys.argv[1:])
of = metadata.packages_distributions() if sys.version_info >= (3, 10) else {}
versions = {}
for name in names & set(of):
    for distribution in of[name]:
        versions[distribution] = metadata.version(distribution)
print(json.dumps({
    "system": f"{sys.platform}-{platform.machine().lower()}",
    "implementation": f"{sys.implementation.name}-{sys.version_info[0]}.{sys.version_info[1]}",
    "packages": versions,
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What memory depends on besides the program. `key` names it: "linux-x86_64 cpython-3.11"."""

    key: str
    packages: dict[str, str] = field(default_factory=dict)


def describe_interpreter(python: str, modules: Iterable[str] = ()) -> Interpreter:
    """Return what `python` is, with the versions of the distributions that the `modules` come from."""
    try:
        answer = subprocess.run(
            [python, "-c", _QUESTION, *sorted(set(modules))],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip
        content = json.loads(answer)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise LeakhuntError(f"{python} does not say what it is: {error}", slug="python-broken") from error
    return Interpreter(
        f"{content['system']} {content['implementation']}", dict(sorted(content["packages"].items()))
    )


def this_key() -> str:
    """Return the key of the interpreter that this runs in."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"{sys.platform}-{platform.machine().lower()} {sys.implementation.name}-{version}"


def versions_here(modules: Iterable[str], distributions: Mapping[str, list[str]]) -> dict[str, str]:
    """Return the versions of the `distributions` (by module) that the modules come from, in this interpreter."""
    names = {name for module in modules for name in distributions.get(module, [])}
    return {name: metadata.version(name) for name in sorted(names)}


def modules_imported(script: Path) -> set[str]:
    """Return the top-level modules that a script imports, as far as its text says; none where it cannot be read."""
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
