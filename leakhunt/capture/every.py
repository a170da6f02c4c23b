"""`--every-iteration`: what is recorded at every boundary of the measured loop, and where that stops.

For short runs, when somebody asked for it. A record is a census with more in it: tracemalloc's totals
by line and pympler's sizes by type, all put together in the forked copy; between two records memray
writes a capture. Bounded in number and on disk; what is left out is a loss.
"""

from __future__ import annotations

import contextlib
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leakhunt.capture import own
from leakhunt.capture.heap.bytype import load_pympler
from leakhunt.capture.heap.traced import FRAMES
from leakhunt.capture.schedule import SHORT_TURN_SECONDS, measured_levels
from leakhunt.capture.windows_memray import MemrayRecorder, Refused
from leakhunt.journal.writer import JournalWriter

#: So many boundaries are recorded without a gap, then as many of every second one, and so on.
WITHOUT_GAP = 100
#: The records of a run, and its memray captures, may take this much on disk.
MOST_RECORD_BYTES = 200_000_000
MOST_CAPTURE_BYTES = 100_000_000
#: Copies that may compute at a time; the target waits for one to end, this long at most.
_AT_ONCE = 2
_PATIENCE_SECONDS = 15.0
#: All this waiting together; afterwards a boundary that would have to wait is left out.
_MOST_WAITING_SECONDS = 120.0
#: tracemalloc's tables take twice what it says: 97 bytes of malloc a trace, where it tells of 49.
_TABLES = 2
#: Boundaries of slow turns are no further apart than this: more turns in between are short ones.
_FEW = 5
#: Earlier censuses that a copy compares with: each costs it as much as its own.
_COMPARED = 6
#: Only the sum over a capture is used: memray's clock may tick as it does by default, every 10 ms.
_TURN_SECONDS = 0.4


def every_iteration(
    options: dict[str, Any], journal: JournalWriter, run_directory: Path
) -> EveryIteration | None:
    """Return the recorder when the user asked for one."""
    if not options.get("every_iteration"):
        return None
    return EveryIteration(
        journal, run_directory, native=bool(options.get("native")), named=options.get("primary")
    )


class EveryIteration:
    """The recorder of one process: which boundaries are recorded, and what traces meanwhile."""

    def __init__(
        self, journal: JournalWriter, run_directory: Path, *, native: bool, named: str | None
    ) -> None:
        self.journal = journal
        self.run_directory = run_directory
        self.native = native
        self._named = _place_of(named)
        self._begun = False
        self._own_tracing = False
        self._recorder: MemrayRecorder | None = None
        self._memray_wanted = False
        self._captures = 0
        self._captured = 0
        self._next: dict[str, int] = {}
        self._marks: dict[str, list[int]] = {}
        self._bytes = 0
        self._sized = 0
        self._waited = 0.0
        #: Beginning of an open loop -> turns and instant of the boundary before, and whether its turns are slow.
        self._seen: dict[float, tuple[int, float, bool]] = {}
        self._lost: set[str] = set()

    def measures(self, instance: Any, turns_of: Callable[[Any], int]) -> bool:
        """Return whether boundaries of this loop are recorded; what traces starts with the first of them.

        The loop that censuses would be taken of (the outermost where none has enough turns for that),
        or the one that was named.
        """
        chain: list[Any] = []
        level = instance
        while level is not None:
            chain.insert(0, level)
            level = level.parent
        now = time.perf_counter()
        if self._named is not None:
            file, line = self._named
            if instance.site.line != line or not instance.site.file.endswith(file):
                return False
        elif instance.site.loop_kind == "comprehension":
            return False  # makes one thing; its turns are too many and too short
        elif len(chain) - 1 not in (measured_levels(chain, [turns_of(one) for one in chain], now) or [0]):
            return False
        turns, since, slow = self._seen.get(instance.started, (0, instance.started, self._named is not None))
        if not self._begun:
            self._begin()
            since += time.perf_counter() - now
            now = time.perf_counter()
        passed = instance.completed - turns
        # Decided before the first record: turns after a copy was made are slow, whatever they do.
        slow = slow or (0 < passed <= _FEW and now - since >= SHORT_TURN_SECONDS * passed)
        self._seen[instance.started] = (instance.completed, now, slow)
        return slow and bool(instance.completed)

    def _begin(self) -> None:
        self._begun = True
        with own.loading():
            sized = load_pympler()
        if not sized:
            self._lose("every-no-pympler", "pympler cannot be imported in the target's environment: "
                       "sizes by type are the census's own")  # fmt: skip
        self._memray_wanted = True
        if not tracemalloc.is_tracing():
            tracemalloc.start(FRAMES)
            self._own_tracing = True
        self._lose("traced-run", "allocations were traced from the first iteration on, which made the turns "
                   "themselves slower")  # fmt: skip
        self.resume()

    def due(self, loop: str, turns: int, *, at_end: bool) -> bool:
        """Return whether the boundary after `turns` turns of `loop` is to be recorded."""
        recorded = self._marks.get(loop)
        if recorded and turns <= recorded[-1]:
            return False
        if self._bytes > MOST_RECORD_BYTES:
            self._lose("every-full", f"iterations after the {turns - 1}th were not recorded: what is kept of "
                       "them would have passed 200 MB")  # fmt: skip
            return False
        return at_end or turns >= self._next.get(loop, 0)

    def wait(self, census_files: list[str]) -> bool:
        """Stop memray and wait for earlier copies to end; return whether there is room for one more."""
        self._pause_memray()
        began = time.perf_counter()
        patience = max(0.0, min(_PATIENCE_SECONDS, _MOST_WAITING_SECONDS - self._waited))
        while True:
            waiting = 0
            for at in range(self._sized, len(census_files)):
                with contextlib.suppress(OSError):
                    self._bytes += os.stat(self.run_directory / census_files[at]).st_size
                    if at == self._sized:
                        self._sized += 1
                    continue
                waiting += 1
            if waiting < _AT_ONCE:
                self._waited += time.perf_counter() - began
                return True
            if time.perf_counter() > began + patience:
                self._waited += time.perf_counter() - began
                if patience >= _PATIENCE_SECONDS:
                    # Most likely they died: they are not waited for again.
                    self._sized = len(census_files)
                self.resume()
                return False
            time.sleep(0.005)

    def took(self, loop: str, turns: int) -> None:
        """Note that a boundary was recorded."""
        marks = self._marks.setdefault(loop, [])
        marks.append(turns)
        gap = 1 << (len(marks) // WITHOUT_GAP)
        self._next[loop] = turns + gap
        self.resume()
        if gap > 1:
            self._lose("every-thinned", f"after iteration {turns} ever fewer iterations were recorded: every "
                       "second one at first")  # fmt: skip

    def without_tables(self, gauges: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return gauge readings less the memory of tracemalloc's own tables: they would look like growth.

        The gauge of malloc has taken off what tracemalloc says of itself already.
        """
        if not self._own_tracing or not tracemalloc.is_tracing():
            return gauges
        said = tracemalloc.get_tracemalloc_memory()
        anon, native = gauges[0], gauges[4]
        if anon is not None:
            anon = max(0, anon - _TABLES * said)
        if native is not None:
            native = [max(0, native[0] - (_TABLES - 1) * said), *native[1:]]
        return (anon, *gauges[1:4], native, *gauges[5:])

    def close(self) -> None:
        """Stop what was started."""
        self._pause_memray()
        if self._own_tracing:
            self._own_tracing = False
            tracemalloc.stop()

    # ---- memray: a capture from record to record --------------------------------------------------
    # Not one for all: a copy that is made while it records ruins the file where tracemalloc is on as well.

    def _pause_memray(self) -> None:
        """End the capture of the turns that are over."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        recorder.stop()
        self._captured += recorder.size()
        if self._captured > MOST_CAPTURE_BYTES:
            self._memray_wanted = False
            self._lose("every-capture-full", "native allocations were recorded up to 100 MB of them only")

    def resume(self) -> None:
        """Begin the capture that lasts until the next record."""
        if not self._memray_wanted or self._recorder is not None:
            return
        self._captures += 1
        path = self.run_directory / f"captures/every-{self._captures:05d}.bin"
        # tracemalloc sees to Python's own blocks; this is for what native code takes.
        recorder = MemrayRecorder(path, python_allocators=False, native=self.native)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            recorder.prepare()
            recorder.start(_TURN_SECONDS)
        except Refused as refused:
            self._memray_wanted = False
            slug = "every-no-memray" if refused.elsewhere else refused.slug
            self._lose(slug, f"native allocations were not recorded: {refused.why}")
        except OSError:
            self._memray_wanted = False
            self._lose(
                "window-unwritable", "native allocations were not recorded: the capture could not be written"
            )
        else:
            self._recorder = recorder

    def _lose(self, slug: str, what: str) -> None:
        if slug not in self._lost:
            self._lost.add(slug)
            self.journal.write("loss", slug, what, None)


def to_compare(earlier: list[str]) -> list[str]:
    """Return the few of the earlier censuses, spread evenly, that show what grew since."""
    if len(earlier) <= _COMPARED:
        return earlier
    last = len(earlier) - 1
    return [earlier[round(at * last / (_COMPARED - 1))] for at in range(_COMPARED)]


def _place_of(named: str | None) -> tuple[str, int] | None:
    """Return (end of the file's path, line) of a loop named as FILE:LINE; any file for a bare :LINE."""
    file, _, line = (named or "").rpartition(":")
    if not line.isdigit():
        return None
    parts = [part for part in Path(file).parts if part not in (".", "..")]
    return (os.path.join(*parts) if parts else ""), int(line)
