"""The heap censuses of one inquiry: taken in forked copies at checkpoints, waited for, and compared."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from leakhunt.capture.heap.checkpoint import start_checkpoint
from leakhunt.capture.heap.resolve import resolve
from leakhunt.capture.heap.suspects import name_suspects
from leakhunt.census.format import Census, Suspect, load_census
from leakhunt.census.growth import growing
from leakhunt.model.run import ENOUGH_CENSUSES, Checkpoint, LossSeen

if TYPE_CHECKING:
    from leakhunt.census.growth import Growth

#: How long censuses are waited for once all calls were made.
PATIENCE_SECONDS = 110.0
#: ... and for what they add when the holders are known: who else holds them, what nobody reaches.
_MORE_SECONDS = 4.0
#: The module under whose name fixtures are found while a census is taken.
HOME = "fixture"


class Censuses:
    """Takes censuses into a directory; afterwards they are there to be compared."""

    def __init__(self, directory: Path, project_root: str, held: Mapping[str, Any]) -> None:
        self.held = held
        self.taken: list[Checkpoint] = []
        self.losses: list[LossSeen] = []
        self._directory = directory
        self._root = project_root
        self._pids: list[int] = []
        self._found: list[Census] = []
        self._began = time.perf_counter()

    @property
    def arrived(self) -> int:
        """How many censuses were read."""
        return len(self._found)

    def take(self, loop: str, turns: int, *, inline: bool = False) -> None:
        """Begin a census after so many calls: in a copy, or in this process itself."""
        number = len(self.taken) + 1
        name = f"{number:04d}.json"
        with named(self.held, self._root):
            started = start_checkpoint(
                out_path=str(self._directory / name), number=number, loop=loop, turns=turns, previous=[],
                project_root=self._root, waited_for=True, inline=inline,
            )  # fmt: skip
        if started is None:
            what = "a heap census could not be started; holders may go unnamed"
            self.losses.append(LossSeen("census-failed", what))
            return
        if started.how == "fork" and started.pid is not None:
            self._pids.append(started.pid)
        seconds = time.perf_counter() - self._began
        self.taken.append(
            Checkpoint(number, loop, turns, seconds, name, started.how, started.pause_seconds, False)
        )

    def wait(self) -> None:
        """Wait for the copies to end, and read what they wrote."""
        files = [self._directory / str(one.file) for one in self.taken]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(file.exists() for file in files) and time.monotonic() < deadline:
            if not any(map(_is_alive, self._pids)):
                break
            time.sleep(0.02)
        deadline = min(deadline, time.monotonic() + _MORE_SECONDS)
        while any(map(_is_alive, self._pids)) and time.monotonic() < deadline:
            time.sleep(0.02)
        self._read(files)

    def _read(self, files: list[Path]) -> None:
        self._found = []
        for at, file in enumerate(files):
            one = self.taken[at]
            try:
                census = load_census(file)
            except (OSError, ValueError):
                continue
            self._found.append(census)
            self.taken[at] = replace(
                one, arrived=True, complete=census.complete, collecting=census.collecting
            )

    @property
    def lost(self) -> list[LossSeen]:
        """What was not seen: censuses that were not read, where too few were."""
        missing = len(self.taken) - self.arrived
        if not missing or self.arrived >= ENOUGH_CENSUSES:
            return self.losses
        return [*self.losses, LossSeen("census-late", "a heap census did not come back in time", missing)]

    def growths(self) -> list[Growth]:
        """Return the heap paths that rise from census to census.

        That its keys are held weakly speaks for no container here: the collector ran before each census, so
        what is still there is held by somebody, its own value perhaps.
        """
        return [replace(growth, tags=growth.tags - {"weak-keys"}) for growth in growing(self._found)]

    def suspects(self) -> list[Suspect]:
        """Return the growing containers that can be found again in this process."""
        if len(self._found) < 3:
            return []
        *earlier, last = self._found
        return name_suspects(last, [one for one in earlier if one.loop == last.loop]).found

    def find(self, suspect: Suspect) -> object | None:
        """Return the live container of a suspect; None when it is not there."""
        with named(self.held, self._root):
            return resolve(suspect)


@contextlib.contextmanager
def named(held: Mapping[str, Any], project_root: str) -> Iterator[None]:
    """Let a census find what a test holds under its names: `fixture.client`, as if it were a module's."""
    if not held or HOME in sys.modules:
        yield
        return
    home = ModuleType(HOME)
    home.__file__ = f"{project_root}/{HOME}.py"
    vars(home).update(held)
    sys.modules[HOME] = home
    try:
        yield
    finally:
        del sys.modules[HOME]
        vars(home).clear()


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b") ")[2][:1] not in (b"Z", b"X", b"")
    except OSError:
        return False
