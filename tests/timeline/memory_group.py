"""A memory control group for one program: real kernel kills, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from leakhunt.cgroups import control_groups


class MemoryGroup:
    """A group below our own, with a limit in bytes."""

    def __init__(self, directory: Path, *, is_v1: bool) -> None:
        self.directory = directory
        self._limit = directory / ("memory.limit_in_bytes" if is_v1 else "memory.max")
        self._empty = (
            (directory / "memory.force_empty", "0") if is_v1 else (directory / "memory.reclaim", "1G")
        )

    def limit(self, size: int) -> None:
        self._limit.write_text(str(size))

    def drop_cache(self) -> None:
        """Let go of file pages that earlier programs left in the group."""
        with contextlib.suppress(OSError):
            self._empty[0].write_text(self._empty[1])

    def run(self, command: list[str], **options) -> subprocess.Popen[str]:
        """Start a command inside the group."""
        enter = f"open({str(self.directory / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))"
        code = f"import os, sys; {enter}; os.execvp(sys.argv[1], sys.argv[1:])"
        return subprocess.Popen([sys.executable, "-c", code, *command], text=True, **options)


@contextlib.contextmanager
def memory_group(name: str) -> Iterator[MemoryGroup | None]:
    """Make a group; None where this machine does not let us."""
    groups = control_groups()
    found = None
    for chain, is_v1 in ((groups.v1, True), (groups.v2, False)):
        for parent in chain[:1]:
            directory = parent / f"leakhunt-test-{name}-{os.getpid()}"
            with contextlib.suppress(OSError):
                directory.mkdir()
                group = MemoryGroup(directory, is_v1=is_v1)
                with contextlib.suppress(OSError):
                    group.limit(1 << 33)
                    found = group
                    break
                directory.rmdir()
        if found is not None:
            break
    try:
        yield found
    finally:
        if found is not None:
            _remove(found.directory)


def _remove(directory: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            directory.rmdir()
            return
        except OSError:
            for pid in (directory / "cgroup.procs").read_text().split():
                with contextlib.suppress(OSError):
                    os.kill(int(pid), 9)
            time.sleep(0.05)
