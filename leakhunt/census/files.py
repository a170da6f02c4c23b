"""Files of a census, read and written without letting go of the interpreter lock.

A census is taken in a copy of a program whose other threads are gone. The condition variable behind
the interpreter lock still counts them as waiting, and a lock that is released there may wait for them
for ever: with three busy threads more than half of all copies hung so.
"""

from __future__ import annotations

import os

from leakhunt.syscalls import close_file, open_file, read_whole, rename, write


def read_bytes(path: str) -> bytes:
    """Return what is in the file. Raises OSError."""
    return read_whole(path)


def write_bytes(path: str, data: bytes) -> None:
    """Write the file through a temporary one and a rename: it is there whole, or not at all. Raises OSError."""
    temporary = f"{path}.{os.getpid()}.tmp"
    handle = open_file(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        while data:
            data = data[write(handle, data) :]
    finally:
        close_file(handle)
    rename(temporary, path)
