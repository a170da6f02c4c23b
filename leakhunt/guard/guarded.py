"""Runs copies of a program again and again within bounds, until they are done: `leakhunt run`.

One thread, one place to wait. What the supervisor means to do is in the journal before it is done. Every
process that an attempt leaves behind is ended before the next, and everything is ended with the
supervisor, whatever ends that.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from leakhunt.cgroups import control_groups
from leakhunt.errors import EXIT_REFUSED, LeakhuntError
from leakhunt.guard.attempts import Attempts, Guarded
from leakhunt.guard.keeper import Keeper
from leakhunt.guard.lineage import Adopted, become_reaper, kill_marked, marked
from leakhunt.guard.outcome import signal_name
from leakhunt.guard.policy import Reading, Room
from leakhunt.guard.progress import Progress
from leakhunt.guard.results import tell_files
from leakhunt.guard.service import ServiceManager
from leakhunt.guard.signals import next_signal, signals_blocked
from leakhunt.guard.tree import TreeReading
from leakhunt.host import boot_clock
from leakhunt.journal.rundir import RunDirectory
from leakhunt.journal.writer import JournalWriter
from leakhunt.protect.headroom import HeadroomReader

#: While a program is being ended it is looked at this often.
_ENDING_LOOK = 0.1
_STOPPING = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))
_LOCK = "supervisor.lock"


def run_guarded(what: Guarded, run: RunDirectory, service: ServiceManager | None = None) -> int:
    """Run it to its end and return the exit code for the shell.

    The program's own code (of several copies the first that is not 0); 75 never, for it is started again;
    78 when another attempt is no use. LeakhuntError when another supervisor has the run.
    """
    with _only_supervisor(run.path):
        run.write_info(target=what.label, argv=what.words, supervisor_pid=os.getpid(), outcome=None)
        target = next(word for word in what.words if word != "-m")
        journal = JournalWriter(
            run.supervisor_journal, {"writer": "supervisor", "target": target, "argv": what.words}
        )
        bounds = what.bounds
        journal.write(
            "bounds", bounds.max_rss, bounds.min_available, bounds.max_age, bounds.stale_after, bounds.grace,
            bounds.restarts, bounds.hung_after, what.copies,
        )  # fmt: skip
        if what.preflight is not None:
            journal.write("event", "preflight", what.preflight)
        become_reaper()
        try:
            _sweep(run, journal)
            with signals_blocked() as mask:
                keeper = Keeper(run.path)
                try:
                    began = boot_clock()
                    code = _Supervisor(what, run, journal, mask, keeper, service).until_done()
                    if code:
                        tell_files(journal, run, what.command[1:], boot_clock() - began)
                    return code
                finally:
                    keeper.dismiss()
        finally:
            for reserve in run.path.glob("work-*.reserve"):
                with contextlib.suppress(OSError):
                    reserve.unlink()
            journal.close()


class _Supervisor:
    """All copies of one run."""

    def __init__(
        self,
        what: Guarded,
        run: RunDirectory,
        journal: JournalWriter,
        mask: set[int],
        keeper: Keeper,
        service: ServiceManager | None = None,
    ) -> None:
        self.bounds = what.bounds
        self.journal = journal
        self.tell = what.tell
        self.progress = Progress(run.path)
        self.progress.look()  # what was saved before a supervisor died is not this attempt's merit
        self.copies = [
            Attempts(what, number, journal, self.progress, mask) for number in range(1, what.copies + 1)
        ]
        self.groups = control_groups()
        self.headroom = HeadroomReader()
        self.room = Room(self.bounds)
        self.adopted = Adopted()
        self.keeper = keeper
        self.stopped_by: int | None = None
        self.service = service or ServiceManager()
        self._ready = False
        self._warned = False

    def until_done(self) -> int:
        """Run all copies to their ends and return the exit code for the shell."""
        try:
            return self._until_done()
        finally:
            self.service.stopping("ended")
            for copy in self.copies:
                copy.hard.close()

    def _until_done(self) -> int:
        due = 0.0
        while True:
            now = boot_clock()
            for copy in self.copies:
                self._step(copy, now)
            if not self._ready:
                self._ready = True
                self.service.ready(self._status())
            codes = [copy.code for copy in self.copies]
            if all(code is not None for code in codes):
                self._end_leftovers(None)
                return next((code for code in codes if code), 0)
            if now >= due:
                due = now + self._look(now)
                # only here, at the end of a whole look: what is stuck must not seem alive
                self.service.alive(self._status())
            waits = [copy.begins for copy in self.copies if copy.code is None and copy.process is None]
            number, of_terminal = next_signal(max(0.001, min([due, *waits]) - boot_clock()))
            if number is not None and number in _STOPPING:
                self._stop(number, of_terminal)

    def _step(self, copy: Attempts, now: float) -> None:
        """Do what is due for one copy: begin an attempt, or see that one has ended."""
        if copy.code is not None:
            return
        if copy.process is None:
            if self.stopped_by is not None:
                copy.stop(128 + self.stopped_by)
            elif now >= copy.begins:
                copy.start(now, self.groups)
        elif copy.process.poll() is not None:
            if copy.end.order is not None:
                self.room.gone(now)
            copy.ended(now, partial(self._end_leftovers, copy), stopped=self.stopped_by is not None)

    # ---- looking -------------------------------------------------------------------------

    def _look(self, now: float) -> float:
        """Look at every copy, order who has to go, and return how long until the next look."""
        self.progress.look()
        running = [copy for copy in self.copies if copy.process is not None]
        adopted = self.adopted.look(self._own())
        readings = [copy.look(now, adopted.get(copy.number, ())) for copy in running]
        room = self.headroom.read()
        self._journal_tree([tree for _, tree in readings], room.available)
        ending = False
        for copy, (seen, _) in zip(running, readings, strict=True):
            assert copy.process is not None
            order = None if copy.end.order is not None else copy.decide(seen)
            if order is not None:
                copy.end.ask(copy.process, order, now)
            elif copy.end.order is not None:
                copy.end.press(now, room.available, [one.pid for one in copy.tree.remaining()])
            ending = ending or copy.end.order is not None
        if not ending:
            ending = self._make_room(now, running, [seen for seen, _ in readings])
        if ending:
            self.service.draining(self.bounds.grace)
            return _ENDING_LOOK
        return min([self.room.next_look(room.available), *(copy.look_within for copy in running)])

    def _make_room(self, now: float, running: list[Attempts], seen: list[Reading]) -> bool:
        room = self.headroom.read()
        chosen = self.room.choose(now, room.available, room.total, seen)
        if chosen is not None:
            victim = running[chosen[0]]
            assert victim.process is not None
            victim.end.ask(victim.process, chosen[1], now)
            return True
        if self.room.others_hold and not self._warned:
            self._warned = True
            self.journal.write("event", "others-hold", {"available": room.available})
            self.tell("memory is short, but other programs hold it: not ended for that")
        return False

    def _journal_tree(self, readings: list[TreeReading], available: int | None) -> None:
        processes = sum(reading.processes for reading in readings)
        if processes:
            total = sum(reading.tree_rss for reading in readings)
            main = readings[0].main_rss if len(self.copies) == 1 else None
            self.journal.write("tree", total, main, processes, available)

    # ---- ending --------------------------------------------------------------------------

    def _own(self) -> set[int]:
        pids = {copy.process.pid for copy in self.copies if copy.process is not None}
        return pids if self.keeper.pid is None else pids | {self.keeper.pid}

    def _end_leftovers(self, copy: Attempts | None) -> list[int]:
        """End what an attempt, or for None what all of them, left behind."""
        alone = copy is None or len(self.copies) == 1
        return self.adopted.end(self._own(), None if copy is None else copy.number, only=alone)

    def _stop(self, number: int, of_terminal: bool) -> None:
        """Somebody stops the whole run: pass it on once, and kill at the second time."""
        self.journal.write("signal", number, signal_name(number), not of_terminal)
        again, self.stopped_by = self.stopped_by is not None, number
        for copy in self.copies:
            if copy.process is not None:
                with contextlib.suppress(OSError):
                    if again:
                        copy.process.kill()
                    elif not of_terminal:
                        copy.process.send_signal(number)
        self.service.draining(self.bounds.grace)

    def _status(self) -> str:
        running = sum(copy.process is not None for copy in self.copies)
        units = sum(self.progress.of(copy.number).units for copy in self.copies)
        saved = f", {units} units saved" if self.progress.saves else ""
        return (
            f"{running} of {len(self.copies)} running, {sum(c.restarts for c in self.copies)} restarts{saved}"
        )


def _sweep(run: RunDirectory, journal: JournalWriter) -> None:
    """End what guarded runs of this home left behind whose supervisor was killed together with its keeper."""
    killed: list[int] = []
    for directory in set(marked().values()):
        if directory == run.path:
            killed += kill_marked(directory)
        elif directory.parent == run.path.parent and (directory / _LOCK).exists():
            with contextlib.suppress(LeakhuntError), _only_supervisor(directory):
                killed += kill_marked(directory)
    if killed:
        journal.write("orphans", killed)
        journal.sync()


@contextlib.contextmanager
def _only_supervisor(directory: Path) -> Iterator[None]:
    """Hold the run directory's lock. Raises LeakhuntError when another supervisor has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(directory / _LOCK, "a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LeakhuntError(
                f"another supervisor runs in {directory}: let it end first",
                slug="run-locked",
                exit_code=EXIT_REFUSED,
            ) from None
        yield
