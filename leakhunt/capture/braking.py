"""The brake in the program's own loops, where `--brake` asks for it: no line of the program is changed.

Before a turn of a slow loop of the main thread there is a look at the memory that is left. When it is
short, and stays short after garbage was collected and given back, `MemoryBrake` is raised where the loop
asks for its next turn. A program that does not catch it ends with exit code 75: start me afresh.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from leakhunt.protect.brake import Brake, MemoryBrake
from leakhunt.protect.notes import heartbeat

#: A look costs about 50 µs.
_GAP_SECONDS = 0.02


class Unheard:
    """The listener of a program that is only braked: nobody wants to know of its loops."""

    def loop_found(self, *_: Any) -> None:
        """Nothing."""

    entered = boundary = left = finish = loaded = loop_found


class _Braked(MemoryBrake):
    """Raised by `--brake`, not by a call of the program's own."""


def loop_brake(size: int | str | None) -> Callable[[Any], None] | None:
    """Return what a follower asks before a turn; None when `--brake` was not given. `size` is bytes."""
    if size is None:
        return None
    brake = Brake(size if isinstance(size, int) else None)
    due = 0.0
    pid = os.getpid()

    def look(instance: Any) -> None:
        nonlocal due
        if monotonic() < due or os.getpid() != pid:
            return
        site = instance.site
        unit = f"turn {instance.completed + 1} of the loop at {os.path.basename(site.file)}:{site.line}"
        heartbeat(unit)
        try:
            brake.check(unit)
        except MemoryBrake as problem:
            raise _Braked(problem.unit, problem.available, problem.needed, problem.times) from None
        finally:
            due = monotonic() + _GAP_SECONDS

    return look


def braked(problem: BaseException) -> bool:
    """Tell whether the program ends because of `--brake`, and say so in one line."""
    if not isinstance(problem, _Braked):
        return False
    with suppress(OSError):
        os.write(2, f"leakhunt: {problem}; ending with exit code 75\n".encode(errors="backslashreplace"))
    return True
