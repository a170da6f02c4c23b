"""The frames that are running now, whose they are, and their local variables.

Reading `f_locals` on Python 3.10-3.12 pins the values of that moment in a dict on the frame. In a
forked child that does not matter; in the target itself the pins are dropped again. leakhunt's own
frames are never shown.
"""

from __future__ import annotations

import os
import sys
import types
from typing import Any

OWN_DIRECTORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_PROXY = sys.version_info >= (3, 13)


def is_own_frame(frame: types.FrameType) -> bool:
    """Return whether a frame runs leakhunt's own code."""
    return frame.f_code.co_filename.startswith(OWN_DIRECTORY)


def running_frames() -> dict[int, list[types.FrameType]]:
    """Return the frames of every thread, outermost first, without leakhunt's own."""
    found: dict[int, list[types.FrameType]] = {}
    for thread, innermost in sys._current_frames().items():
        frames: list[types.FrameType] = []
        frame: types.FrameType | None = innermost
        while frame is not None:
            if not is_own_frame(frame):
                frames.append(frame)
            frame = frame.f_back
        frames.reverse()
        found[thread] = frames
    return found


def locals_of(frame: types.FrameType, forked: bool) -> dict[str, Any]:
    """Return a copy of a frame's local variables (cells read through), leaving nothing pinned."""
    namespace = frame.f_locals
    if _PROXY:
        return dict(namespace)
    copied = dict(namespace)
    if (
        not forked
        and frame.f_code.co_flags & 0x2
        and sys.gettrace() is None
        and sys.getrefcount(namespace) <= 3
    ):
        # Nobody else holds this dict (the program never called locals()): drop what it pins.
        namespace.clear()
    return copied
