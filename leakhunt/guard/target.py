"""What is to be run, checked before anything starts: the script, its project, the interpreter for it.

Starts nothing but, for a foreign interpreter, a question for its version.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from leakhunt.errors import LeakhuntError
from leakhunt.guard.policy import Bounds
from leakhunt.journal.rundir import RunDirectory, write_json

Mode = Literal["script", "module", "function"]
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_PROJECT_MARKS = (".git", "pyproject.toml", "setup.py")
_OLDEST = (3, 10)
#: Where the agent in the target finds its configuration.
AGENT_VARIABLE = "LEAKHUNT_AGENT"
#: What a function is called this often when it has no loop of its own.
ITERATIONS = 40


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """What the user asked for, parsed once at the edge."""

    target: str
    arguments: tuple[str, ...] = ()
    module: bool = False
    python: str | None = None
    virtual_env: str | None = None
    primary: str | None = None
    follow: tuple[str, ...] = ()
    iterations: int | None = None
    home: Path = Path(".leakhunt")
    extra: dict[str, Any] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True, slots=True)
class Target:
    """A target that can be started."""

    name: str
    mode: Mode
    arguments: tuple[str, ...]
    project_root: Path
    python: str
    #: What the user should know about the choice of interpreter.
    notice: str | None = None

    @property
    def label(self) -> str:
        """A short name for the run."""
        return Path(self.name).stem if self.mode == "script" else self.name.split(":")[0]


def find_target(options: ProfileOptions) -> Target:
    """Return what `options` name; LeakhuntError when it cannot be run."""
    mode = _mode(options)
    if mode == "script":
        script = Path(options.target)
        _check_script(script)
        root = project_root(script)
    else:
        root = Path.cwd()
    python, notice = _interpreter(options)
    return Target(options.target, mode, tuple(options.arguments), root, python, notice)


def project_root(script: Path) -> Path:
    """Return the nearest directory above `script` that looks like a project; else the script's own."""
    directory = Path(os.path.abspath(script)).parent
    for parent in (directory, *directory.parents):
        if any((parent / mark).exists() for mark in _PROJECT_MARKS):
            return parent
    return directory


def command_of(target: Target) -> list[str]:
    """Return the command line that starts `target` under the agent."""
    return [target.python, str(_package() / "capture" / "bootstrap.py")]


def agent_config(target: Target, options: ProfileOptions, run: RunDirectory) -> dict[str, Any]:
    """Return what the agent is told through `agent.json`."""
    return {
        "format": 1,
        "run_dir": str(run.path),
        "package_dir": str(_package()),
        "mode": target.mode,
        "target": target.name,
        "argv": list(target.arguments),
        "iterations": options.iterations or ITERATIONS,
        "follow": list(options.follow),
        "primary": options.primary,
        "project_root": str(target.project_root),
        "parent_pid": os.getpid(),
        "options": {"primary": options.primary, "iterations": options.iterations, **options.extra},
    }


def braked_command(
    target: Target, options: ProfileOptions, run: RunDirectory
) -> tuple[list[str], dict[str, str]]:
    """Return the command that starts `target` with the brake in its loops and nothing else, and its environment."""
    try:
        write_json(run.agent_config, {**agent_config(target, options, run), "listens": False})
    except OSError as error:
        raise LeakhuntError(f"cannot write {run.path}: {error.strerror}", slug="run-directory") from error
    return command_of(target), {AGENT_VARIABLE: str(run.agent_config)}


def _package() -> Path:
    return Path(__file__).resolve().parent.parent


def _mode(options: ProfileOptions) -> Mode:
    if options.module:
        return "module"
    if _FUNCTION.fullmatch(options.target) and not os.path.lexists(options.target):
        return "function"
    return "script"


def _check_script(script: Path) -> None:
    if script.is_dir():
        raise LeakhuntError(
            f"{script} is a directory: name a script in it, or `-m package`", slug="target-directory"
        )
    try:
        with open(script, "rb"):
            pass
    except FileNotFoundError as error:
        raise LeakhuntError(f"no such script: {script}", slug="target-missing") from error
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise LeakhuntError(f"cannot read {script}: {problem}", slug="target-unreadable") from error


def _interpreter(options: ProfileOptions) -> tuple[str, str | None]:
    if options.python is not None:
        found = shutil.which(options.python)
        if found is None:
            raise LeakhuntError(
                f"no interpreter {options.python!r}: give --python the path of one", slug="python-missing"
            )
        _check_version(found)
        return found, None
    if options.virtual_env:
        environment = Path(options.virtual_env)
        for name in ("bin/python", "Scripts/python.exe"):
            python = environment / name
            if python.exists() and not _is_ours(environment):
                _check_version(str(python))
                return str(
                    python
                ), f"running in the active environment {environment} (--python takes another)"
    return sys.executable, None


def _is_ours(environment: Path) -> bool:
    return os.path.realpath(environment) == os.path.realpath(sys.prefix)


def _check_version(python: str) -> None:
    question = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [python, "-I", "-S", "-c", question], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        version = tuple(map(int, answer.split()))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise LeakhuntError(f"{python} does not run Python code: {error}", slug="python-broken") from error
    if version < _OLDEST:
        found = ".".join(map(str, version))
        needed = ".".join(map(str, _OLDEST))
        raise LeakhuntError(f"{python} is Python {found} and {needed} is needed: give --python another",
                            slug="python-old")  # fmt: skip
