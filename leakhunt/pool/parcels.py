"""Hands objects from process to process: small ones as bytes, large ones as files of which only the path travels.

A pipe holds what is written to it in memory on both sides, and a result that nobody has asked for yet
would wait there or in the parent. A file waits on the disk.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

#: Above this many bytes a pickled object goes to a file.
SPILL_BYTES = 1_000_000
#: A parcel: the pickled bytes, or the name of the file that has them.
Parcel = bytes | str


def pack(value: Any, directory: str, *, spill_bytes: int = SPILL_BYTES) -> Parcel:
    """Return `value` pickled. Raises whatever pickling it raises, and OSError when the disk is full."""
    sink = _Sink(directory, spill_bytes)
    try:
        pickle.Pickler(sink, pickle.HIGHEST_PROTOCOL).dump(value)
        return sink.parcel()
    except BaseException:
        sink.discard()
        raise


def unpack(parcel: Parcel) -> Any:
    """Return the object in a parcel. Raises whatever unpickling it raises."""
    if isinstance(parcel, bytes):
        return pickle.loads(parcel)
    with open(parcel, "rb") as stream:
        return pickle.load(stream)


def drop(parcel: Parcel | None) -> None:
    """Remove the file of a parcel that is not needed any more."""
    if isinstance(parcel, str):
        with contextlib.suppress(OSError):
            os.unlink(parcel)


def size_of(parcel: Parcel) -> int:
    """Return the bytes that a parcel takes in memory while it waits."""
    return len(parcel)


class _Sink:
    """Takes what the pickler writes; moves to a file when it is too much for the memory."""

    def __init__(self, directory: str, spill_bytes: int) -> None:
        self.directory = directory
        self.spill_bytes = spill_bytes
        self.buffer: io.BytesIO | None = io.BytesIO()
        self.path = ""
        self.stream: Any = None

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if self.buffer is not None and self.buffer.tell() + size <= self.spill_bytes:
            return self.buffer.write(data)
        if self.stream is None:
            assert self.buffer is not None
            descriptor, self.path = tempfile.mkstemp(prefix="parcel-", dir=self.directory)
            self.stream = os.fdopen(descriptor, "wb")
            self.stream.write(self.buffer.getbuffer())
            self.buffer = None
        self.stream.write(data)
        return size

    def parcel(self) -> Parcel:
        if self.buffer is not None:
            return self.buffer.getvalue()
        self.stream.close()
        return self.path

    def discard(self) -> None:
        if self.stream is not None:
            with contextlib.suppress(OSError):
                self.stream.close()
            drop(self.path)


def spill_directory() -> str:
    """Make the directory of a pool's files: on a disk, where the usual place for such files is memory."""
    usual = tempfile.gettempdir()
    places = [usual, "/var/tmp"] if _is_memory(usual) else [usual]
    for place in reversed(places):
        with contextlib.suppress(OSError):
            return tempfile.mkdtemp(prefix="leakhunt-pool-", dir=place)
    return tempfile.mkdtemp(prefix="leakhunt-pool-")


def _is_memory(directory: str) -> bool:
    """Tell whether files in `directory` lie in memory (tmpfs), where they would count as used."""
    real, longest, kind = os.path.realpath(directory), "", ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text(errors="replace").splitlines():
            columns = line.split()
            if len(columns) < 3:
                continue
            mount = columns[1].replace("\\040", " ")
            inside = real == mount or real.startswith(mount.rstrip("/") + "/")
            if inside and len(mount) >= len(longest):
                longest, kind = mount, columns[2]
    return kind in ("tmpfs", "ramfs")
