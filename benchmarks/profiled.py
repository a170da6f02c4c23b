"""Runs one program through `leakhunt profile` in a fresh process and hands back its JSON report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class ProfileFailed(Exception):
    """`leakhunt profile` wrote no report; the message is what it said instead."""


def profile(
    program: Path,
    *arguments: str,
    python: str = sys.executable,
    target_python: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 300.0,
) -> dict[str, Any]:
    """Return the report of `program`.

    `python` is the interpreter that has leakhunt; `target_python` the one that runs the program, if another.
    `environment` are variables that the program sees besides those of this process.
    """
    with tempfile.TemporaryDirectory(prefix="leakhunt-profiled-") as work:
        report = Path(work, "report.json")
        command = [python, "-m", "leakhunt", "profile", "--quiet", "--json", str(report)]
        if target_python is not None:
            command += ["--python", target_python]
        try:
            done = subprocess.run(
                [*command, str(Path(program).resolve()), *arguments],
                cwd=work, capture_output=True, text=True, timeout=timeout, check=False,
                env={**os.environ, **(environment or {})},
            )  # fmt: skip
        except subprocess.TimeoutExpired as expired:
            raise ProfileFailed(f"no end after {timeout:.0f} s") from expired
        if not report.exists():
            raise ProfileFailed(f"exit {done.returncode}: {_last_line(done.stderr or done.stdout)}")
        return dict(json.loads(report.read_text()))


def target_for(needs: Iterable[str], target_python: str | None = None) -> str | None:
    """Return the interpreter that runs a program with these needs; None for the one that has leakhunt.

    torch is too big for the environment of every developer: LEAKHUNT_TORCH_PYTHON names one that has it.
    """
    if target_python is None and "torch" in needs:
        return os.environ.get("LEAKHUNT_TORCH_PYTHON")
    return target_python


def lacking(packages: Iterable[str], python: str) -> set[str]:
    """Return those of `packages` that `python` cannot import."""
    names = sorted(set(packages))
    probe = (
        "import importlib.util, sys; print(*(n for n in sys.argv[1:] if importlib.util.find_spec(n) is None))"
    )
    done = subprocess.run([python, "-I", "-c", probe, *names], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"
