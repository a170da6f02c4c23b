"""Runs a program twice, under plain Python and under leakhunt's bootstrap, and says what each did."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import leakhunt

PACKAGE = Path(leakhunt.__file__).parent
BOOTSTRAP = PACKAGE / "capture" / "bootstrap.py"


@dataclass(frozen=True)
class Outcome:
    """What a process showed to the world."""

    exit_code: int
    stdout: str
    stderr: str


def command_line(target: str, mode: str, argv: list[str]) -> list[str]:
    """Return what plain Python is started with."""
    return ["-m", target, *argv] if mode == "module" else [target, *argv]


def run_plain(
    target: str, argv: list[str], *, mode: str = "script", flags: list[str], stdin: str, cwd: Path,
    timeout: float = 100,
) -> Outcome:  # fmt: skip
    """Run the target under plain Python."""
    return _run([*flags, *command_line(target, mode, argv)], {}, stdin, cwd, timeout)


def run_followed(
    target: str, argv: list[str], *, mode: str = "script", flags: list[str], stdin: str, cwd: Path,
    run_dir: Path, root: Path, follow: tuple[str, ...] = (), timeout: float = 100, iterations: int = 1,
) -> Outcome:  # fmt: skip
    """Run the target under the bootstrap, as the supervisor does."""
    agent = write_config(
        target, argv, mode=mode, run_dir=run_dir, root=root, follow=follow, iterations=iterations
    )
    return _run([*flags, str(BOOTSTRAP)], {"LEAKHUNT_AGENT": str(agent)}, stdin, cwd, timeout)


def write_config(
    target: str, argv: list[str], *, mode: str = "script", run_dir: Path, root: Path,
    follow: tuple[str, ...] = (), iterations: int = 1,
) -> Path:  # fmt: skip
    """Write what the supervisor tells the bootstrap, and return the file."""
    (run_dir / "checkpoints").mkdir(parents=True, exist_ok=True)
    config = {
        "format": 1, "run_dir": str(run_dir), "package_dir": str(PACKAGE), "mode": mode, "target": target,
        "argv": argv, "iterations": iterations, "follow": list(follow), "primary": None,
        "project_root": str(root), "parent_pid": os.getpid(), "options": {},
    }  # fmt: skip
    agent = run_dir / "agent.json"
    agent.write_text(json.dumps(config))
    return agent


def _run(arguments: list[str], extra: dict[str, str], stdin: str, cwd: Path, timeout: float) -> Outcome:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "LEAKHUNT", "COV"))}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(
        [sys.executable, *arguments], input=stdin, capture_output=True, text=True, cwd=cwd,
        timeout=timeout, env={**environment, **extra}, errors="backslashreplace",
    )  # fmt: skip
    return Outcome(done.returncode, _scrubbed(done.stdout), _scrubbed(done.stderr))


def _scrubbed(text: str) -> str:
    return re.sub(r"0x[0-9a-f]{6,}", "0xADDRESS", text)
