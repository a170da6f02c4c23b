"""Which files were written while a program ran: found by the times of files where results usually go.

Costs the program nothing, and so cannot tell who wrote: what changed in these folders meanwhile is taken for
the program's. Folders are walked within bounds. Reads only; never raises.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["data", "log"]

#: So many entries are looked at, for so long, at such a depth, and so many files are told.
MOST_ENTRIES = 20_000
MOST_SECONDS = 2.0
DEEPEST = 6
MOST_FILES = 60
#: Rows of larger tables are not counted.
_COUNTED_BYTES = 100_000_000
#: File times are kept in whole ticks of the kernel: a file of the first moment looks a little older.
_TICK = 0.02

_LOGS = frozenset({".log", ".out", ".err"})
_DATA = frozenset({
    ".arrow", ".bz2", ".ckpt", ".csv", ".dat", ".db", ".feather", ".gz", ".h5", ".hdf", ".hdf5", ".joblib", ".json",
    ".jsonl", ".keras", ".ledger", ".mat", ".nc", ".ndjson", ".npy", ".npz", ".onnx", ".orc", ".parquet", ".pickle",
    ".pkl", ".pt", ".pth", ".safetensors", ".sqlite", ".sqlite3", ".tsv", ".txt", ".xlsx", ".xml", ".xz", ".yaml",
    ".yml", ".zst",
})  # fmt: skip
_TABLES = {".csv": ",", ".tsv": "\t"}
_PASSED_OVER = frozenset({"__pycache__", "node_modules", "site-packages"})


@dataclass(frozen=True, slots=True)
class Written:
    """A file and its last write: size in bytes, Unix seconds, rows of a table without its heading."""

    path: str
    bytes: int
    modified: float
    rows: int | None
    role: Role


@dataclass(frozen=True, slots=True)
class Found:
    """The files, the last written first. `complete` is False when there was more than could be looked at."""

    files: list[Written]
    complete: bool


def roots_of(cwd: str | os.PathLike[str] | None, argv: Iterable[str]) -> list[Path]:
    """Return where a program's files are looked for: its working directory and folders that its arguments name."""
    roots: list[Path] = []
    base = Path(cwd) if cwd else None
    if base is not None:
        roots.append(base)
    for part in argv:
        value = part.partition("=")[2] if part.startswith("-") else part
        if not value or len(value) > 4_096 or "\0" in value:
            continue
        path = Path(value) if base is None else base / value
        for folder in (path, path.parent):
            if _is_folder(folder) and folder.name:
                roots.append(folder)
                break
    inside = [Path(os.path.realpath(root)) for root in roots]
    kept = [one for one in inside if not any(one != other and other in one.parents for other in inside)]
    return [one for one in dict.fromkeys(kept) if str(one) != one.anchor]


def written_between(
    roots: Sequence[Path], since: float, until: float | None, *, without: Path | None = None
) -> Found:
    """Return the files under `roots` whose last write lies between two instants, nothing under `without`."""
    deadline = time.monotonic() + MOST_SECONDS
    left = MOST_ENTRIES
    found: list[tuple[float, int, str, Role]] = []
    complete = True
    outputs = _own_outputs()
    for entry in _walk(roots, without):
        left -= 1
        if left < 0 or time.monotonic() > deadline:
            complete = False
            break
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if status.st_mtime < since - _TICK or (until is not None and status.st_mtime > until + 1.0):
            continue
        role = _role(entry.name, (status.st_dev, status.st_ino) in outputs)
        if role is not None:
            found.append((status.st_mtime, status.st_size, entry.path, role))
    found.sort(reverse=True)
    files = [
        Written(path, size, modified, rows_of_text(path, size), role)
        for modified, size, path, role in found[:MOST_FILES]
    ]
    return Found(files, complete and len(found) <= MOST_FILES)


def rows_of_text(path: str, size: int) -> int | None:
    """Return the rows of a CSV or TSV file without its heading; None for another file or one that is too big."""
    separator = _TABLES.get(os.path.splitext(path)[1].lower())
    if separator is None or size > _COUNTED_BYTES:
        return None
    try:
        with open(path, newline="", encoding="utf-8", errors="replace") as stream:
            reader = csv.reader(stream, delimiter=separator)
            first = next(reader, None)
            if first is None:
                return 0
            rows = sum(1 for row in reader if row)
    except (OSError, csv.Error, ValueError):
        return None
    return rows if not all(map(_is_number, first)) else rows + 1


def rows_of_parquet(path: str) -> int | None:
    """Return the rows that a Parquet file's footer tells; None where it cannot be read."""
    if not path.endswith(".parquet"):
        return None
    try:
        from pyarrow import parquet

        return int(parquet.read_metadata(path).num_rows)
    except Exception:  # a torn file, or no pyarrow
        return None


def _walk(roots: Sequence[Path], without: Path | None) -> Iterator[os.DirEntry[str]]:
    """Yield the files under `roots`, the folders nearest to them first."""
    waiting = [(str(root), 0) for root in roots]
    passed = os.path.realpath(without) if without is not None else None
    for folder, depth in waiting:  # grows while it is walked
        try:
            with os.scandir(folder) as entries:
                listed = list(entries)
        except OSError:
            continue
        if depth and any(entry.name == "pyvenv.cfg" for entry in listed):
            continue
        for entry in listed:
            try:
                if entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if depth < DEEPEST and not _is_passed_over(entry, passed):
                        waiting.append((entry.path, depth + 1))
                elif entry.is_file(follow_symlinks=False):
                    yield entry
            except OSError:
                continue


def _is_passed_over(entry: os.DirEntry[str], passed: str | None) -> bool:
    return entry.name.startswith(".") or entry.name in _PASSED_OVER or entry.path == passed


def _role(name: str, is_output: bool) -> Role | None:
    ending = os.path.splitext(name)[1].lower()
    if is_output or ending in _LOGS:
        return "log"
    if name.startswith(".") or name.endswith(("-wal", "-shm", "-journal", ".tmp")):
        return None
    return "data" if ending in _DATA else None


def _own_outputs() -> set[tuple[int, int]]:
    """Return what this process's standard output and error are: the program's go there too."""
    found = set()
    for descriptor in (1, 2):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        found.add((status.st_dev, status.st_ino))
    return found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
