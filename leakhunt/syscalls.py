"""Calls of the C library that keep the interpreter lock while they work.

`os` lets go of the lock around every call, and beside busy threads each of them then waits for a whole
switch interval (5 ms) per thread to get it back: a reading of the gauges took 50 ms so. What is called
here takes microseconds. Where the C library is another one, `os` does the same with the lock let go.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
import time
from collections.abc import Callable

_HEAD = struct.Struct("=QQHB")  # struct linux_dirent64: inode, offset, length of the entry, type
_LONG = struct.Struct("=QQ")  # struct stat begins with device and inode on 64-bit Linux
_ENTRIES_BYTES = 32_768
_CHUNK_BYTES = 65_536
_LINK_BYTES = 4_096


def _library() -> ctypes.PyDLL | None:
    if not sys.platform.startswith("linux") or sys.maxsize < 2**32:
        return None
    try:
        library = ctypes.PyDLL(None, use_errno=True)
        for name in ("pread", "read", "write", "readlink", "getdents64"):
            getattr(library, name).restype = ctypes.c_ssize_t
        library.pread.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long]
        library.read.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
        library.write.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
        library.readlink.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]
        library.getdents64.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
        library.fstat.argtypes = [ctypes.c_int, ctypes.c_void_p]  # exported since glibc 2.33
        return library
    except (AttributeError, OSError):
        return None


_C = _library()
# The array types are made once: each type that is made anew is a cycle that waits for the collector.
_Entries = ctypes.c_char * _ENTRIES_BYTES
_Chunk = ctypes.c_char * _CHUNK_BYTES
_Link = ctypes.c_char * _LINK_BYTES
_Stat = ctypes.c_char * 256


def _trim() -> Callable[[int], int] | None:
    if _C is None:
        return None
    try:
        function = _C.malloc_trim  # AttributeError on musl
    except AttributeError:
        return None
    function.argtypes = [ctypes.c_size_t]
    return function


#: Has malloc give its free memory back to the system, less so many bytes; None where it cannot.
malloc_trim = _trim()


def pread(handle: int, buffer: ctypes.Array[ctypes.c_char]) -> bytes:
    """Return what stands at the beginning of an open file, as far as the buffer reaches. Raises OSError."""
    if _C is None:
        return os.pread(handle, len(buffer) - 1, 0)
    count = _checked(_C.pread(handle, buffer, len(buffer) - 1, 0))
    return ctypes.string_at(buffer, count)


def read_whole(path: str, most: int | None = None) -> bytes:
    """Return what is in a file of the process file system, up to about `most` bytes. Raises OSError."""
    handle = open_file(path, os.O_RDONLY)
    try:
        buffer, parts, size = _Chunk(), [], 0
        while most is None or size < most:
            if _C is None:
                part = os.read(handle, _CHUNK_BYTES)
            else:
                part = ctypes.string_at(buffer, _checked(_C.read(handle, buffer, _CHUNK_BYTES)))
            if not part:
                break
            size += len(part)
            parts.append(part)
        return b"".join(parts)
    finally:
        close_file(handle)


def write(handle: int, data: bytes) -> int:
    """Write as much as one call takes; return how many bytes. Raises OSError."""
    if _C is None:
        return os.write(handle, data)
    return _checked(_C.write(handle, data, len(data)))


def identity(handle: int) -> tuple[int, int]:
    """Return device and inode of an open file. Raises OSError."""
    if _C is None:
        status = os.fstat(handle)
        return status.st_dev, status.st_ino
    status_bytes = _Stat()
    _checked(_C.fstat(handle, status_bytes))
    device, inode = _LONG.unpack_from(status_bytes.raw)
    return device, inode


def link_target(path: str) -> str:
    """Return what a symbolic link says. Raises OSError."""
    if _C is None:
        return os.readlink(path)
    buffer = _Link()
    count = _checked(_C.readlink(os.fsencode(path), buffer, _LINK_BYTES))
    return os.fsdecode(ctypes.string_at(buffer, count))


def count_entries(path: str) -> int:
    """Return how many entries a directory has. Raises OSError."""
    if _C is None:
        return len(os.listdir(path))
    return sum(1 for _ in _entries(path))


def entries(path: str) -> list[str]:
    """Return the names in a directory. Raises OSError."""
    if _C is None:
        return os.listdir(path)
    return [os.fsdecode(name) for name in _entries(path)]


def _entries(path: str) -> list[bytes]:
    assert _C is not None
    handle = open_file(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        buffer, names = _Entries(), []
        while count := _checked(_C.getdents64(handle, buffer, _ENTRIES_BYTES)):
            block, at = ctypes.string_at(buffer, count), 0
            while at < count:
                length = _HEAD.unpack_from(block, at)[2]
                names.append(block[at + _HEAD.size : at + length].partition(b"\0")[0])
                at += length
        return [name for name in names if name not in (b".", b"..")]
    finally:
        close_file(handle)


def open_file(path: str, flags: int) -> int:
    """Return a descriptor that no program started from here inherits; a new file is its owner's alone."""
    flags |= getattr(os, "O_CLOEXEC", 0)
    return os.open(path, flags, 0o600) if _C is None else _checked(_C.open(os.fsencode(path), flags, 0o600))


def close_file(handle: int) -> None:
    """Close a descriptor; one that is closed already is left alone."""
    if _C is not None:
        _C.close(handle)
        return
    with contextlib.suppress(OSError):
        os.close(handle)


def rename(old: str, new: str) -> None:
    """Give a file another name, in place of what has it now. Raises OSError."""
    if _C is None:
        os.replace(old, new)
    else:
        _checked(_C.rename(os.fsencode(old), os.fsencode(new)))


def is_file(path: str) -> bool:
    """Return whether a file is there and can be read."""
    try:
        close_file(open_file(path, os.O_RDONLY))
    except OSError:
        return False
    return True


def nap(seconds: float) -> None:
    """Sleep for less than a second."""
    if _C is None:
        time.sleep(seconds)
    else:
        _C.usleep(int(seconds * 1e6))


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
