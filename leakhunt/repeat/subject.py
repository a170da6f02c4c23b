"""What is repeated, and within which bounds."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leakhunt.errors import LeakhuntError

MAX_SECONDS = 10.0
#: What is spent on a subject that does not grow, if its calls are quick.
LOOK_SECONDS = 0.08


class RepeatError(LeakhuntError):
    """What was handed in cannot be repeated: a generator function, arguments that do not fit."""

    def __init__(self, message: str) -> None:
        super().__init__(message, slug="not-repeatable")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is called again and again: `name` for people, `target` the test or file that it belongs to.

    `held` has by name what outlives the calls and no variable of the program names: the fixtures of a test.
    """

    name: str
    file: str
    line: int
    target: str
    project_root: str
    held: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long to repeat and what to let pass.

    `tolerance` is in bytes per call, None for what was measured as noise. `iterations` is the number of
    calls to measure at most, None for as many as it takes. `max_seconds` bounds the measuring; naming who
    holds what grows comes on top. Quick calls that do not grow are let go after about `look_seconds`.
    """

    tolerance: float | None = None
    iterations: int | None = None
    max_seconds: float = MAX_SECONDS
    look_seconds: float = LOOK_SECONDS


def subject_of(
    function: Callable[..., Any], arguments: tuple[Any, ...], target: str, project_root: str
) -> Subject:
    """Return the subject that `function` is, called with `arguments`.

    Raises RepeatError when a call could not work or would run nothing of it.
    """
    if not callable(function):
        raise RepeatError(
            f"{_shown(function)} cannot be called: hand in the function itself, as in assert_no_growth(work), "
            "or a lambda that calls it"
        )
    inner = inner_function(function)
    name = getattr(inner, "__qualname__", None) or type(function).__name__
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise RepeatError(
            f"{name} is a generator function: calling it runs nothing of it. Hand in a function that uses it "
            f"up: lambda: list({getattr(inner, '__name__', name)}())"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        signature = None
    if signature is not None:
        try:
            signature.bind(*arguments)
        except TypeError as problem:
            raise RepeatError(
                f"{name}{signature} cannot be called with {len(arguments)} arguments ({problem}): hand them in "
                "behind it, as in assert_no_growth(parse, document)"
            ) from None
    code = getattr(inner, "__code__", None)
    file, line = (code.co_filename, code.co_firstlineno) if code is not None else (target, 1)
    return Subject(name, file, line, target, project_root)


def inner_function(function: Any) -> Any:
    """Return the function that does the work: of a partial, a method or an object with `__call__`."""
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    if not hasattr(function, "__code__") and not isinstance(function, type):
        for base in type(function).__mro__:
            if "__call__" in vars(base):
                return vars(base)["__call__"]
    return function


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
