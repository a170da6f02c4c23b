"""Helpers: guarded runs to be disturbed, and a memory control group that plays the machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from leakhunt.cgroups import control_groups
from leakhunt.guard.lineage import marked
from leakhunt.journal.reader import Journal, read_journal

PATIENCE = 60.0


class Guarding:
    """One program under `leakhunt run` in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process: subprocess.Popen[str] | None = None
        self.said = ""

    def command(self, *options: str, target: str = "program.py") -> list[str]:
        return [
            sys.executable,
            "-m",
            "leakhunt",
            "run",
            "--home",
            "home",
            *options,
            *([target] if target else []),
        ]

    def write(self, program: str, name: str = "program.py") -> None:
        (self.directory / name).write_text(textwrap.dedent(program))

    def start(self, program: str, *options: str, **more) -> subprocess.Popen[str]:
        self.write(program)
        # no pipe: what outlives the run would keep it open
        self.process = subprocess.Popen(
            self.command(*options),
            cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, **more,
        )  # fmt: skip
        return self.process

    def run(self, program: str, *options: str, **more) -> subprocess.CompletedProcess[str]:
        self.write(program)
        done = subprocess.run(
            self.command(*options), cwd=self.directory, capture_output=True, text=True, timeout=110, **more
        )
        self.said = done.stderr
        return done

    def resume_in_background(self) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            self.command("--resume", "last", target=""),
            cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        return self.process

    def resume(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command("--resume", "last", *options, target=""),
            cwd=self.directory, capture_output=True, text=True, timeout=110,
        )  # fmt: skip

    @property
    def run_directory(self) -> Path:
        runs = self.directory / "home" / "runs"
        assert runs.exists(), f"there is no run: {self.said}"
        return max(runs.iterdir(), key=lambda path: path.stat().st_ctime_ns)

    @property
    def journal(self) -> Journal:
        return read_journal(self.run_directory / "supervisor.jsonl")

    def kinds(self, *wanted: str) -> list[str]:
        return [record.kind for record in self.journal.records if record.kind in wanted]

    def rows(self) -> list[str]:
        path = self.directory / "results.csv"
        return path.read_text().split() if path.exists() else []

    def file(self, name: str) -> str:
        """Wait until the program has written this file, and return what is in it."""
        path = self.directory / name
        wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
        return path.read_text()

    def end(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
        home = self.directory / "home"
        for pid, run in marked().items():
            if home in run.parents:
                with contextlib.suppress(OSError):
                    os.kill(pid, 9)


def wait_until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


class MemoryGroup:
    """A memory control group of a given size; what is started through `inside` has no more memory than that."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        old = (path / "memory.limit_in_bytes").exists()
        (path / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(size))
        with contextlib.suppress(OSError):
            (path / ("memory.swappiness" if old else "memory.swap.max")).write_text("0")

    def inside(self) -> None:
        """Enter the group: for `preexec_fn`."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def pids(self) -> list[int]:
        return [int(pid) for pid in (self.path / "cgroup.procs").read_text().split()]

    def close(self) -> None:
        def is_empty() -> bool:
            for pid in self.pids():
                with contextlib.suppress(OSError):
                    os.kill(pid, 9)
            try:
                self.path.rmdir()
            except OSError:
                return False
            return True

        wait_until(is_empty)


@contextlib.contextmanager
def memory_group(size: int) -> Iterator[MemoryGroup | None]:
    """Give a memory control group of `size` bytes below the own one; None where none can be made."""
    found = control_groups()
    parents = [*found.v1[:1], *found.v2[:1]]
    for parent in parents:
        path = parent / f"leakhunt-test-{os.getpid()}-{time.monotonic_ns()}"
        try:
            path.mkdir()
        except OSError:
            continue
        try:
            group = MemoryGroup(path, size)
        except OSError:
            path.rmdir()
            continue
        try:
            yield group
        finally:
            group.close()
        return
    yield None
