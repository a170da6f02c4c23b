"""Call stacks as windows recorded them: which frame is the user's, and what its functions are called.

A frame is (file, line, function); a stack has the innermost frame first. Reads sources as data.
"""

from __future__ import annotations

import sysconfig
from pathlib import PurePath

from leakhunt.analysis.source import read_source
from leakhunt.model.run import Run

Frame = tuple[str, int, str]
_LIBRARIES = ("site-packages", "dist-packages", PurePath(sysconfig.get_paths()["stdlib"]).name)


def user_frame(stack: list[Frame]) -> Frame | None:
    """Return the innermost frame in the user's own code: no library, no standard library, no native code."""
    return next((frame for frame in stack if is_users(frame[0])), None)


def is_users(file: str) -> bool:
    """Tell whether a source file is neither of a library nor of the standard library."""
    parts = PurePath(file).parts
    return file.endswith(".py") and not any(name in parts for name in _LIBRARIES)


def with_functions(run: Run, stack: list[Frame]) -> list[Frame]:
    """Name the functions of a stack that has lines only, where the source is as it ran.

    Of libraries, of the innermost frame only: each takes reading a file.
    """
    if not stack or any(function for _, _, function in stack):
        return stack
    named = []
    for at, (file, line, _) in enumerate(stack):
        wanted = file.endswith(".py") and (at == 0 or is_users(file))
        source = read_source(file, changed_before=run.started) if wanted else None
        named.append((file, line, source.function_at(line) if source is not None else ""))
    return named
