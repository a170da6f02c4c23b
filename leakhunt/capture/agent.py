"""Joins what runs in the target: loop boundaries in, gauges, checkpoints and journal records out.

The supervisor starts the target through `bootstrap`, which calls `start` and hands the result to
the loop follower as its listener. Whatever goes wrong in here becomes a loss in the journal, never
an exception in the target. It judges nothing.
"""

from __future__ import annotations

import _thread
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leakhunt.capture import schedule
from leakhunt.capture.every import EveryIteration, every_iteration, to_compare
from leakhunt.capture.gauges import Gauges, count_children
from leakhunt.capture.heap.checkpoint import start_checkpoint
from leakhunt.capture.heap.roots import Project
from leakhunt.capture.heap.safety import fork_is_safe
from leakhunt.capture.layers import LayerWatch
from leakhunt.capture.stillness import SPARING_BYTES, LibrariesWalked, Stillness, counters
from leakhunt.capture.suspects import SuspectWatch
from leakhunt.capture.versions import LoadedCode
from leakhunt.capture.windows import AllocationWindows
from leakhunt.journal.writer import JournalWriter
from leakhunt.protect.notes import write_to

_UNREAD = (None,) * 10
#: The follower calls at most this often for one loop.
_GAP_SECONDS = 0.005


class Agent:
    """The listener of the loop follower: one per target process."""

    def __init__(self, config: dict[str, Any], journal: JournalWriter) -> None:
        self.config = config
        self.journal = journal
        self.run_directory = Path(config["run_dir"])
        self._directory = str(self.run_directory)
        self.project_root: str = config.get("project_root") or os.getcwd()
        self.started = time.perf_counter()
        self.cost_seconds = 0.0
        self.longest_pause = 0.0
        self.paused_seconds = 0.0
        self.last_pause = 0.005
        self.gauges = Gauges()
        own = str(Path(__file__).parent.parent) + os.sep
        self.watch = SuspectWatch(journal, self.project_root, own)
        self.layers = LayerWatch(journal, self.gauges, self.watch.is_user_file, own)
        self.windows = AllocationWindows(
            journal, self.run_directory, config.get("options") or {}, self.gauges, self.watch.live,
            self._census_of_window,
        )  # fmt: skip
        self.every = every_iteration(config.get("options") or {}, journal, self.run_directory)
        self.follower: Any = None
        self._sites: dict[str, int] = {}
        self._schedules: dict[str, schedule.Schedule] = {}
        self._still: dict[str, Stillness] = {}
        self._libraries: dict[str, LibrariesWalked] = {}
        self._census_files: list[str] = []
        self._censuses: dict[str, list[str]] = {}
        self._main_thread = threading.main_thread().ident
        self._pid = os.getpid()
        self._lost: set[str] = set()
        self._finished = False
        self.loaded_code = LoadedCode(journal)
        self._resident_bytes = self._forked_bytes = 0
        self._loaded_bytes: int | None = None
        self._gauges: tuple[Any, ...] = _UNREAD
        self._processes: int | None = None
        self._sampled: dict[str, float] = {}

    # ---- the follower's calls ---------------------------------------------------------

    def loop_found(self, site: Any, parent: Any) -> None:
        """Write the loop down once, before its first boundary."""
        self._sites.setdefault(site.id, 0)
        self.journal.write(
            "loop", site.id, site.file, site.line, site.function, site.variables, site.loop_kind,
            parent.id if parent is not None else None,
        )  # fmt: skip

    def entered(self, instance: Any) -> None:
        """Write down that a loop was entered."""
        parent = instance.parent
        self.journal.write(
            "enter", instance.serial, instance.site.id, parent.serial if parent is not None else None,
            instance.total, instance.thread_id, instance.thread_id == self._main_thread,
        )  # fmt: skip

    def boundary(self, instance: Any, values: list[Any] | None) -> None:
        """A turn is over: read the gauges, and take a census or open a window when one is due."""
        self._timed(self._boundary, instance, values)

    def left(self, instance: Any, how: str) -> None:
        """A loop is over: its last boundary, which also gets a census if the loop is measured."""
        self._timed(self._left, instance, how)

    def _timed(self, work: Callable[..., None], *arguments: Any) -> None:
        if self._finished or os.getpid() != self._pid:
            return
        began, spent = time.perf_counter(), time.thread_time()
        try:
            work(*arguments)
        except Exception as problem:
            self.lose("agent-error", f"{type(problem).__name__} in leakhunt at a loop boundary")
        pause = time.perf_counter() - began
        # Beside other threads, what was waited for the interpreter lock is their time, not ours.
        self.cost_seconds += pause if _is_alone() else time.thread_time() - spent
        self.longest_pause = max(self.longest_pause, pause)

    def _boundary(self, instance: Any, values: list[Any] | None) -> None:
        self.layers.close(instance, self._turns(instance))
        self.watch.close_window(instance)
        self.windows.boundary(instance, self._turns(instance))
        self._sample(instance, values)
        if instance.thread_id == self._main_thread and self.every is not None:
            self._record(self.every, instance, at_end=False)
            self.watch.open_window(instance, self._censuses.get(instance.site.id, []), self.run_directory)
        elif instance.thread_id == self._main_thread and instance.completed:
            if self._is_measured(instance):
                self._consider_windows(instance)
            if not self.layers.is_open:
                self.watch.open_window(instance, self._censuses.get(instance.site.id, []), self.run_directory)
        if instance.thread_id == self._main_thread and self._is_measured(instance):
            self._look_at_layers(instance)

    def _left(self, instance: Any, how: str) -> None:
        self.layers.close(instance, self._turns(instance))
        self.watch.close_window(instance)
        self.windows.left(instance, self._turns(instance))
        self._sample(instance, None)
        if instance.thread_id == self._main_thread:
            if self.every is not None:
                self._record(self.every, instance, at_end=True)
            elif how == "exhausted" and self._is_measured(instance):
                self._consider_census(instance, at_end=True)
        if instance.thread_id == self._main_thread and self._is_measured(instance):
            self.layers.left(instance, self._turns(instance))
        self._sites[instance.site.id] = self._turns(instance)
        self.journal.write("leave", instance.serial, instance.completed, how)

    # ---- what a boundary does ---------------------------------------------------------

    def _arrived(self, loop: str) -> int:
        """Return how many of the first censuses of `loop` have come back, and said what grows if they can."""
        first = self._censuses.get(loop, ())[: schedule.FIRST_CENSUSES]
        names = [name if at < 2 else f"{name}.suspects.json" for at, name in enumerate(first)]
        return sum(map(self._has_arrived, names))

    # no pathlib here: it interns what it is given, and the table of interned text is the target's
    def _has_arrived(self, name: str) -> bool:
        return os.path.exists(self._in_run(name))

    def _in_run(self, name: str) -> str:
        return f"{self._directory}/{name}"

    def _turns(self, instance: Any) -> int:
        """Completed turns of the instance's loop in the source, over all the times it was entered."""
        return self._sites.get(instance.site.id, 0) + int(instance.completed)

    def _consider_windows(self, instance: Any) -> None:
        """Take a census or open an allocation window at a boundary of the measured loop, when one is due."""
        still = self._still.get(instance.site.id)
        if still is not None:
            still.see(counters(self._gauges))
        if not self.windows.is_open:
            self._consider_census(instance, at_end=False)
        loop, turns = instance.site.id, self._turns(instance)
        self.watch.look(loop)
        self.windows.see(loop, turns, self._gauges)
        elapsed = time.perf_counter() - self.started
        if not self.layers.is_open:
            self.windows.consider(
                instance, turns, elapsed, suspects=self.watch.known(loop), guesses=self.watch.guessed(loop),
                censuses=lambda: self._arrived(loop),
            )  # fmt: skip

    def _sample(self, instance: Any, values: list[Any] | None) -> None:
        now = time.perf_counter()
        # A long run thins its samples: the journal says by how much.
        thinning = self.journal.thinning
        if thinning >= 2 and values is not None:
            if now - self._sampled.get(instance.site.id, 0.0) < _GAP_SECONDS * thinning:
                return
            self._sampled[instance.site.id] = now
        try:
            gauges = self.gauges.read(now, instance.site.id)
        except Exception as problem:
            self.lose("gauges-unreadable", f"{type(problem).__name__} while reading memory gauges")
            gauges = _UNREAD
        if self.every is not None:
            gauges = self.every.without_tables(gauges)
        self._resident_bytes = gauges[0] or 0
        self._gauges, self._processes = gauges, count_children()
        self.journal.write(
            "sample", instance.serial, instance.completed, values, *gauges, round(time.thread_time(), 6),
            self._processes,
        )  # fmt: skip

    def _look_at_layers(self, instance: Any) -> None:
        """Look closer at what grows outside the Python heap, while no other window is open."""
        loop, turns = instance.site.id, self._turns(instance)
        if self.windows.is_open:
            return
        self.layers.sampled(loop, turns, self.windows.without_own(self._gauges), self._processes)
        if not self.watch.is_open:
            self.layers.boundary(
                instance, turns, affords=self._affords, heap_rate=self.watch.bytes_per_turn(loop)
            )

    def _affords(self, seconds: float, part: float = 1.0) -> bool:
        """Return whether the target may stand still for about so long again."""
        return schedule.pause_allowed(self.paused_seconds, seconds, time.perf_counter() - self.started, part)

    def _affords_census(self, part: float = 1.0, count: int = 1) -> bool:
        expected = schedule.expected_pause(self.last_pause, self._forked_bytes, self._resident_bytes)
        return self._affords(count * expected, part)

    def _is_measured(self, instance: Any) -> bool:
        """Return whether censuses and windows are for this loop: the outermost that has enough turns."""
        chain: list[Any] = []
        level = instance
        while level is not None:
            chain.insert(0, level)
            level = level.parent
        now = time.perf_counter()
        turns_of = [self._turns(level) for level in chain]
        measured = schedule.measured_levels(chain, turns_of, now)
        return len(chain) - 1 in measured and schedule.worth_measuring(instance, now)

    def _consider_census(self, instance: Any, *, at_end: bool) -> None:
        site, turns, total = instance.site, self._turns(instance), instance.total
        plan = self._schedules.setdefault(site.id, schedule.Schedule())
        if not (plan.wanted_at_end(turns) if at_end else plan.due(turns, total)):
            return
        if self._is_spared(site.id, turns):
            plan.spared(turns, total)
            return
        part = schedule.COMPREHENSIONS_PART if site.loop_kind == "comprehension" else 1.0
        if not self._affords_census(part, 1 + plan.has_end_ahead(total, at_end=at_end)):
            self.lose("census-skipped", "a heap census was due but pauses had used up their share of the run")
            return
        outstanding = sum(not self._has_arrived(name) for name in self._census_files)
        if outstanding >= schedule.most_at_once(len(plan.taken), self._resident_bytes, at_end=at_end):
            return
        self._take_census(instance, turns, at_end=at_end)
        plan.took(turns, total)

    def _is_spared(self, loop: str, turns: int) -> bool:
        """Return whether the process has stood still since the last census, and write that down.

        A small one is spared only once the first censuses have come back and named nothing that grows.
        """
        if self._resident_bytes <= SPARING_BYTES and (
            self.watch.known(loop) or self._arrived(loop) < schedule.FIRST_CENSUSES
        ):
            return False
        still = self._still.get(loop)
        if still is None or not still.holds(turns):
            return False
        still.see(counters(self.gauges.read_all(time.perf_counter())))
        if not still.holds(turns):
            return False
        self.journal.write("event", "heap-still", {"loop": loop, "turns": turns})
        return True

    def _record(self, every: EveryIteration, instance: Any, *, at_end: bool) -> None:
        """Record a boundary with everything that `--every-iteration` asks for."""
        turns = self._turns(instance)
        if not every.measures(instance, self._turns) or not every.due(instance.site.id, turns, at_end=at_end):
            return
        if not every.wait(self._census_files):
            self.lose(
                "census-skipped", "an iteration was not recorded: earlier censuses were still computing"
            )
            return
        self._take_census(instance, turns)
        every.took(instance.site.id, turns)

    def _census_of_window(self, instance: Any, turns: int, since: int) -> bool:
        """Take the census that ends an allocation window, while it still traces; return whether it will tell."""
        if not _is_alone() or not self._affords_census():
            return False
        if fork_is_safe() is not None:
            return False
        self._take_census(instance, turns, born_since=since)
        self._schedules.setdefault(instance.site.id, schedule.Schedule()).took(turns, instance.total)
        return True

    def _take_census(
        self, instance: Any, turns: int, born_since: int | None = None, *, at_end: bool = False
    ) -> None:
        loop, number = instance.site.id, len(self._census_files) + 1
        if number == 1:
            self.loaded_code.tell_at_first()
            Project.at(self.project_root)  # loads what it needs: a first census must not look like growth
        of_this_loop = self._censuses.setdefault(loop, [])
        name = f"checkpoints/{number:04d}.json"
        spent = time.thread_time()
        reading = counters(self.gauges.read_all(time.perf_counter()))
        walked = self._libraries.setdefault(loop, LibrariesWalked()).are_due(turns, reading, at_end=at_end)
        taken = start_checkpoint(
            out_path=self._in_run(name), number=number, loop=loop, turns=turns, in_use=reading[0],
            previous=[self._in_run(earlier) for earlier in to_compare(of_this_loop)],
            project_root=self.project_root, every=self.every is not None, born_since=born_since,
            libraries=walked or self.every is not None or born_since is not None,
        )  # fmt: skip
        if taken is None:
            self.lose("census-failed", "a heap census could not be started; holders may go unnamed")
            return
        self._census_files.append(name)
        of_this_loop.append(name)
        if taken.how == "inline":
            self.lose(
                "census-inline", f"heap censuses stopped the program while they were taken: {taken.reason}"
            )
        self.last_pause = schedule.charged(taken.pause_seconds, time.thread_time() - spent, alone=_is_alone())
        self.paused_seconds, self._forked_bytes = self.paused_seconds + self.last_pause, self._resident_bytes
        self.journal.write(
            "checkpoint", number, loop, instance.serial, turns, name, taken.how,
            round(taken.pause_seconds, 6), taken.pid, reading[0],
        )  # fmt: skip
        self._still.setdefault(loop, Stillness()).begin(turns, reading)

    # ---- its own memory -----------------------------------------------------------------

    def loaded(self, resident_before: int | None) -> None:
        """Note what loading leakhunt made resident: the standard library that it needs included."""
        resident = self.gauges.resident_bytes()
        if resident_before is not None and resident is not None:
            self._loaded_bytes = max(0, resident - resident_before)

    def _own_bytes(self) -> int | None:
        """Return the most memory that leakhunt held in this process, as far as it was measured."""
        return None if self._loaded_bytes is None else self._loaded_bytes + self.windows.most_bytes

    # ---- the end ----------------------------------------------------------------------

    def lose(self, slug: str, what: str) -> None:
        """Note once per slug what was not seen."""
        if slug not in self._lost:
            self._lost.add(slug)
            self.journal.write("loss", slug, what, None)

    def finish(self, how: str, exit_code: int | None, exception: str | None) -> None:
        """Write the target's own end: the last record of this journal."""
        if self._finished or os.getpid() != self._pid:
            return
        try:
            self.layers.close(None, 0)
            self.watch.close_window(None)
            self.windows.finish()
            if self.every is not None:
                self.every.close()
            self.loaded_code.tell()
            ticks = getattr(self.follower, "cost_seconds", 0.0) or 0.0
            cost = self.cost_seconds + float(ticks)
            self.journal.write(
                "end",
                how,
                exit_code,
                exception,
                round(cost, 6),
                self._own_bytes(),
                round(self.longest_pause, 6),
            )
        except Exception:
            pass
        self._finished = True


def _is_alone() -> bool:
    """Return whether no other thread of Python's runs."""
    return _thread._count() == 0


def start(config: dict[str, Any]) -> Agent:
    """Return the agent of this process, its journal opened in the run directory that `config` names.

    The census code is loaded now, so that the first census does not stop the target for it.
    """
    pid = os.getpid()
    write_to(config["run_dir"])
    journal = JournalWriter(
        Path(config["run_dir"]) / f"agent-{pid}.jsonl",
        {
            "writer": "agent",
            "target": config.get("target"),
            "argv": list(sys.argv),
            "options": config.get("options"),
        },
    )
    return Agent(config, journal)
