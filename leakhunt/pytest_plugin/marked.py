"""What is done around the body of a marked or swept test: measure its peak, then run it again and again."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Generator
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.pytest_plugin import outcomes
from leakhunt.pytest_plugin.again import Again, CannotRepeat, failed_subtests
from leakhunt.pytest_plugin.marks import SWEEP, Wish, budget_of_mark, wish_of_mark
from leakhunt.pytest_plugin.telling import settle
from leakhunt.repeat.drive import repeat
from leakhunt.repeat.engine import Repetition
from leakhunt.repeat.outcome import Outcome
from leakhunt.repeat.subject import Subject

#: A timeout of the test must not end it while it is repeated.
_TIMEOUT_SHARE = 0.3


def around_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Run the body; hold it to its budgets; repeat it. The rest of a wrapper of `pytest_runtest_call`."""
    __tracebackhide__ = True
    wrong = None
    try:
        wish = _wish(item)
        budgets = [budget_of_mark(mark) for mark in item.iter_markers("memory_budget")]
    except LeakhuntError as problem:
        wrong = str(problem)
    if wrong is not None:
        pytest.fail(wrong, pytrace=False)
    namespace = Again.before_first(item)
    if budgets:
        from leakhunt.pytest_plugin.budget import hold_to

        result = yield from hold_to(item, budgets)
    else:
        result = yield
    if wish is None or has_failed(item):
        return result
    outcome = _repeated(item, wish, namespace)
    outcomes.keep(item, item.name, outcome)
    if item.get_closest_marker("no_growth") is not None:
        settle(item, item.name, outcome, strict=wish.strict, shows_line=False)
    return result


def _wish(item: pytest.Item) -> Wish | None:
    """What the closest marker asks for, or the sweep; None when the body is run once only."""
    mark = item.get_closest_marker("no_growth")
    if mark is not None:
        wish = wish_of_mark(mark)
    elif item.config.option.leakhunt_all:
        wish = Wish(SWEEP)
    else:
        return None
    timeout = _timeout(item)
    if timeout is None or wish.bounds.max_seconds <= timeout * _TIMEOUT_SHARE:
        return wish
    return Wish(dataclasses.replace(wish.bounds, max_seconds=timeout * _TIMEOUT_SHARE), wish.strict)


def _timeout(item: pytest.Item) -> float | None:
    """The timeout that pytest-timeout applies to this test, if there is one."""
    mark = item.get_closest_marker("timeout")
    given: Any = None
    if mark is not None:
        given = mark.args[0] if mark.args else mark.kwargs.get("timeout")
    if given is None:
        given = getattr(item.config, "_env_timeout", None)
    with contextlib.suppress(TypeError, ValueError):
        return float(given) if given and float(given) > 0 else None
    return None


def has_failed(item: Any) -> bool:
    """Tell whether the body failed or was skipped in a way that is told only afterwards."""
    if item.__dict__.get("_excinfo"):
        return True  # unittest
    counted = failed_subtests(item)
    return bool(counted and counted.get(item.nodeid))


def _is_of_the_test(value: object) -> bool:
    """Tell whether a fixture's value is the test's own: what pytest and its plugins collect in theirs is not."""
    return type(value).__module__.partition(".")[0] not in (
        "_pytest",
        "pytest",
        "pytest_mock",
        "pytest_asyncio",
    )


def _repeated(item: pytest.Item, wish: Wish, namespace: dict[str, Any] | None) -> Outcome:
    _, line, _ = item.location
    root = item.config.rootpath
    fixtures = getattr(item, "funcargs", None) or {}
    subject = Subject(
        name=item.name,
        file=str(item.path),
        line=(line or 0) + 1,
        target=item.nodeid,
        project_root=str(root),
        held={name: value for name, value in fixtures.items() if _is_of_the_test(value)},
    )
    repetition = Repetition(subject, wish.bounds, called=1)
    again = Again(item)
    began = time.perf_counter()
    try:
        with again.putting_back(namespace):
            return repeat(repetition, again.run)
    except CannotRepeat as problem:
        lasted = time.perf_counter() - began
        reason = f"It could not be repeated: {problem}"
        return Outcome("cannot-tell", repetition.calls, lasted, reason, problem=str(problem))
