"""What the target has loaded: versions of installed packages, threads of native libraries; read without running code.

What is known about a release (`findings.known`) can only be said of the release that ran.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from leakhunt.capture.native_threads import native_threads
from leakhunt.host import usable_processors
from leakhunt.journal.writer import JournalWriter

_MOST = 200
_LONGEST = 40
#: Reads the namespace as it is: a lazy module may answer `module.__dict__` with code of its own.
_namespace: Callable[[ModuleType], dict[str, Any]] = vars(ModuleType)["__dict__"].__get__


def imported_versions() -> dict[str, str]:
    """Return top-level module -> its `__version__`, where it is a plain string that is there already."""
    found: dict[str, str] = {}
    # A copy: another thread may import meanwhile.
    for name, module in list(sys.modules.items()):
        if "." in name or name in sys.stdlib_module_names or name.startswith("leakhunt"):
            continue
        version = _version(module)
        if version is not None and len(found) < _MOST:
            found[name] = version
    return found


def _version(module: Any) -> str | None:
    if not issubclass(type(module), ModuleType):
        return None
    version = _namespace(module).get("__version__")
    if not issubclass(type(version), str):
        return None
    text = str.__str__(version)
    return text if 0 < len(text) <= _LONGEST else None


class LoadedCode:
    """Writes down what the program has loaded: with the first census, and once more when it is another at the end."""

    def __init__(self, journal: JournalWriter) -> None:
        self._journal = journal
        self._versions: dict[str, str] = {}

    def tell_at_first(self) -> None:
        """Write down the threads of native libraries and the versions of imported packages."""
        if threads := native_threads():
            detail = {"libraries": threads, "processors": usable_processors()}
            self._journal.write("event", "native-threads", detail)
        self.tell()

    def tell(self) -> None:
        """Write down the versions of imported packages, if there are more than were last said."""
        versions = imported_versions()
        if versions != self._versions:
            self._versions = versions
            self._journal.write("event", "versions", versions)
