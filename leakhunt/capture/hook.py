"""Has the user's modules compiled with their loops followed, whichever way they are imported.

`SourceLoader.get_code` is the one place that every import of a source file goes through: the path
finder, `runpy`, editable installs, `spec_from_file_location`. Loaders stay what they are. Other code
than the user's, and whatever cannot be rewritten, runs as Python compiled it.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib_external import SourceFileLoader, SourceLoader
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from types import CodeType
from typing import Any

from leakhunt.capture.rewrite import rewrite
from leakhunt.capture.turns import Follower

_INSTALLED = ("site-packages", "dist-packages")
#: Frames of this file are dropped from the traceback of a failed import, like Python's own importer's.
_IMPORTER = "<frozen importlib._bootstrap_external>"


_TRACING = (b"settrace", b"setprofile", b"set_trace", b"breakpoint(", b"cProfile", b"import trace")


def follow_loops(source: bytes, code: CodeType, follower: Follower) -> CodeType:
    """Return `code`, compiled from `source`, with its loops followed where that can be done."""
    if any(word in source for word in _TRACING):
        follower.give_way_to_tracing()
    return rewrite(source, code.co_filename, follower.new_site, code) or code


class UserCode:
    """Decides which files are the user's own."""

    def __init__(self, project_root: str, follow: Sequence[str] = (), package_dir: str = "") -> None:
        self.root = os.path.join(os.path.realpath(project_root), "")
        self.follow = tuple(follow)
        standard = os.path.dirname(os.path.realpath(os.__file__))
        self.others = [os.path.join(standard, "")]
        if package_dir:
            self.others.append(os.path.join(os.path.realpath(package_dir), ""))
        self._reals: dict[str, str] = {}

    def includes(self, module: str, path: str) -> bool:
        """Return whether the loops of `module`, whose source is `path`, are followed."""
        if any(fnmatchcase(module, glob) for glob in self.follow):
            return not module.startswith("leakhunt.")
        folder, name = os.path.split(path)
        real = self._reals.get(folder)
        if real is None:
            real = self._reals[folder] = os.path.realpath(folder)
        file = os.path.join(real, name)
        if not file.startswith(self.root) or any(file.startswith(other) for other in self.others):
            return False
        inside = file[len(self.root) :].split(os.sep)
        return not any(part in _INSTALLED for part in inside)


def install(user_code: UserCode, follower: Follower) -> None:
    """Follow the loops of every user module that is imported from now on."""
    original: Callable[[Any, str], Any] = SourceLoader.get_code

    def followed(loader: Any, fullname: str, code: Any) -> Any:
        # A loader that compiles in its own way (pytest's, a template engine's) keeps it.
        if type(loader) is not SourceFileLoader or follower.closed or not isinstance(code, CodeType):
            return code
        try:
            path = loader.path
            if not user_code.includes(fullname, path):
                return code
            return follow_loops(loader.get_data(path), code, follower)
        except Exception:
            return code

    def get_code(self: Any, fullname: str) -> Any:
        return followed(self, fullname, original(self, fullname))

    get_code.__code__ = get_code.__code__.replace(co_filename=_IMPORTER)
    get_code.__qualname__ = original.__qualname__
    get_code.__module__ = original.__module__
    SourceLoader.get_code = get_code  # type: ignore[method-assign]


def forget_shadowed_modules(before: frozenset[str], folder: str) -> None:
    """Drop standard modules that we loaded and of which the script's folder has its own version.

    Plain Python, which had not loaded them yet, would import the script's.
    """
    for name in list(sys.modules):
        if name in before or "." in name or name in sys.builtin_module_names or name == "leakhunt":
            continue
        place = os.path.join(folder, name)
        if os.path.isfile(place + ".py") or os.path.isfile(os.path.join(place, "__init__.py")):
            for loaded in list(sys.modules):
                if loaded == name or loaded.startswith(name + "."):
                    del sys.modules[loaded]
