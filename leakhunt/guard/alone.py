"""The supervisor of `leakhunt run` as a process of its own: small, because it must not be the victim.

The command line checks what the user wants, writes it into the run directory, and replaces itself by an
interpreter that loads this module and no more: half the memory, and nothing that could need more later.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from leakhunt.errors import LeakhuntError
from leakhunt.guard.attempts import Guarded
from leakhunt.guard.guarded import run_guarded
from leakhunt.guard.policy import Bounds
from leakhunt.guard.service import ServiceManager
from leakhunt.journal.rundir import RunDirectory, write_json

_NAME = "guard.json"
_START = "import sys; sys.path[0] = sys.argv[1]; from leakhunt.guard.alone import main; main(sys.argv[2])"


@dataclass(frozen=True, slots=True)
class Order:
    """What `leakhunt run` was asked for.

    `words` is the program as the user named it; `added` is what the environment gets beside what is there.
    """

    label: str
    words: list[str]
    command: list[str]
    added: dict[str, str]
    bounds: Bounds
    copies: int = 1
    preflight: dict[str, Any] | None = None

    def save(self, run: RunDirectory) -> None:
        """Write it into the run directory. Raises LeakhuntError."""
        try:
            write_json(run.path / _NAME, {"format": 1, **asdict(self)})
        except OSError as error:
            raise LeakhuntError(f"cannot write {run.path}: {error.strerror}", slug="run-directory") from error


def order_of(run: RunDirectory) -> Order:
    """Return what was asked for in `run`. Raises LeakhuntError where that was no guarded run."""
    try:
        content: dict[str, Any] = json.loads((run.path / _NAME).read_text(encoding="utf-8"))
        content.pop("format")
        return Order(**{**content, "bounds": Bounds(**content["bounds"])})
    except (OSError, ValueError, TypeError, KeyError):
        raise LeakhuntError(
            f"{run.path} is no guarded run: `leakhunt run script.py` makes one", slug="run-not-guarded"
        ) from None


def become_supervisor(run: RunDirectory) -> NoReturn:
    """Replace this process by the supervisor of `run`."""
    package = Path(__file__).resolve().parent.parent.parent
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-c", _START, str(package), str(run.path)])


def main(path: str) -> NoReturn:
    """Supervise the run in the directory `path` and leave with its exit code."""
    try:
        code = _supervise(RunDirectory(Path(path)))
    except LeakhuntError as error:
        _say(str(error))
        code = error.exit_code
    sys.exit(code)


def _supervise(run: RunDirectory) -> int:
    order = order_of(run)
    service = ServiceManager.of(os.environ)  # the program does not speak for us
    environment = {**os.environ, **order.added}
    what = Guarded(
        order.label,
        order.words,
        order.command,
        environment,
        order.bounds,
        _say,
        order.copies,
        order.preflight,
    )
    code = run_guarded(what, run, service)
    run.write_info(outcome="completed" if code == 0 else "failed")
    _say(f"run: {run.path}")
    return code


def _say(text: str) -> None:
    """Tell the user something on standard error: standard output is the program's."""
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(2, f"leakhunt: {text}\n".encode(errors="backslashreplace"))
