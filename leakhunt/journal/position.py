"""The position page: where the target's loops are right now, in memory shared with a file.

A store costs tens of nanoseconds and survives SIGKILL of the target, because the kernel owns the page.
Written by the loop follower at every turn that it sees; read after the end. Judges nothing.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

LEVELS = 16
_SIZE = 8192
_MAGIC = int.from_bytes(b"LKHPOS1\n", "little")
_TEXT_BYTES = 120
#: Words of 8 bytes: magic, depth, then per level serial, index + 1, total + 1, text's index + 1, text's
#: length, text. One level more than are read: deeper loops and other threads write there.
_HEAD = 2
_FIXED = 5
_LEVEL = _FIXED + _TEXT_BYTES // 8
_MAX_WORD = (1 << 64) - 1


class PositionPage:
    """The writing side. `slots` is the page as words: `slots[offset(level)] = turns begun` is a turn."""

    def __init__(self, path: str | os.PathLike[str], create: bool = True) -> None:
        flags = os.O_RDWR | (os.O_CREAT if create else 0) | getattr(os, "O_CLOEXEC", 0)
        fd = os.open(path, flags, 0o600)
        try:
            if os.fstat(fd).st_size < _SIZE:
                # Written, not only extended: a hole in a full file system would be a SIGBUS later.
                os.pwrite(fd, bytes(_SIZE), 0)
            self._map = mmap.mmap(fd, _SIZE)
        finally:
            os.close(fd)
        self.slots = memoryview(self._map).cast("Q")
        self.slots[1] = 0
        self.slots[0] = _MAGIC

    @staticmethod
    def offset(level: int) -> int:
        """Return the slot of the turn counter of `level`; all levels that are too deep share one."""
        return _HEAD + min(level, LEVELS) * _LEVEL + 1

    @staticmethod
    def level(offset: int) -> int:
        """Return the level whose turn counter lies at `offset`."""
        return (offset - _HEAD - 1) // _LEVEL

    def enter(self, level: int, serial: int, begun: int, total: int | None) -> None:
        """Note that the loop at `level` is `serial` with `begun` turns begun; what was deeper is gone."""
        if level >= LEVELS:
            return
        at = self.offset(level)
        slots = self.slots
        slots[1] = level
        slots[at + 2] = 0
        slots[at] = begun & _MAX_WORD
        slots[at + 1] = 0 if total is None else min(total + 1, _MAX_WORD)
        slots[at - 1] = serial & _MAX_WORD
        slots[1] = level + 1

    def leave(self, level: int) -> None:
        """Note that `level` and what was deeper is gone."""
        if level < LEVELS:
            self.slots[1] = level

    def write_text(self, level: int, begun: int, text: str) -> None:
        """Note the loop variables' values at the turn numbered `begun`."""
        if level >= LEVELS:
            return
        data = text.encode("utf-8", "replace")
        if len(data) > _TEXT_BYTES:
            data = data[: _TEXT_BYTES - 3].decode("utf-8", "ignore").encode() + "…".encode()
        at = self.offset(level)
        self.slots[at + 2] = 0
        start = (at + 4) * 8
        self._map[start : start + len(data)] = data
        self.slots[at + 3] = len(data)
        self.slots[at + 2] = begun & _MAX_WORD


def read_position(path: str | os.PathLike[str]) -> list[tuple[int, int, int | None, str | None]]:
    """Return (loop instance, index of the turn being executed, total, values as text), outermost first.

    Empty where the page is missing, damaged, or no loop was open.
    """
    try:
        page = Path(path).read_bytes()[:_SIZE]
    except OSError:
        return []
    if len(page) < _SIZE:
        return []
    magic, depth = struct.unpack_from("<QQ", page)
    if magic != _MAGIC or depth > LEVELS:
        return []
    levels = []
    for level in range(depth):
        at = (_HEAD + level * _LEVEL) * 8
        serial, begun, total, text_at, length = struct.unpack_from("<5Q", page, at)
        if not begun:
            break
        text = None
        if text_at == begun and length <= _TEXT_BYTES:
            start = at + _FIXED * 8
            text = page[start : start + length].decode("utf-8", "replace")
        levels.append((serial, begun - 1, total - 1 if total else None, text))
    return levels
