"""Keeps each finished unit of a long run at once, so that a killed run loses one unit and resumes.

The truth is an SQLite file beside the results (`results.csv.ledger`): a row is on the disk when `save`
returns, whoever wrote a key first wins, and several processes may save. The CSV beside it is for reading:
appended to with every row, and written anew from the ledger whenever the two may differ.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from leakhunt.errors import LeakhuntError
from leakhunt.protect.cells import decode_row, encode_key, encode_row
from leakhunt.protect.notes import note
from leakhunt.protect.tables import append_row, frame_of, write_table

if TYPE_CHECKING:
    import pandas

_APPLICATION = 0x4C6B4C67  # "LkLg", in SQLite's header: no other file is taken for a ledger
_FORMAT = 1
_BUSY_SECONDS = 60.0
_TABLES = """
create table if not exists header (name text primary key, value text not null);
create table if not exists rows (
    id integer primary key, key text not null unique, row text not null, crc integer not null, saved real not null
);
"""


class LedgerError(LeakhuntError):
    """The ledger cannot be read or written as asked; what was saved before is untouched."""


class Ledger:
    """Rows of results, one per unit of work, each found by its key.

    `path` ends in .csv or .parquet; `key` names the columns that tell the units apart. Use it as a
    context manager, from as many processes as you like: it can be pickled and survives a fork.

        with Ledger("results.csv", key=("lam", "beta")) as ledger:
            for lam, beta in ledger.pending(grid):
                ledger.save(lam=lam, beta=beta, **fit(lam, beta))

    Raises LedgerError when the file is no ledger, has other keys, is damaged, or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], key: str | Sequence[str]) -> None:
        self.path = Path(path)
        self.key = (key,) if isinstance(key, str) else tuple(key)
        if not self.key:
            raise LedgerError("a ledger needs at least one key column: key=('lam',)", slug="ledger-key")
        if self.path.suffix not in (".csv", ".parquet"):
            raise LedgerError(f"{self.path} is no .csv or .parquet: choose one of them", slug="ledger-path")
        self.store = self.path.with_name(self.path.name + ".ledger")
        self._connection: sqlite3.Connection | None = None
        self._pid = -1
        self._lock = threading.RLock()
        self._done: set[str] = set()
        self._mine: set[str] = set()
        self._seen = 0
        self._open()

    # ---- what a program asks -----------------------------------------------------------

    def pending(self, units: Iterable[Any]) -> Iterator[Any]:
        """Yield those of `units` whose key is not saved yet, by this or another process.

        A unit is a tuple in the order of the key, a mapping with the key columns, or the bare value
        where there is one key column.
        """
        for unit in units:
            if not self._has(self._key_of_unit(unit)):
                yield unit

    def save(self, **row: Any) -> bool:
        """Save one unit for good: when this returns, a kill of anything does not lose it.

        Returns False, and keeps the other's row, when another process saved the key first. Raises
        LedgerError when this process saved it before, a key column is missing, a value is none that a
        table can hold, or the disk is full.
        """
        missing = [column for column in self.key if column not in row]
        if missing:
            raise LedgerError(f"save() needs the key column {missing[0]!r}", slug="ledger-key")
        try:
            key, text = encode_key(tuple(row[column] for column in self.key)), encode_row(row)
        except TypeError as error:
            raise LedgerError(f"cannot save {error}", slug="ledger-value") from None
        if key in self._mine:
            raise LedgerError(f"{self._named(key)} is saved already", slug="ledger-duplicate")
        with self._writing() as connection:
            self._refresh(connection)
            if key in self._done:
                return False
            crc = zlib.crc32((key + text).encode())
            connection.execute(
                "insert into rows (key, row, crc, saved) values (?, ?, ?, ?)", (key, text, crc, time.time())
            )
            self._show(connection, row)
        self._mine.add(key)
        note("unit", str(self.path), key)
        return True

    def __contains__(self, unit: Any) -> bool:
        return self._has(self._key_of_unit(unit))

    def __len__(self) -> int:
        self._refresh(self._connected())
        return len(self._done)

    def rows(self) -> list[dict[str, Any]]:
        """Return the saved rows in the order in which they were saved."""
        with self._readable() as connection:
            return [decode_row(text) for (text,) in connection.execute("select row from rows order by id")]

    def frame(self) -> pandas.DataFrame:
        """Return the saved rows as a table, columns in the order in which they first came."""
        return frame_of(self._all_columns(), self.rows())

    def export(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write all rows to `path` (.csv or .parquet; the ledger's own by default), whole or not at all."""
        target = Path(path) if path is not None else self.path
        with self._writing() as connection:  # nobody appends to the old table meanwhile
            self._export(connection, target)
        return target

    def close(self) -> None:
        """Write the table for reading and let go of the file."""
        if self._connection is None or self._pid != os.getpid():
            return
        try:
            self.export()
        except LedgerError as error:
            # Every row is in the ledger; an error here would hide the one that ends the program.
            warnings.warn(f"{error}; its rows are safe in {self.store}", stacklevel=2)
        self._connection.close()
        self._connection = None

    def __enter__(self) -> Ledger:
        self._connected()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Ledger], tuple[str, tuple[str, ...]]]:
        return Ledger, (str(self.path), self.key)

    def __repr__(self) -> str:
        return f"Ledger({str(self.path)!r}, key={self.key!r})"

    # ---- the file ----------------------------------------------------------------------

    def _open(self) -> None:
        if self.path.exists() and not self.store.exists():
            raise LedgerError(
                f"{self.path} is there but no ledger wrote it: move it away, or name another file",
                slug="ledger-foreign",
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._done, self._seen, self._lock = set(), 0, threading.RLock()
        with self._closed_if_refused(), self._translated():
            connection = sqlite3.connect(
                self.store, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection, self._pid = connection, os.getpid()
            # In this order: another process may make it between the two, and writes the mark with the tables.
            empty = connection.execute("select count(*) from sqlite_master").fetchone()[0] == 0
            found = connection.execute("pragma application_id").fetchone()[0]
            if found != _APPLICATION and not empty:
                self._refuse("was not written by a ledger: move it away, or name another file")
            # Not every file system can share memory (network drives): SQLite then stays with its old journal.
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            with self._writing():
                connection.execute(f"pragma application_id = {_APPLICATION}")
                for statement in filter(str.strip, _TABLES.split(";")):
                    connection.execute(statement)
                self._check_header(connection)
                self._drop_damaged(connection)
                self._refresh(connection)
                self._export_at_start(connection)

    @contextlib.contextmanager
    def _closed_if_refused(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            raise

    def _check_header(self, connection: sqlite3.Connection) -> None:
        header = dict(connection.execute("select name, value from header"))
        if not header:
            pairs = [("format", str(_FORMAT)), ("key", "\t".join(self.key)), ("columns", "")]
            connection.executemany("insert into header values (?, ?)", pairs)
            return
        if header.get("format") != str(_FORMAT):
            self._refuse(
                f"has format {header.get('format')}, this leakhunt reads format {_FORMAT}: upgrade it"
            )
        key = tuple(header.get("key", "").split("\t"))
        if key != self.key:
            self._refuse(f"has the key {key!r}, not {self.key!r}: name another file, or use its key")

    def _drop_damaged(self, connection: sqlite3.Connection) -> None:
        """Take out rows whose checksum is wrong: their units are pending again."""
        damaged = [
            number
            for number, key, text, crc in connection.execute("select id, key, row, crc from rows")
            if zlib.crc32((str(key) + str(text)).encode(errors="replace")) != crc
        ]
        if damaged:
            connection.executemany("delete from rows where id = ?", [(number,) for number in damaged])
            warnings.warn(
                f"{len(damaged)} rows of {self.store} were damaged and are pending again", stacklevel=4
            )

    def _refresh(self, connection: sqlite3.Connection) -> None:
        """Learn what other processes saved meanwhile."""
        for number, key in connection.execute("select id, key from rows where id > ?", (self._seen,)):
            self._done.add(key)
            self._seen = max(self._seen, number)

    def _has(self, key: str) -> bool:
        if key not in self._done:
            with self._readable() as connection:
                self._refresh(connection)
        return key in self._done

    def _show(self, connection: sqlite3.Connection, row: dict[str, Any]) -> None:
        """Append the row to the CSV; write it anew when it has columns that were not there before."""
        columns = self._all_columns()
        new = [column for column in row if column not in columns]
        if new:
            joined = "\t".join([*columns, *new])
            connection.execute("update header set value = ? where name = 'columns'", (joined,))
        if self.path.suffix != ".csv":
            return
        try:
            if new:
                write_table(self.path, [*columns, *new], self.rows())
            else:
                append_row(self.path, columns, row)
        except OSError as error:
            # The row is safe in the ledger; the table is written anew when it is opened or closed.
            warnings.warn(f"{self.path} is behind its ledger: {error.strerror}", stacklevel=3)

    def _export(self, connection: sqlite3.Connection, target: Path) -> None:
        rows = [decode_row(text) for (text,) in connection.execute("select row from rows order by id")]
        try:
            write_table(target, self._all_columns(), rows)
        except OSError as error:
            raise LedgerError(f"cannot write {target}: {error.strerror}", slug="ledger-export") from error
        except ImportError as error:
            what = "install pandas and pyarrow, or name a .csv"
            raise LedgerError(f"cannot write {target}: {what}", slug="ledger-export") from error
        except (ValueError, TypeError) as error:
            what = f"{error} (a column must be of one kind; a .csv takes any)".replace("\n", " ")
            raise LedgerError(f"cannot write {target}: {what}", slug="ledger-table") from error

    def _export_at_start(self, connection: sqlite3.Connection) -> None:
        try:
            self._export(connection, self.path)
        except LedgerError as error:
            if error.slug != "ledger-table":
                raise
            # What was saved before does not fit into a table: no reason not to go on.
            warnings.warn(f"{error}; its rows are safe in {self.store}", stacklevel=5)

    def _all_columns(self) -> list[str]:
        found = self._connected().execute("select value from header where name = 'columns'").fetchone()
        return found[0].split("\t") if found and found[0] else list(self.key)

    # ---- connections -------------------------------------------------------------------

    def _connected(self) -> sqlite3.Connection:
        """Return this process's own connection: one that came through a fork must not be used."""
        if self._connection is None or self._pid != os.getpid():
            self._open()
        assert self._connection is not None
        return self._connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        connection = self._connected()
        with self._lock, self._translated():
            connection.execute("begin immediate")
            try:
                yield connection
                connection.execute("commit")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("rollback")
                raise

    @contextlib.contextmanager
    def _readable(self) -> Iterator[sqlite3.Connection]:
        connection = self._connected()
        with self._lock, self._translated():
            yield connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Say in one line what SQLite says."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise LedgerError(f"cannot use {self.store}: {error}", slug="ledger-unwritable") from error
        except sqlite3.DatabaseError as error:
            raise LedgerError(
                f"{self.store} is damaged or no ledger ({error}): move it away; {self.path} has the rows so far",
                slug="ledger-damaged",
            ) from error

    def _refuse(self, why: str) -> None:
        raise LedgerError(f"{self.store} {why}", slug="ledger-foreign")

    def _key_of_unit(self, unit: Any) -> str:
        if isinstance(unit, dict):
            values = tuple(unit[column] for column in self.key)
        elif len(self.key) == 1 and not isinstance(unit, tuple):
            values = (unit,)
        else:
            values = tuple(unit)
        if len(values) != len(self.key):
            raise LedgerError(
                f"a unit has {len(values)} values, the key {self.key!r} has {len(self.key)}",
                slug="ledger-key",
            )
        try:
            return encode_key(values)
        except TypeError as error:
            raise LedgerError(f"no key: {error}", slug="ledger-key") from None

    def _named(self, key: str) -> str:
        return f"{'/'.join(self.key)} = {key.strip('[]')}"
