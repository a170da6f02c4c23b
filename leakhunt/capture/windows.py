"""Opens allocation windows: a few turns of the measured loop are recorded, then everything is as before.

When and how is for the plan; memray or, where that cannot run, tracemalloc records. A program that traces,
profiles, forks, replaces itself or ends meanwhile finds the window closed. What was not recorded is a loss.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leakhunt.capture.gauges import Gauges
from leakhunt.capture.windows_mask import Mask, starts_tracing_by_name
from leakhunt.capture.windows_memray import MemrayRecorder, Refused, is_loaded
from leakhunt.capture.windows_owned import OWNED, added, parts
from leakhunt.capture.windows_plan import LEAST_TURNS, Moment, Plan, Wish
from leakhunt.capture.windows_tracemalloc import TracemallocRecorder, is_tracing, swing_bytes
from leakhunt.journal.writer import JournalWriter

#: A window that was asked for, whatever it costs, ends after this long all the same.
_MAX_SECONDS = 60.0
#: A window ends when it has cost this much more than its allowance: what it costs is a guess beforehand.
_SLACK_SECONDS = 0.1
#: What the latest turn made, its variables still hold: only what an earlier one made shows where it ended up.
_FEWEST_TRACED = 2


class AllocationWindows:
    """The windows of one process: told of every boundary; at most one is open, for a few turns of one loop."""

    def __init__(
        self,
        journal: JournalWriter,
        run_directory: Path,
        options: dict[str, Any],
        gauges: Gauges,
        held: Callable[[str], dict[str, Any]],
        census: Callable[[Any, int, int], bool] = lambda _instance, _turns, _since: False,
    ) -> None:
        """`held` gives the suspects of a loop as live containers, by their key.

        `census` takes one of the instance's loop after so many turns, with where everything was allocated that
        was made since the turn given last; it returns whether it did.
        """
        self.held = held
        self.census = census
        self.journal = journal
        self.run_directory = run_directory
        self.gauges = gauges
        asked = bool(options.get("allocations") or options.get("native"))
        automatic = bool(options.get("windows", True))
        self.plan = Plan(automatic=automatic, asked=asked, native=bool(options.get("native")))
        #: The most resident memory that windows took in this process, when one was opened or closed.
        self.most_bytes = 0
        #: What of the gauges is ours now, and what of it stays when a window closes: what importing left.
        self._owned = [0] * len(OWNED)
        self._stays = [0] * len(OWNED)
        self._left_behind = [0] * len(OWNED)
        self._open: _Open | None = None
        self._number = 0
        self._pid = os.getpid()
        self._mask = Mask(self._give_way)
        self._watches_forks = False
        self._inside = 0
        self._cut: str | None = None
        #: instance, turns, instant and processor time of the latest boundary
        self._last: tuple[Any, int, float, float] = (None, 0, 0.0, 0.0)

    @property
    def is_open(self) -> bool:
        """Return whether a window is recording now.

        Then no census can be taken: its short-lived parent would write into memray's capture, which it shares,
        and tracemalloc would trace the census.
        """
        return self._open is not None

    # ---- boundaries ---------------------------------------------------------------------

    def boundary(self, instance: Any, turns: int) -> None:
        """Note a boundary of any loop; close the window when it has seen or cost enough."""
        window = self._open
        if window is None:
            if instance is not self._last[0]:
                self._inside += 1
            return
        if window.recorder.gave_up:
            self.close("cost")
            return
        if instance is window.instance and turns > window.marks[-1][0]:
            self._mark(window, turns)
            if len(window.marks) > window.wish.turns or window.is_dear():
                self.close("turns")
                return
        limit = window.wish.allowance
        under_way = instance is not window.instance
        if limit is not None and window.cost(under_way) > limit + _SLACK_SECONDS:
            self.close("cost")
        elif limit is None and time.perf_counter() - window.opened_at > _MAX_SECONDS:
            self.close("time")
        elif window.recorder.is_too_large():
            self.close("size")

    def see(self, loop: str, turns: int, gauges: tuple[Any, ...]) -> None:
        """Note the gauges at a boundary of the measured loop."""
        if self._open is None:
            levels = zip(parts(gauges), self._owned, strict=True)
            anon, _, _, blocks, in_use, *_ = [None if level is None else level - own for level, own in levels]
            self.plan.see(loop, turns, anon=anon, blocks=blocks, in_use=in_use)

    def without_own(self, gauges: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the gauges of a boundary less what windows hold by now."""
        less = list(gauges)
        for (at, part), own in zip(OWNED, self._owned, strict=True):
            if part is None and less[at] is not None:
                less[at] -= own
            elif part is not None and less[at] is not None:
                less[at] = [level - own if place == part else level for place, level in enumerate(less[at])]
        return tuple(less)

    def consider(
        self,
        instance: Any,
        turns: int,
        elapsed: float,
        *,
        suspects: int,
        guesses: int,
        censuses: Callable[[], int],
    ) -> None:
        """Open a window for the turns that begin now, if one is wanted and this is a good moment.

        `censuses` counts those that have come back; it looks at the disk, and is asked only if it matters.
        """
        now = time.perf_counter()
        before, inside = self._last, self._inside
        self._last, self._inside = (instance, turns, now, time.thread_time()), 0
        if self._open is not None or before[0] is not instance or turns <= before[1]:
            return
        if not self.plan.may_wish(turns, elapsed):
            return
        # The latest turn and the mean of all: the first turns prepare, and may have been stopped for a census.
        latest = (now - before[2]) / (turns - before[1])
        mean = (now - instance.started) / max(1, instance.completed)
        turn_seconds = max(latest, mean)
        moment = Moment(
            instance.site.id, turns, _total_of(instance, turns), turn_seconds, elapsed, suspects, censuses(),
            inside=inside >= 4, quick_turn_seconds=min(latest, mean), lengthening=guesses > 0,
            loaded=is_loaded(), swing=swing_bytes(), comprehension=instance.site.loop_kind == "comprehension",
        )  # fmt: skip
        wish = self.plan.wish(moment)
        if wish is not None:
            processor = (self._last[3] - before[3]) / (turns - before[1])
            self._begin(instance, turns, turn_seconds, processor, wish)

    def left(self, instance: Any, turns: int) -> None:
        """The loop is over: the window that watched it closes."""
        window = self._open
        if window is not None and instance is window.instance:
            if turns > window.marks[-1][0]:
                self._mark(window, turns)
            self.close("left")

    def _mark(self, window: _Open, turns: int) -> None:
        if not window.wish.tracing:
            window.mark(turns)
            return
        before = self._levels()
        window.mark(turns)
        self._left_behind = added(self._left_behind, before, self._levels())

    def finish(self) -> None:
        """The program is over: close what is open, and say so if no window saw enough turns."""
        self.close("end")
        if self._cut is not None:
            slug, why = _CUT_SHORT[self._cut]
            self.journal.write("loss", slug, f"an allocation window was closed early: {why}", None)

    # ---- opening and closing ------------------------------------------------------------

    def _begin(
        self, instance: Any, turns: int, turn_seconds: float, processor_seconds: float, wish: Wish
    ) -> None:
        began = time.perf_counter()
        recorder = self._recorder(wish, turn_seconds)
        if recorder is None:
            return
        self._watch_forks()
        self._open = window = _Open(recorder, wish, instance, turns, processor_seconds, began)
        self.plan.opened(wish)
        self._mask.put_on(tracing=wish.tracing)
        self.journal.write("event", "window-open", [recorder.path.name, wish.reason, recorder.source])
        self._tell_owned()
        window.marks[0][1] = time.time()
        window.opened_at, window.processor_at = time.perf_counter(), time.thread_time()
        window.opening = window.opened_at - began
        if (limit := wish.allowance) is not None and isinstance(recorder, TracemallocRecorder):
            recorder.give_up_when(lambda: window.cost(True) > limit + _SLACK_SECONDS)

    def _recorder(self, wish: Wish, turn_seconds: float) -> Any:
        """Return a recorder that runs, or None after saying why there is none."""
        if is_tracing() or starts_tracing_by_name():
            return self._refuse(Refused("window-tracemalloc", "the program runs tracemalloc itself"))
        folder = self.run_directory / "captures"
        self._number += 1
        name = f"{self._number:04d}"
        recorder: Any
        if not wish.tracing:
            recorder = MemrayRecorder(
                folder / f"{name}.bin", python_allocators=wish.python_allocators, native=wish.native
            )
        else:
            recorder = TracemallocRecorder(folder / f"{name}.json")
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            before = self._levels()
            recorder.prepare()
            imported = self._levels()
            self._stays = added(self._stays, before, imported)
            recorder.start(turn_seconds)
            self._owned = added(self._stays, imported, self._levels())
            self._left_behind = added([0] * len(OWNED), imported, self._levels())
        except OSError:
            return self._refuse(Refused("window-unwritable", "the capture could not be written"))
        except Refused as refused:
            if not refused.elsewhere:
                return self._refuse(refused)
            # tracemalloc will be tried at the next boundary, if it is worth its own, higher cost.
            self.plan.memray = False
            self.journal.write("event", "window-without-memray", refused.why)
            return None
        return recorder

    def close(self, how: str) -> None:
        """Stop recording and write down what was recorded."""
        window, self._open = self._open, None
        if window is None or os.getpid() != self._pid:
            return
        self._mask.take_off()
        recorder = window.recorder
        before, traces = self._levels(), recorder.size() if window.wish.tracing else 0
        turns = [int(mark[0]) for mark in window.marks]
        written = True
        try:
            if isinstance(recorder, TracemallocRecorder):
                recorder.no_more_turns()
                # Elsewhere than at a boundary of its own a census could not be compared with others.
                if how not in ("turns", "left") or not self.census(window.instance, turns[-1], turns[0]):
                    self._note_holders(recorder, window.instance.site.id)
                written = self._save(recorder, turns)
        finally:
            recorder.stop()
        ended = time.perf_counter()
        cost = window.cost() + window.opening
        self.plan.closed(window.instance.site.id, window.wish, len(turns) - 1, cost)
        if written:
            self.journal.write(
                "window", self._number, window.instance.site.id, f"captures/{recorder.path.name}",
                recorder.python_allocators, recorder.native, window.marks, how,
                round(ended - window.opened_at, 6), recorder.size(), window.wish.reason, recorder.source,
                round(cost, 6),
            )  # fmt: skip
        if len(turns) > (1 if window.wish.tracing else LEAST_TURNS):
            self._cut = None
        elif how in _CUT_SHORT:
            self._cut = how
        if isinstance(recorder, TracemallocRecorder):
            recorder.forget()
            self._keep_what_stays(added(self._left_behind, before, self._levels()), traces)
        # Whatever it took besides is given back with it.
        self._owned = list(self._stays)
        self._tell_owned()

    def _keep_what_stays(self, changes: list[int], traces: int) -> None:
        """Count as ours what a tracing window leaves behind, of which malloc gives the system little back.

        `changes` are those of the gauges while the target stood still for it; the tables of `traces` bytes
        grew while it ran, and are gone.
        """
        for at, (change, grown) in enumerate(zip(changes, (traces, 0, 0, 0, traces, *[0] * 4), strict=True)):
            self._stays[at] += max(0, change + grown)

    def _note_holders(self, recorder: TracemallocRecorder, loop: str) -> None:
        for key, container in self.held(loop).items():
            recorder.held_by(key, container)

    def _save(self, recorder: TracemallocRecorder, turns: list[int]) -> bool:
        try:
            recorder.save(turns)
        except OSError:
            self._refuse(Refused("window-unwritable", "what a window recorded could not be written"))
            return False
        return True

    def _refuse(self, refused: Refused) -> None:
        self.plan.give_up()
        self.journal.write("loss", refused.slug, f"no allocation was recorded: {refused.why}", None)

    # ---- what the target does meanwhile -----------------------------------------------------

    def _give_way(self, why: str) -> None:
        """Close the window because the target is about to do something that does not go with it."""
        if self._open is None or os.getpid() != self._pid:
            return
        try:
            if why in ("tracemalloc", "memray", "profile"):
                self.plan.give_up()
            self.close(why)
        except Exception:
            self._open = None

    def _watch_forks(self) -> None:
        """Close the window before the target forks: a copy must not go on recording, nor see our thread."""
        if not self._watches_forks and hasattr(os, "register_at_fork"):
            self._watches_forks = True
            os.register_at_fork(before=self._before_fork)

    def _before_fork(self) -> None:
        self._give_way("fork")

    # ---- our own memory ---------------------------------------------------------------------

    def _levels(self) -> list[int | None]:
        return parts(self.gauges.read_all(time.perf_counter()))

    def _tell_owned(self) -> None:
        """Write down what of the gauges is ours by now."""
        self.most_bytes = max(self.most_bytes, sum(max(0, resident) for resident in self._owned[:3]))
        anon, file, shmem, blocks, in_use, free, fds, threads, mapped = self._owned
        self.journal.write("own", anon, file, shmem, blocks, [in_use, free], fds, threads, mapped)


#: Why a window was closed before its time, where the user may want to know: the loss, and what happened.
_CUT_SHORT = {
    "fork": ("window-cut-fork", "the program made a copy of itself"),
    "exec": ("window-unfinished", "the program replaced itself by another"),
    "tracemalloc": ("window-tracemalloc", "the program started tracemalloc"),
    "memray": ("window-in-use", "the program started memray"),
    "profile": ("window-profiled", "the program started to profile itself"),
    "size": ("window-cut-size", "it had recorded as much as it may"),
    "cost": ("window-cut-cost", "it took longer than it may"),
}


class _Open:
    """A window that is recording. `processor_seconds` is what a turn took of the processor before: recording takes
    nothing else, and what other programs take is not its cost."""

    __slots__ = ("instance", "marks", "opened_at", "opening", "processor_at", "processor_seconds", "recorder",
                 "wish")  # fmt: skip

    def __init__(
        self,
        recorder: Any,
        wish: Wish,
        instance: Any,
        turns: int,
        processor_seconds: float,
        now: float,
    ) -> None:
        self.recorder, self.wish, self.instance = recorder, wish, instance
        self.processor_seconds = processor_seconds
        self.opened_at, self.opening, self.processor_at = now, 0.0, time.thread_time()
        self.marks: list[list[float]] = [[turns, 0.0]]

    def mark(self, turns: int) -> None:
        """Note a boundary of the recorded loop."""
        self.marks.append([turns, time.time()])
        if isinstance(self.recorder, TracemallocRecorder):
            self.recorder.boundary()

    def is_dear(self) -> bool:
        """Return whether one more traced turn would cost too much: what was traced of these tells enough."""
        if not self.wish.tracing or self.wish.allowance is None:
            return False
        cost, seen = self.cost(), len(self.marks) - 1
        return seen >= _FEWEST_TRACED and cost * (seen + 1) / seen > self.wish.allowance

    def cost(self, under_way: bool = False) -> float:
        """Return by how much longer the turns took than before; a turn that is under way may be at its end."""
        seen = self.marks[-1][0] - self.marks[0][0] + under_way
        return max(0.0, time.thread_time() - self.processor_at - seen * self.processor_seconds)


def _total_of(instance: Any, turns: int) -> int | None:
    """Return how many turns the loop will have had in all at the end of this instance; None when unknown."""
    return None if instance.total is None else turns - int(instance.completed) + int(instance.total)
