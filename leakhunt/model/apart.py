"""Calls a function in an interpreter of its own: what may crash, hang or print there does it alone.

For reading memray's captures, whose reader is native code: a damaged capture has ended whole processes. What goes
wrong comes back as a `LossSeen`.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from leakhunt.model.run import LossSeen

T = TypeVar("T")

#: The longest that a reading may take; some hundred thousand sites take seconds.
_MOST_SECONDS = 120.0
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from leakhunt.model.apart import serve; serve()"
)


def apart(
    file: Path, function: Callable[..., T], *arguments: Any, seconds: float = _MOST_SECONDS
) -> T | LossSeen:
    """Return what `function` (of a module) says of `file`; a `LossSeen` when that ended, hung or raised."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _START, json.dumps(sys.path)],
            input=pickle.dumps((function, arguments)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return _unreadable(file, f"it took more than {seconds:.0f} s")
    except OSError as problem:
        return _unreadable(file, f"no process to read it in: {problem}")
    if done.returncode != 0:
        return _unreadable(file, f"its reader {_ended(done.returncode)}")
    try:
        said: T | LossSeen = pickle.loads(done.stdout)
    except Exception as problem:
        return _unreadable(file, type(problem).__name__)
    return said


def _unreadable(file: Path, why: str) -> LossSeen:
    return LossSeen("window-unreadable", f"{file.name} could not be read ({why})")


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def serve() -> None:
    """Read a call from standard input, do it, write what it returns to standard output; nothing else goes there."""
    with contextlib.suppress(Exception):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    function, arguments = pickle.loads(sys.stdin.buffer.read())
    with os.fdopen(out, "wb") as stream:
        pickle.dump(function(*arguments), stream)
