"""Watches what grows, for one turn each, until the line that makes it grow is seen.

What grows was named by a census or, where censuses take their time, guessed from lengths. Opens at most a
few windows a run and only for what has no line yet. What was seen goes to the journal as `insertion`
records; what could not be watched is a loss.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import Any

from leakhunt.capture.insertion import InsertionWindow, Watched, size_reader
from leakhunt.capture.slots import Slots
from leakhunt.journal.writer import JournalWriter

_WINDOWS_PER_RUN = 8
_TRIES_PER_SUSPECT = 3
#: Names that are watched before a census has confirmed that they grow.
_GUESSES_PER_RUN = 6


class SuspectWatch:
    """Opens and closes insertion windows at the boundaries of the measured loop."""

    def __init__(self, journal: JournalWriter, project_root: str, own_directory: str) -> None:
        self.journal = journal
        self.windows = 0
        self._own = own_directory
        self._root = project_root.rstrip(os.sep) + os.sep
        self._libraries = tuple(
            path.rstrip(os.sep) + os.sep
            for name in ("stdlib", "platstdlib", "purelib", "platlib")
            if (path := sysconfig.get_paths().get(name))
        )
        self._seen_file: dict[str, str] = {}
        self._suspects: dict[str, list[Any]] = {}
        self._guesses: dict[str, list[Any]] = {}
        self._slots: dict[str, Slots] = {}
        self._tries: dict[str, int] = {}
        self._found: set[str] = set()
        self._guessed = 0
        self._open: tuple[InsertionWindow, Any, int] | None = None
        self._lost: set[str] = set()

    def is_user_file(self, name: str) -> bool:
        """Return whether `name` is the user's own source: under the project, in no library, not ours."""
        return (
            name.startswith(self._root)
            and not name.startswith(self._own)
            and not name.startswith(self._libraries)
            and "site-packages" not in name
        )

    @property
    def is_open(self) -> bool:
        """Whether a turn is being watched now."""
        return self._open is not None

    def bytes_per_turn(self, loop: str) -> float:
        """Return what the censuses of `loop` have explained of its growth so far."""
        return sum(suspect.bytes_per_turn or 0.0 for suspect in self._suspects.get(loop, ()))

    def open_window(self, instance: Any, census_files: list[str], run_directory: Path) -> None:
        """Watch the suspects still without a line during the turn that begins now.

        `census_files` are those of the instance's own loop: what grows per turn of it may grow in any
        part of the turn, so the window must be a whole turn of that loop, not of one inside it.
        """
        loop = instance.site.id
        if self._open is not None or self.windows >= _WINDOWS_PER_RUN:
            return
        if not census_files and loop not in self._guesses:
            return
        self._read_suspects(loop, census_files, str(run_directory))
        watched = [target for suspect in self._wanted(loop) if (target := self._target(suspect)) is not None]
        if not watched:
            return
        window = InsertionWindow(watched, self.is_user_file, self._own)
        if not window.open():
            self._lose(
                "insertion-unseen", "the program traces itself: the line that grows a suspect was not watched"
            )
            self.windows = _WINDOWS_PER_RUN
            return
        self.windows += 1
        self._open = (window, instance, instance.completed)

    def close_window(self, instance: Any | None) -> None:
        """End the open window when its turn is over (or, with None, at once) and write what it saw."""
        if self._open is None:
            return
        window, opened_at, completed = self._open
        if instance is not None and instance is not opened_at:
            # Only an outer loop's boundary ends the turn; inner loops, other tasks and threads are part of it.
            level = opened_at.parent
            while level is not None and level is not instance:
                level = level.parent
            if level is None:
                return
        self._open = None
        window.close()
        turns = max(1, opened_at.completed - completed)
        for watched in window.watched:
            if not watched.at:
                continue
            place = max(watched.at, key=lambda at: watched.at[at])
            self._found.add(watched.key)
            file, line, function = place
            self.journal.write(
                "insertion", watched.key, file, line, function, watched.stacks.get(place, []),
                watched.at[place], turns, window.via,
            )  # fmt: skip

    def look(self, loop: str) -> None:
        """Look at the lengths of what is at hand at a boundary of the measured loop, for a first guess."""
        if self._open is not None or self.windows >= _WINDOWS_PER_RUN or self._guessed >= _GUESSES_PER_RUN:
            return
        guesses = self._slots.setdefault(loop, Slots(self.is_user_file)).look()
        known = {suspect.key for suspect in self._guesses.get(loop, ())}
        for guess in guesses:
            if guess.key not in known and self._guessed < _GUESSES_PER_RUN:
                self._guessed += 1
                self._guesses.setdefault(loop, []).append(guess)

    def known(self, loop: str) -> int:
        """Return how many suspects the censuses of `loop` have named so far."""
        return len(self._suspects.get(loop, ()))

    def guessed(self, loop: str) -> int:
        """Return how many named containers have lengthened turn by turn around `loop`."""
        return len(self._guesses.get(loop, ()))

    def live(self, loop: str) -> dict[str, Any]:
        """Return the suspects of `loop` that are there now, by their key."""
        from leakhunt.capture.heap.resolve import resolve

        suspects = [*self._guesses.get(loop, ()), *self._suspects.get(loop, ())]
        found = {suspect.key: resolve(suspect) for suspect in suspects}
        return {key: container for key, container in found.items() if container is not None}

    def _wanted(self, loop: str) -> list[Any]:
        return [
            suspect
            for suspect in [*self._suspects.get(loop, ()), *self._guesses.get(loop, ())]
            if suspect.key not in self._found and self._tries.get(suspect.key, 0) < _TRIES_PER_SUSPECT
        ][:4]

    def _target(self, suspect: Any) -> Watched | None:
        from leakhunt.capture.heap.resolve import resolve

        self._tries[suspect.key] = self._tries.get(suspect.key, 0) + 1
        container = resolve(suspect)
        read = size_reader(container) if container is not None else None
        return Watched(suspect.key, read) if read is not None else None

    def _read_suspects(self, loop: str, census_files: list[str], run_directory: str) -> None:
        from leakhunt.census.format import load_suspects

        for name in reversed(census_files):
            if name == self._seen_file.get(loop):
                return
            path = f"{run_directory}/{name}.suspects.json"
            if os.path.exists(path):
                self._seen_file[loop] = name
                suspects = self._suspects.setdefault(loop, [])
                known = {suspect.key for suspect in suspects}
                suspects += [suspect for suspect in load_suspects(path) if suspect.key not in known]
                return

    def _lose(self, slug: str, what: str) -> None:
        if slug not in self._lost:
            self._lost.add(slug)
            self.journal.write("loss", slug, what, None)
