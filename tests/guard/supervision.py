"""Helpers: a way to start a supervised target, and to look at what was recorded of it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from leakhunt.errors import LeakhuntError
from leakhunt.journal.reader import Journal, Record, read_journal
from leakhunt.journal.rundir import RunDirectory, find_run

SUPERVISED = Path(__file__).parent / "supervised.py"


def _hears_hangups() -> None:
    """Under nohup every program ignores them, and these tests' targets would."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Supervised:
    """One target under a supervisor of its own."""

    def __init__(self, directory: Path, *, agent: bool) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.agent = agent
        self.process: subprocess.Popen[str] | None = None

    def command(self, code: str, *arguments: str) -> list[str]:
        script = self.directory / "target.py"
        script.write_text(textwrap.dedent(code))
        plain = [] if self.agent else ["--plain"]
        return [sys.executable, str(SUPERVISED), *plain, str(self.home), str(script), *arguments]

    def run(self, code: str, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(code, *arguments), capture_output=True, text=True, timeout=100, **options
        )

    def start(self, code: str, *arguments: str, **options) -> subprocess.Popen[str]:
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("preexec_fn", _hears_hangups)
        self.process = subprocess.Popen(self.command(code, *arguments), text=True, **options)
        return self.process

    @property
    def run_directory(self) -> RunDirectory:
        return find_run(self.home)

    @property
    def journal(self) -> Journal:
        return read_journal(self.run_directory.supervisor_journal)

    def target_pid(self) -> int:
        """Wait until the target runs, and return its number."""
        return self.wait_for("start", 1)[0].fields["pid"]

    def wait_for(self, kind: str, count: int) -> list[Record]:
        """Wait until the supervisor has written `count` records of `kind`, and return them."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(LeakhuntError):
                found = self.journal.of(kind)
                if len(found) >= count:
                    return found
            time.sleep(0.01)
        raise AssertionError(f"no {count} {kind} records were written")


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until_gone(pid: int, seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not is_running(pid):
            return True
        time.sleep(0.01)
    return False
