"""Runs the body of a test again as if for the first time: what pytest itself collects meanwhile is dropped.

Fixtures are set up once. Captured output and logs, recorded warnings, patches and the reports of subtests
would pile up from one body to the next, and be taken for growth of the test.
"""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest


class CannotRepeat(Exception):
    """The body failed when it was run again: its state is not what it was at first."""


class Again:
    """The body of one test that passed; `run` runs it once more, `putting_back` around all of it."""

    def __init__(self, item: pytest.Item) -> None:
        self._item: Any = item
        self._fixtures: dict[str, Any] = getattr(item, "funcargs", None) or {}
        self._count = 1
        self._globals: dict[str, Any] | None = None
        self._patched: tuple[list[Any], list[Any]] | None = None
        self._warned: list[warnings.WarningMessage] = []

    @staticmethod
    def before_first(item: pytest.Item) -> dict[str, Any] | None:
        """Return what the first run of the body uses up: the namespace of a doctest."""
        test = getattr(item, "dtest", None)
        return dict(test.globs) if test is not None else None

    @contextlib.contextmanager
    def putting_back(self, doctest_globals: dict[str, Any] | None) -> Iterator[None]:
        """Keep what the first run printed and logged as it is, whatever the others do."""
        self._globals = doctest_globals
        patch = self._fixtures.get("monkeypatch")
        if isinstance(patch, pytest.MonkeyPatch):
            self._patched = (list(patch._setattr), list(patch._setitem))
        with contextlib.ExitStack() as stack:
            stack.enter_context(_output_put_back(self._item))
            stack.enter_context(_logs_put_back(self._item))
            stack.enter_context(self._warnings_put_back())
            stack.enter_context(_subtests_silent(self._item, self._fixtures))
            yield

    def run(self) -> None:
        """Run the body once more. Raises CannotRepeat when it does not pass."""
        self._count += 1
        self._forget()
        failures: list[str] = []
        try:
            self._item.runtest()
        except (KeyboardInterrupt, SystemExit, pytest.exit.Exception):
            raise
        except BaseException as problem:
            failures.append(_in_short(problem))
        counted = failed_subtests(self._item)
        if counted and counted.get(self._item.nodeid):
            failures.append("a subtest failed")
        collected = self._item.__dict__.get("_excinfo")
        if collected:  # unittest tells its failures there
            failures.append(_in_short(collected[0].value))
            collected.clear()
        if failures:
            raise CannotRepeat(f"run number {self._count} of its body did not pass ({failures[0]})")

    def _forget(self) -> None:
        if self._globals is not None:
            self._item.dtest.globs.clear()
            self._item.dtest.globs.update(self._globals)
        _forget_logs(self._item)
        self._forget_warnings()
        self._unpatch()
        if self._count % 64 == 0:
            _drop_output(self._item)

    def _forget_warnings(self) -> None:
        recorded = self._fixtures.get("recwarn")
        if recorded is None:
            self._warned.clear()
            return
        recorded.clear()
        with warnings.catch_warnings():
            pass  # makes Python forget which warnings it has shown already

    @contextlib.contextmanager
    def _warnings_put_back(self) -> Iterator[None]:
        """Drop the warnings of the runs inside: pytest has those of the first; `recwarn` has them to itself."""
        if "recwarn" in self._fixtures:
            yield
            return
        with warnings.catch_warnings(record=True) as self._warned:
            yield

    def _unpatch(self) -> None:
        """Undo what the body patched, and keep what fixtures did before it."""
        patch = self._fixtures.get("monkeypatch")
        if self._patched is None or patch is None:
            return
        for name, kept in zip(("_setattr", "_setitem"), self._patched, strict=True):
            undo = getattr(patch, name)
            if len(undo) <= len(kept):
                continue
            bodys = pytest.MonkeyPatch()
            getattr(bodys, name).extend(undo[len(kept) :])
            del undo[len(kept) :]
            bodys.undo()


def _in_short(problem: BaseException) -> str:
    text = " ".join(str(problem).split())
    name = type(problem).__name__
    return f"{name}: {text[:117]}..." if len(text) > 120 else f"{name}: {text}" if text else name


# ---- output -----------------------------------------------------------------------------------


def _capturing(item: Any) -> Any:
    manager = item.config.pluginmanager.getplugin("capturemanager")
    return manager if manager is not None and manager.is_globally_capturing() else None


def _has_capture_fixture(item: Any) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return any(name in fixtures for name in ("capsys", "capfd", "capsysbinary", "capfdbinary", "capteesys"))


def _drop_output(item: Any) -> None:
    manager = _capturing(item)
    if manager is not None:
        manager.read_global_capture()


@contextlib.contextmanager
def _output_put_back(item: Any) -> Iterator[None]:
    """Drop what is printed inside, and keep what was printed before; without capture, print nothing."""
    manager = _capturing(item)
    if manager is None:
        if _has_capture_fixture(item):
            yield
            return
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
        return
    before = manager.read_global_capture()
    try:
        yield
    finally:
        manager.read_global_capture()
        for text, stream in ((before[0], sys.stdout), (before[1], sys.stderr)):
            if text:
                stream.write(text)
                stream.flush()


# ---- logs -------------------------------------------------------------------------------------


def _handlers(item: Any) -> list[Any]:
    """The handlers that pytest collects log records with: for the report, and for `caplog`."""
    manager = item.config.pluginmanager.getplugin("logging-plugin")
    found = [getattr(manager, name, None) for name in ("caplog_handler", "report_handler")]
    return [handler for handler in found if handler is not None]


def _forget_logs(item: Any) -> None:
    for handler in _handlers(item):
        handler.records.clear()
        handler.stream.seek(0)
        handler.stream.truncate()


@contextlib.contextmanager
def _logs_put_back(item: Any) -> Iterator[None]:
    kept = [(handler, list(handler.records), handler.stream.getvalue()) for handler in _handlers(item)]
    try:
        yield
    finally:
        _forget_logs(item)
        for handler, records, text in kept:
            handler.records.extend(records)
            handler.stream.write(text)


# ---- subtests ---------------------------------------------------------------------------------


class _SilentHooks:
    """The hooks of an item, less those that report a subtest."""

    def __init__(self, hooks: Any) -> None:
        self._hooks = hooks

    def __getattr__(self, name: str) -> Any:
        if name in ("pytest_runtest_logreport", "pytest_exception_interact"):
            return _say_nothing
        return getattr(self._hooks, name)


def _say_nothing(**_: object) -> None:
    pass


@contextlib.contextmanager
def _subtests_silent(item: Any, fixtures: dict[str, Any]) -> Iterator[None]:
    """Report each subtest once, from the first run of the body."""
    fixture = fixtures.get("subtests")
    name = next((name for name in ("_ihook", "ihook") if hasattr(fixture, name)), None)
    if name is not None:
        hooks = getattr(fixture, name)
        setattr(fixture, name, _SilentHooks(hooks))
    if hasattr(item, "addSubTest"):
        item.addSubTest = _subtest_of_unittest
    try:
        yield
    finally:
        failures = failed_subtests(item)
        if failures is not None:
            failures.pop(item.nodeid, None)  # of a later run: the first had none, or it were not repeated
        if name is not None:
            setattr(fixture, name, hooks)
        item.__dict__.pop("addSubTest", None)


def failed_subtests(item: Any) -> Any:
    """Return where pytest counts the failed subtests of each test; None where it does not."""
    try:
        from _pytest.subtests import failed_subtests_key
    except ImportError:
        return None
    return item.config.stash.get(failed_subtests_key, None)


def _subtest_of_unittest(_case: object, _test: object, error: Any) -> None:
    if error is not None:
        value = error[1] if isinstance(error, tuple) else error.value
        raise CannotRepeat(f"a subtest did not pass ({_in_short(value)})")
