"""Makes the calls that a repetition asks for: plain calls, or awaited ones in the running loop."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from leakhunt.repeat.engine import Repetition
from leakhunt.repeat.outcome import Outcome
from leakhunt.repeat.subject import inner_function


def repeat(repetition: Repetition, call: Callable[[], object]) -> Outcome:
    """Call as often as it takes. Whatever `call` raises ends it and is raised here."""
    steps = repetition.steps()
    try:
        for calls in steps:
            for _ in range(calls):
                call()
    finally:
        steps.close()
    return repetition.outcome


async def repeat_async(repetition: Repetition, call: Callable[[], Awaitable[object]]) -> Outcome:
    """Call and await as often as it takes, in the loop that runs."""
    steps: Generator[int, None, None] = repetition.steps()
    try:
        for calls in steps:
            for _ in range(calls):
                await call()
            await _let_others_run()
    finally:
        steps.close()
    return repetition.outcome


async def _let_others_run() -> None:
    """Let callbacks that a call left behind run, so that what they hold is not taken for growth."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return  # trio's loop or another
    for _ in range(3):
        await asyncio.sleep(0)


def is_coroutine_function(function: Any) -> bool:
    """Return whether calling `function` gives something to await, as far as that can be seen beforehand."""
    inner = inner_function(function)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inner)
