"""Ends or disturbs a process at its k-th durable step: every statement of SQLite, every write, sync and rename.

`at(k, what)` is a context in which the k-th step does `what` before it is done; `count` says how many
steps a function has.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import warnings
from collections.abc import Callable, Iterator

_STEPS = ("write", "fsync", "fdatasync", "replace")
#: The real one, however often it is replaced.
_connect = sqlite3.connect


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def at(number: int, what: Callable[[str], None]) -> Iterator[list[str]]:
    """Do `what` at step `number` (from 1); give the list of the steps so far."""
    seen: list[str] = []

    def step(name: str) -> None:
        seen.append(name)
        if len(seen) == number:
            what(name)

    class Connection(sqlite3.Connection):
        def execute(self, *arguments):
            step("sql")
            return super().execute(*arguments)

    def connect(*arguments, **options):
        return _connect(*arguments, factory=Connection, **options)

    def stepping(name, real):
        def call(*arguments, **options):
            step(name)
            return real(*arguments, **options)

        return call

    before = {name: getattr(os, name) for name in _STEPS}
    for name, real in before.items():
        setattr(os, name, stepping(name, real))
    sqlite3.connect = connect
    try:
        yield seen
    finally:
        sqlite3.connect = _connect
        for name, real in before.items():
            setattr(os, name, real)


def forked(function: Callable[[], object]) -> int:
    """Run it in a forked child that ends with 0 or, after an error, 1; return its pid at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a test runner has threads; the child touches none of what is theirs
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(60)
            function()
            code = 0
        finally:
            os._exit(code)
    return pid


def in_a_child(function: Callable[[], object]) -> int:
    """Run it in a forked child and return that one's return code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(forked(function), 0)[1])
