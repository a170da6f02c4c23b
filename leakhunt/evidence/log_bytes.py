"""Opens a log and hands it on in blocks of whole lines, in bounded memory, whatever is in the file.

Text in UTF-8 or any one-byte code is handed on as it is, UTF-16 as UTF-8; gzip, bzip2 and xz are unpacked on
the way. What is no text is refused with a line that says what to do. Nothing is ever written.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from leakhunt.errors import LeakhuntError

BLOCK = 1 << 20
#: More of one line than this is not kept.
LONGEST_LINE = 1 << 16
#: What a file is shows in so many bytes.
_HEAD = 8192
_NULS = re.compile(rb"\0{8,}")
_KNOWN = (
    (b"LPKSHHRH", "a binary journal of systemd: write it out with `journalctl --file {name} -o short-iso`"),
    (b"\x7fELF", "a program, not a log"),
    (b"PAR1", "a Parquet file, not a log"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd: unpack it with `zstd -d {name}`"),
    (b"SQLite format 3", "an SQLite database, not a log"),
    (b"%PDF", "a PDF, not a log"),
    (b"\x80\x04\x95", "a pickle, not a log"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
)
_PACKED: dict[bytes, str] = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}


class LogFile:
    """A log that is read once, from its beginning. Use it in a `with` statement.

    `cut_lines` counts lines that were too long to be kept whole, `nul_bytes` those that a crash of the machine
    left in the file; `broken` says why reading ended early.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = "standard input" if str(path) == "-" else Path(path).name
        self.cut_lines = 0
        self.nul_bytes = 0
        self.bytes_read = 0
        self.broken: str | None = None
        self.modified: float | None = None
        self._stream = self._open(path)
        self._head = b""
        self._packed: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        try:
            self._look(path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> LogFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._stream is not sys.stdin.buffer:
            self._stream.close()

    def blocks(self) -> Iterator[bytes]:
        """Yield the log in blocks of whole lines, each line with its line end but for the very last."""
        carried, skipping = b"", False
        for block in self._texts():
            if skipping:
                at = block.find(b"\n")
                if at < 0:
                    continue
                block, skipping = block[at:], False
            carried += block
            cut = carried.rfind(b"\n") + 1
            if cut:
                yield carried[:cut]
                carried = carried[cut:]
            if len(carried) > LONGEST_LINE:
                carried, skipping = carried[:LONGEST_LINE], True
                self.cut_lines += 1
        if carried:
            yield carried

    # ---- the file ------------------------------------------------------------------------------

    def _open(self, path: str | Path) -> BinaryIO:
        if str(path) == "-":
            return sys.stdin.buffer
        try:
            if os.path.isdir(path):
                raise _wrong(f"{path} is a directory: name the log files in it, --log FILE for each")
            stream = open(path, "rb")  # noqa: SIM115 - closed by `close`
            self.modified = os.fstat(stream.fileno()).st_mtime
        except OSError as problem:
            raise _wrong(f"{path}: {problem.strerror or problem}") from None
        except ValueError:
            raise _wrong(f"{str(path)!r} is not the name of a file") from None
        return stream

    def _look(self, path: str | Path) -> None:
        """Read the head of the log: find out what it is, and refuse what is no log."""
        try:
            head = self._stream.read(8)
        except OSError as problem:
            raise _wrong(f"{path}: {problem.strerror or problem}") from None
        for magic, kind in _PACKED.items():
            if head.startswith(magic):
                if self._stream is sys.stdin.buffer:
                    raise _wrong(f"standard input is packed with {kind}: unpack it first")
                self._stream.seek(0)
                self._packed = _unpacked(self._stream, kind)
                head = b""
                break
        self._head = head + self._read(BLOCK)
        while len(self._head) < _HEAD and (more := self._read(BLOCK)):
            self._head += more
        for magic, what in _KNOWN:
            if self._head.startswith(magic):
                raise _wrong(f"{path} is {what.format(name=path)}")
        for mark, code in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
            if self._head.startswith(mark):
                self._decoder = codecs.getincrementaldecoder(code)("replace")
                self._head = self._head[2:]
                return
        self._head = self._head.removeprefix(codecs.BOM_UTF8)
        if _is_binary(self._head):
            raise _wrong(f"{path} is not text: a log has lines that a person can read")

    def _texts(self) -> Iterator[bytes]:
        block = self._head
        self._head = b""
        while block:
            self.bytes_read += len(block)
            if self._decoder is not None:
                text = self._decoder.decode(block)
                yield text.encode("utf-8", "replace")
            else:
                if b"\0" in block:
                    block = self._without_nuls(block)
                yield block
            block = self._read(BLOCK)

    def _read(self, size: int) -> bytes:
        if self.broken is not None:
            return b""
        try:
            # of a packed log that is cut off, what comes before the cut is handed on
            return self._packed.read1(size) if self._packed is not None else self._stream.read(size)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as problem:
            self.broken = str(problem) or type(problem).__name__
            return b""

    def _without_nuls(self, block: bytes) -> bytes:
        """Leave out what a file system fills with zeros when its machine went down before it could write."""
        self.nul_bytes += block.count(b"\0")
        return _NULS.sub(b"\n", block).replace(b"\0", b"")


def _unpacked(stream: BinaryIO, kind: str) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=stream)
    if kind == "bzip2":
        return bz2.BZ2File(stream)
    return lzma.LZMAFile(stream)


def _is_binary(head: bytes) -> bool:
    """Tell whether the beginning of a file is no text: NULs among other bytes, or many control characters."""
    head = _NULS.sub(b"", head)[:_HEAD]
    if not head:
        return False
    control = sum(head.count(bytes([code])) for code in (*range(1, 7), *range(14, 27), *range(28, 32)))
    return head.count(b"\0") > len(head) // 100 or control > len(head) // 20


def _wrong(message: str) -> LeakhuntError:
    return LeakhuntError(" ".join(message.split()), slug="log-unreadable")
