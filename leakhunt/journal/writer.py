"""Appends records to one journal: one write per record, nothing ever raised into the program around it.

A full disk drops records and counts them; a forked child that inherits a writer writes nothing.
There is no lock: the sequence number is taken atomically and one `O_APPEND` write is one line, so
threads, signal handlers and finalizers may write at any time (a reader sorts by sequence number).
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Mapping
from typing import Any

from leakhunt._version import __version__
from leakhunt.host import boot_clock, boot_id, out_of_the_way, platform_name, python_version, wall_clock
from leakhunt.journal.codec import encode_line
from leakhunt.journal.records import FIELDS, FORMAT, FREQUENT
from leakhunt.syscalls import identity, write

#: The interval between frequent records doubles each time they have filled this much, which keeps a
#: run of ten hours at 200 samples a second near 30 MB and lets a short run keep every one.
THIN_EVERY = 4_000_000

#: Above this size only records that tell the story are still written.
MAX_JOURNAL = 200_000_000

#: Kept beside each journal and given up when the disk is full, so that the end of the story finds room.
RESERVE = 128 * 1024

#: After a write that found no room, samples are not tried again for so long.
REST_WHEN_FULL = 2.0

_OF_ITERATIONS = FREQUENT | {"enter", "leave"}


class JournalWriter:
    """The writing end of one journal file; `dropped` counts the records that could not be written."""

    def __init__(self, path: str | os.PathLike[str], header: Mapping[str, Any]) -> None:
        """Open `path` for appending and write its header.

        `header` names fields of the header record; what it leaves out about this process is filled in.
        """
        self.path = os.path.abspath(path)  # the target may change directory
        self.dropped = 0
        self._told = 0
        self._torn = False
        self._pid = os.getpid()
        self._numbers = itertools.count()
        self._size = 0
        self._frequent = 0
        self._fd = -1
        self._identity: tuple[int, int] | None = None
        self._full_until = 0.0
        self._open()
        self._keep_reserve()
        self.write("header", **{**_about_this_process(), **header})

    @property
    def thinning(self) -> float:
        """The factor by which the time between frequent records should grow by now; 1.0 at the start."""
        return float(2 ** (self._frequent // THIN_EVERY))

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    def write(self, kind: str, *fields: Any, **named: Any) -> bool:
        """Append one record, fields in order (`records.FIELDS`) or by name; tell whether it is written."""
        if os.getpid() != self._pid:
            return False
        try:
            if named:
                names = FIELDS[kind]
                fields = (*fields, *(named.get(name) for name in names[len(fields) :]))
            frequent = kind in FREQUENT
            if kind in _OF_ITERATIONS and (self._size > MAX_JOURNAL or self._is_full()):
                self.dropped += 1
                return False
            if self.dropped > self._told and not frequent and not self._is_full():
                self._tell_dropped()
            wall = None if frequent else wall_clock()
            line = encode_line([kind, next(self._numbers), boot_clock(), wall, *fields])
            if not self._append(line):
                return False
            if frequent:
                self._frequent += len(line)
            return True
        except Exception:
            self.dropped += 1
            return False

    def sample(self, *fields: Any) -> bool:
        """Append one sample record: `write("sample", ...)` without its detours, a few microseconds."""
        if os.getpid() != self._pid:
            return False
        try:
            if self._size > MAX_JOURNAL or self._is_full():
                self.dropped += 1
                return False
            line = encode_line(["sample", next(self._numbers), boot_clock(), None, *fields])
            self._frequent += len(line)
            return self._append(line)
        except Exception:
            self.dropped += 1
            return False

    def sync(self) -> None:
        """Bring what was written onto the disk: for changes of state, never for samples."""
        if os.getpid() != self._pid:
            return
        try:
            if self._is_ours():
                os.fdatasync(self._fd) if hasattr(os, "fdatasync") else os.fsync(self._fd)
        except OSError:
            pass

    def close(self) -> None:
        """Write what is still to be told, sync and close. Writing afterwards is counted as dropped."""
        if os.getpid() != self._pid or self._fd < 0:
            return
        self._give_up_reserve()
        if self.dropped > self._told:
            self._tell_dropped()
        self.sync()
        try:
            if self._is_ours():
                os.close(self._fd)
        except OSError:
            pass
        self._fd = -1
        self._identity = None

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._fd = out_of_the_way(os.open(self.path, flags, 0o600))
        self._identity = identity(self._fd)
        self._size = os.fstat(self._fd).st_size
        self._torn = self._size > 0  # whoever wrote before may have died in the middle of a line

    def _is_ours(self) -> bool:
        """Tell whether the descriptor still is the journal: the target may have closed and reused it."""
        try:
            return identity(self._fd) == self._identity
        except OSError:
            return False

    def _append(self, line: bytes) -> bool:
        if self._identity is None:
            self.dropped += 1
            return False
        if not self._is_ours():
            self._open()
        if self._torn:
            line = b"\n" + line
        try:
            written = write(self._fd, line)
        except OSError:
            written = 0
        if written:
            self._size += written
            self._torn = written < len(line)
        if written < len(line):
            self.dropped += 1
            self._on_no_room()
            return False
        return True

    def _is_full(self) -> bool:
        return self._full_until > 0 and boot_clock() < self._full_until

    def _on_no_room(self) -> None:
        """Give up the reserve to say at once that there is a hole, and leave samples out for a while."""
        self._full_until = boot_clock() + REST_WHEN_FULL
        if self._give_up_reserve():
            self._tell_dropped()

    def _keep_reserve(self) -> None:
        try:
            descriptor = os.open(f"{self.path}.reserve", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(descriptor, bytes(RESERVE))
            finally:
                os.close(descriptor)
        except OSError:
            pass

    def _give_up_reserve(self) -> bool:
        try:
            os.unlink(f"{self.path}.reserve")
        except OSError:
            return False
        return True

    def _tell_dropped(self) -> None:
        count = self.dropped - self._told
        what = (
            f"records could not be written ({os.path.dirname(self.path)} full or failing): "
            "free space, or put runs elsewhere with --home"
        )
        line = encode_line(
            ["loss", next(self._numbers), boot_clock(), wall_clock(), "journal-full", what, count]
        )
        told = self._told + count
        if self._append(line):
            self._told = told
        else:
            self.dropped -= 1  # the news itself is no loss


def _about_this_process() -> dict[str, Any]:
    try:
        cwd: str | None = os.getcwd()
    except OSError:
        cwd = None
    return {
        "format": FORMAT,
        "leakhunt": __version__,
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "python": python_version(),
        "executable": sys.executable,
        "argv": list(sys.argv) if hasattr(sys, "argv") else None,
        "cwd": cwd,
        "platform": platform_name(),
        "boot_id": boot_id(),
    }
