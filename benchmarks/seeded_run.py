"""Runs one case with one tool in a process of its own, and says how it ended and what it took of the processor."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CASES = Path(__file__).parent / "workloads" / "seeded_leaks.py"
#: A process that takes more of the processor is too slow, whatever else the machine does meanwhile.
PROCESSOR_SECONDS_AT_MOST = 30
SECONDS_AT_MOST = 900


@dataclass(frozen=True)
class Ran:
    """How a run ended: `grows`, `passes`, `too slow`, or `broken` where the tool did not get to judge."""

    outcome: str
    seconds: float
    processor: float | None
    report: dict[str, object] | None
    output: str


class Group:
    """A control group of one run: what its processes took of the processor, forked copies included."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def command(self, command: list[str]) -> list[str]:
        """Return the command as one that is limited, and enters the group first if there is one."""
        enter = 'echo $$ > "$0/cgroup.procs" && ' if self.path else ""
        limited = f'{enter}ulimit -t {PROCESSOR_SECONDS_AT_MOST} && exec "$@"'
        return ["sh", "-c", limited, str(self.path), *command]

    def processor_seconds(self) -> float | None:
        """Return the seconds so far; None without a group."""
        if self.path is None:
            return None
        first = self.path / "cpuacct.usage"
        if first.exists():
            return int(first.read_text()) / 1e9
        told = dict(line.split() for line in (self.path / "cpu.stat").read_text().splitlines())
        return int(told["usage_usec"]) / 1e6


@contextlib.contextmanager
def own_group() -> Iterator[Group]:
    """Make a control group where that is allowed; it is gone again when its processes are."""
    root = Path("/sys/fs/cgroup")
    second = root / "cgroup.controllers"
    name = f"leakhunt-seeded-{os.getpid()}-{threading.get_ident()}"
    path = (root if second.exists() else root / "cpuacct") / name
    try:
        path.mkdir()
    except OSError:
        yield Group(None)
        return
    try:
        yield Group(path)
    finally:
        for _ in range(200):
            try:
                path.rmdir()
                break
            except OSError:
                time.sleep(0.1)


def run(python: Path, name: str, source: str, grows: str, *, report: bool = False, **environment: str) -> Ran:
    """Run one test file (or script, for a name without `test`) in a directory of its own.

    It was told to grow when it failed and its output has a match of `grows`: what broke has not.
    """
    with tempfile.TemporaryDirectory(prefix="leakhunt-seeded-") as work:
        shutil.copy(CASES, work)
        Path(work, name).write_text(source)
        command = [str(python), name]
        if name.startswith("test"):
            command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", name]
            if report:
                command.append("--leakhunt=report.json")
        began = time.perf_counter()
        with own_group() as group:
            try:
                done = subprocess.run(
                    group.command(command), cwd=work, capture_output=True, text=True, timeout=SECONDS_AT_MOST,
                    check=False, env={**os.environ, **environment},
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return Ran("too slow", SECONDS_AT_MOST, group.processor_seconds(), None, "")
            seconds, processor = time.perf_counter() - began, group.processor_seconds()
        written = Path(work, "report.json")
        told = json.loads(written.read_text()) if written.exists() else None
        output = done.stdout + done.stderr
        return Ran(_outcome(done.returncode, output, grows), seconds, processor, told, output)


def _outcome(code: int, output: str, grows: str) -> str:
    if code == 0:
        return "passes"
    if code in (-signal.SIGKILL, -signal.SIGXCPU):
        return "too slow"
    return "grows" if code == 1 and re.search(grows, output) else "broken"
