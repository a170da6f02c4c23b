"""Optuna's journal file, mended: one torn record makes it unreadable for ever otherwise.

A process that is killed while it appends leaves half a line; the next append continues that line, and
from then on every load of the study raises. Here a torn end is cut off before anything is appended, and
a file that is broken already is mended when it is opened. What was cut is kept in `<file>.torn`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

_RECORD = b'{"op_code"'


def journal(path: str | os.PathLike[str]) -> JournalStorage:
    """Return an Optuna storage in the journal file `path` that survives the death of any of its writers.

    optuna.create_study(storage=leakhunt.optuna.journal("study.log"), study_name="x", load_if_exists=True)
    """
    return JournalStorage(MendingBackend(Path(path)))


class MendingBackend(JournalFileBackend):
    """Optuna's own backend, whose file never keeps half a record."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = JournalFileSymlinkLock(str(path))
        super().__init__(str(path), lock_obj=self._mutex)
        self._mutex.acquire()
        try:
            _mend(path)
        finally:
            self._mutex.release()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records, after whatever a dead writer left half done was cut off."""
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._mutex.acquire()
        try:
            _cut_torn_end(self._path)
            with open(self._path, "ab") as stream:
                stream.write(text.encode())
                stream.flush()
                os.fsync(stream.fileno())
        finally:
            self._mutex.release()


def _mend(path: Path) -> None:
    """Take out what is no record, wherever it stands."""
    _cut_torn_end(path)
    kept, torn = [], []
    for line in path.read_bytes().splitlines():
        at = 0 if _is_record(line) else _last_record(line)
        if at is None:
            torn.append(line)
        else:
            kept.append(line[at:])
            torn += [line[:at]] if at else []
    if torn:
        _keep_aside(path, b"\n".join(torn) + b"\n")
        waiting = path.with_name(f".{path.name}.{os.getpid()}")
        with open(waiting, "wb") as stream:
            stream.write(b"".join(line + b"\n" for line in kept))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(waiting, path)


def _cut_torn_end(path: Path) -> None:
    with open(path, "rb+") as stream:
        end = stream.seek(0, os.SEEK_END)
        if not end:
            return
        stream.seek(end - 1)
        if stream.read(1) == b"\n":
            return
        stream.seek(0)
        tail = stream.read().rpartition(b"\n")[2]
        if _is_record(tail):  # only the end of its line is missing
            stream.seek(0, os.SEEK_END)
            stream.write(b"\n")
        else:
            _keep_aside(path, tail + b"\n")
            stream.truncate(end - len(tail))
        stream.flush()
        os.fsync(stream.fileno())


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _last_record(line: bytes) -> int | None:
    """Return where the record begins that was appended to a torn one; None when there is none."""
    at = line.rfind(_RECORD)
    return at if at > 0 and _is_record(line[at:]) else None


def _keep_aside(path: Path, torn: bytes) -> None:
    with open(path.with_name(path.name + ".torn"), "ab") as stream:
        stream.write(torn)
