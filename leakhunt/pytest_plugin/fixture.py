"""The `assert_no_growth` fixture: repeats a callable, plain or to be awaited, and fails when it grows."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.pytest_plugin import outcomes
from leakhunt.pytest_plugin.marks import Wish, wish_of
from leakhunt.pytest_plugin.telling import settle
from leakhunt.repeat.drive import is_coroutine_function, repeat, repeat_async
from leakhunt.repeat.engine import Repetition
from leakhunt.repeat.subject import MAX_SECONDS, Subject, subject_of


class AssertNoGrowth:
    """Call it with what is to be repeated; a coroutine function's result is to be awaited."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._item: Any = request.node
        self._root = str(request.config.rootpath)
        self._waiting: list[_Awaited] = []

    def __call__(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        tolerance: str | float | None = None,
        iterations: int | str = "auto",
        max_seconds: float | str = MAX_SECONDS,
        strict: bool = False,
    ) -> Awaitable[None] | None:
        """Repeat `function(*arguments)` until it can be said whether it grows, and fail if it does.

        `tolerance` is what a call may leave behind ("64 B"; by default what was measured as noise),
        `iterations` how many calls to measure at most ("auto": as many as it takes), `max_seconds` for how
        long. When it cannot be told, there is a warning, or with `strict` a failure.
        """
        __tracebackhide__ = True
        wrong = None
        try:
            wish = wish_of("assert_no_growth", iterations, tolerance, max_seconds, strict)
            subject = subject_of(function, arguments, self._item.nodeid, self._root)
        except LeakhuntError as problem:
            wrong = str(problem)
        if wrong is not None:
            pytest.fail(wrong)
        if is_coroutine_function(function):
            return self._later(subject, wish, function, arguments, None)
        first = function(*arguments)
        if inspect.isawaitable(first):
            return self._later(subject, wish, function, arguments, first)
        if inspect.isgenerator(first) or inspect.isasyncgen(first):
            pytest.fail(
                f"{subject.name} returns a generator: nothing of it ran. Use it up, as in lambda: list(...)"
            )
        del first
        outcome = repeat(Repetition(subject, wish.bounds, called=1), lambda: function(*arguments))
        self._end(subject, wish, outcome)
        return None

    def _later(
        self,
        subject: Subject,
        wish: Wish,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        first: Awaitable[Any] | None,
    ) -> Awaitable[None]:
        async def repeated() -> None:
            __tracebackhide__ = True
            if first is not None:
                await first
            repetition = Repetition(subject, wish.bounds, called=int(first is not None))
            outcome = await repeat_async(repetition, lambda: function(*arguments))
            self._end(subject, wish, outcome)

        awaited = _Awaited(subject.name, repeated, first)
        self._waiting.append(awaited)
        return awaited

    def _end(self, subject: Subject, wish: Wish, outcome: Any) -> None:
        __tracebackhide__ = True
        outcomes.keep(self._item, subject.name, outcome)
        settle(self._item, subject.name, outcome, strict=wish.strict, shows_line=True)

    def finish(self) -> None:
        """Fail the test when what should have been awaited was not: nothing was tested then."""
        forgotten = [one for one in self._waiting if not one.begun]
        for one in forgotten:
            one.drop()
        if forgotten:
            pytest.fail(
                f"{forgotten[0].name} is a coroutine function, and nothing of it ran: write "
                f"`await assert_no_growth({forgotten[0].name})` in an async test",
                pytrace=False,
            )


class _Awaited:
    """What stands for the repetition of a coroutine function until it is awaited."""

    def __init__(
        self, name: str, repeated: Callable[[], Awaitable[None]], first: Awaitable[Any] | None
    ) -> None:
        self.name = name
        self.begun = False
        self._repeated = repeated
        self._first = first

    def __await__(self) -> Generator[Any, Any, None]:
        self.begun = True
        return self._repeated().__await__()

    def drop(self) -> None:
        """Close the coroutine that was made and will never be awaited."""
        close = getattr(self._first, "close", None)
        if close is not None:
            close()
