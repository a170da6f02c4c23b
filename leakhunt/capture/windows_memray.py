"""Records an allocation window with memray: starts and stops the tracker, and says why it cannot.

The capture is in memray's `ALL_ALLOCATIONS` format, which stays readable when the target is killed while
a window is open. Importing memray must load nothing of the target's, print nothing and raise nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

from leakhunt.capture import own
from leakhunt.capture.loops import raised_by_signal_handler

#: A window closes early beyond this size of its capture. memray tells standard error of a full disk, so
#: there must be room for several of them.
MOST_BYTES = 64_000_000
ROOM_NEEDED = 4 * MOST_BYTES
#: The tracker's clock ticks this often within a turn, but not more often than every millisecond: each tick
#: reads /proc.
_TICKS_PER_TURN = 40
_TICK_MILLISECONDS = (1, 50)
#: What memray imports besides the standard library.
_IMPORTED = (
    "memray",
    "rich",
    "markdown_it",
    "mdurl",
    "pygments",
    "jinja2",
    "markupsafe",
    "typing_extensions",
)


class Refused(Exception):
    """No window can be opened in this way. `elsewhere`: tracemalloc may do it instead."""

    def __init__(self, slug: str, why: str, *, elsewhere: bool = False) -> None:
        super().__init__(why)
        self.slug = slug
        self.why = why
        self.elsewhere = elsewhere


class MemrayRecorder:
    """One capture: `start` raises Refused when there is none to be had; `stop` never raises."""

    source = "memray"
    gave_up = False

    def __init__(self, path: Path, *, python_allocators: bool, native: bool) -> None:
        self.path = path
        self.python_allocators = python_allocators
        self.native = native
        self._tracker: Any = None

    def prepare(self) -> None:
        """Import what is needed."""
        if room_at(self.path) < ROOM_NEEDED:
            raise Refused("window-no-room", "there is too little room on the disk for a capture")
        _import_memray()

    def start(self, turn_seconds: float) -> None:
        """Begin to record; `turn_seconds` is how long a turn takes, for the tracker's clock."""
        memray = _import_memray()
        tick = round(turn_seconds * 1000 / _TICKS_PER_TURN)
        try:
            memray.set_log_level(100)  # it would write on the program's standard error
            tracker = memray.Tracker(
                destination=memray.FileDestination(self.path, overwrite=True, compress_on_exit=False),
                trace_python_allocators=self.python_allocators,
                native_traces=self.native,
                memory_interval_ms=max(_TICK_MILLISECONDS[0], min(_TICK_MILLISECONDS[1], tick)),
            )
            tracker.__enter__()
        except RuntimeError:
            raise Refused("window-in-use", "the program runs memray itself") from None
        except OSError:
            raise Refused("window-unwritable", "the capture could not be written") from None
        except Exception as problem:
            raise Refused(
                "window-no-memray", f"memray does not work here ({type(problem).__name__})", elsewhere=True
            ) from None
        self._tracker = tracker

    def stop(self) -> None:
        """End the recording, and leave profiling to whoever began it meanwhile."""
        tracker, self._tracker = self._tracker, None
        if tracker is None:
            return
        theirs = sys.getprofile()
        hook = _thread_profiler()
        tracker.__exit__(None, None, None)
        if theirs is not None:
            _profile_again(theirs)
        if hook is not None and getattr(hook, "__name__", "") != "start_thread_trace":
            threading.setprofile(hook)

    def size(self) -> int:
        """Return how large the capture is by now."""
        try:
            return os.stat(self.path).st_size
        except OSError:
            return 0

    def is_too_large(self) -> bool:
        """Return whether the capture has had its share of the disk."""
        return self.size() > MOST_BYTES or room_at(self.path) < MOST_BYTES


def is_loaded() -> bool:
    """Return whether memray is there already, so that no window has to pay for it."""
    return _memray is not None


def room_at(path: Path) -> int:
    """Return the bytes that may still be written beside `path`; 0 when nobody says."""
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return 0


_memray: Any = None


def _import_memray() -> Any:
    global _memray
    if _memray is None and "memray" in sys.modules:
        raise Refused("window-in-use", "the program uses memray itself")
    if sys.getprofile() is not None or _thread_profiler() is not None:
        raise Refused("window-profiled", "the program profiles itself")
    if _memray is not None:
        return _memray
    if not sys.platform.startswith(("linux", "darwin")):
        raise Refused("window-no-memray", f"memray does not run on {sys.platform}", elsewhere=True)
    if "greenlet" in sys.modules:
        # memray prints a warning of its own then
        raise Refused("window-no-memray", "memray does not go well with greenlets", elsewhere=True)
    if _would_import_the_targets():
        raise Refused(
            "window-no-memray", "files of the program have the names of modules that memray imports",
            elsewhere=True,
        )  # fmt: skip
    before = set(sys.modules)
    try:
        with own.loading():
            import memray
    except BaseException as problem:
        if not isinstance(problem, Exception) and raised_by_signal_handler(problem):
            raise
        for name in set(sys.modules) - before:  # half of it is of no use to anybody
            if name.partition(".")[0] == "memray":
                del sys.modules[name]
        why = "memray cannot be imported in the target's environment"
        if not isinstance(problem, ImportError):
            why += f" ({type(problem).__name__})"
        raise Refused("window-no-memray", why, elsewhere=True) from None
    _memray = memray
    return memray


def _would_import_the_targets() -> bool:
    """Return whether the folder of the program has modules that importing memray would load by mistake."""
    folder = sys.path[0] if sys.path else ""
    if "site-packages" in folder or "dist-packages" in folder:
        return False
    try:
        names = {name.partition(".")[0] for name in os.listdir(folder or ".")}
    except OSError:
        return False
    return any(
        name not in sys.modules and (name in sys.stdlib_module_names or name in _IMPORTED) for name in names
    )


def _thread_profiler() -> Any:
    return getattr(threading, "_profile_hook", None)


def _profile_again(profiler: Any) -> None:
    """Go on profiling with what the target had begun behind our back: a function, or a profiler of C."""
    try:
        if callable(profiler):
            sys.setprofile(profiler)
        else:
            profiler.enable()
    except Exception:
        pass
