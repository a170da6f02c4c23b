"""One copy of a guarded program over all its attempts: started, watched, ended, started again or not.

It never waits: the supervisor's loop calls it, and asks when to call again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakhunt.cgroups import ControlGroups, control_groups
from leakhunt.errors import EXIT_REFUSED, EXIT_YIELDED
from leakhunt.guard.enforcement import Enforcement
from leakhunt.guard.hard_limit import HardLimit, InForce
from leakhunt.guard.outcome import Ended, ended
from leakhunt.guard.policy import Bounds, Budget, Order, Policy, Reading, hopeless
from leakhunt.guard.progress import Progress
from leakhunt.guard.start import start
from leakhunt.guard.tree import ProcessTree, TreeReading
from leakhunt.guard.witness import Witness
from leakhunt.journal.writer import JournalWriter
from leakhunt.protect.notes import COPY_VARIABLE
from leakhunt.units import format_seconds

_OOM_SCORE = "500"


@dataclass(frozen=True, slots=True)
class Guarded:
    """What is run: the program as the user named it, the command, its environment, what it must keep to.

    `tell` says things to the user.
    """

    label: str
    words: list[str]
    command: list[str]
    environment: dict[str, str]
    bounds: Bounds
    tell: Callable[[str], None]
    copies: int = 1
    #: What was found before the start, for the journal.
    preflight: dict[str, Any] | None = None


class Attempts:
    """All attempts of one copy. `code` is its exit code for the shell once it is done for good."""

    def __init__(
        self, what: Guarded, number: int, journal: JournalWriter, progress: Progress, mask: set[int]
    ) -> None:
        self.number = number
        self.bounds = what.bounds
        self.process: subprocess.Popen[bytes] | None = None
        self.code: int | None = None
        #: When the next attempt begins, on the boot clock, while none runs.
        self.begins = 0.0
        #: How soon it must be looked at again, in seconds.
        self.look_within = float("inf")
        self.hard = HardLimit(what.bounds.max_rss, what.bounds.hard_limit, processors=os.cpu_count())
        self._told: InForce | None = None
        self._what = what
        self._journal = journal
        self._progress = progress
        self._mask = mask
        self._budget = Budget(what.bounds.restarts)
        self._attempt = 0
        self._units_before = 0
        self._began = 0.0
        self._witness: Witness | None = None
        self._new_watch(0)

    def _new_watch(self, pid: int) -> None:
        self.tree = ProcessTree(pid)
        self._policy = Policy(self.bounds, jitter=int.from_bytes(os.urandom(4), "big") / 2**31 - 1)
        self.end = Enforcement(self.bounds, self._journal, self.tell, self.number)

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return max(0, self._attempt - 1)

    def tell(self, text: str) -> None:
        """Say something about this copy."""
        self._what.tell(text if self._what.copies == 1 else f"copy {self.number}: {text}")

    # ---- an attempt ----------------------------------------------------------------------

    def start(self, now: float, groups: ControlGroups) -> None:
        """Begin the next attempt."""
        self._attempt += 1
        self._began = now
        self._units_before = self._progress.of(self.number).units
        environment = {**self._what.environment, COPY_VARIABLE: str(self.number)}
        enter = self.hard.begin()
        self.process = start(self._what.command, environment, self._mask, None, enter)
        _prefer_as_victim(self.process.pid)
        self._journal.write("start", self.process.pid, self._what.command, self.number)
        self._tell_hard_limit(self.process)
        path = self.hard.in_force.path
        self._witness = Witness(groups if path is None else control_groups(self.process.pid), own=path)
        self._witness.begin(self.process.pid, self._journal, self.number)
        self._journal.sync()
        self._new_watch(self.process.pid)

    def look(self, now: float, adopted: Sequence[int]) -> tuple[Reading, TreeReading]:
        """Read the tree of the running attempt and note who came and went."""
        reading = self.tree.read(adopted)
        if self._witness is not None:
            self._witness.look()
        for one in (*reading.began, *reading.gone):
            alive = one not in reading.gone
            self._journal.write("process", one.pid, one.ppid, one.role, one.command, alive, one.peak_rss)
        rss, limit = reading.tree_rss, self.bounds.max_rss
        if limit is not None and rss > limit and reading.processes > 1:
            rss = self.tree.proportional() or rss  # shared pages count once
        self._look_at_hard_limit(now, rss)
        noted = self._progress.of(self.number)
        progressed = max(self._began, noted.progressed or 0.0) if self._progress.saves else None
        sign = max(self._began, noted.sign or 0.0) if self._progress.speaks else None
        return Reading(now, self._began, rss, progressed, sign), reading

    def decide(self, seen: Reading) -> Order | None:
        """Return the order for this copy to go, because of what it is itself."""
        order = self._policy.decide(seen)
        self.look_within = min(self.look_within, self._policy.look_within(seen))
        return order

    def ended(self, now: float, left: Callable[[], list[int]], *, stopped: bool) -> None:
        """The attempt is over: end what is `left` of it, say how it went, and whether there is another.

        With `stopped`, somebody ended the whole run.
        """
        assert self.process is not None
        assert self._witness is not None
        # before the group of the hard limit is gone
        hits = self._witness.end(self._journal, killed=self.process.returncode == -signal.SIGKILL)
        counted = self.hard.counters()
        own = None if counted is None else counted.oom_kills
        end = ended(
            self.process.returncode,
            oom_kills=own if hits is None else hits,
            peak_rss=max(filter(None, (self.tree.peak_tree, self.tree.peak_main)), default=None),
            seconds=now - self._began,
        )
        self.process = None
        self._journal.write(
            "exit", end.exit_code, end.signal, end.oom_kills, end.peak_rss, round(end.seconds, 6), self.number
        )
        if killed := left():
            self._journal.write("orphans", killed)
        if counted is not None:
            self._journal.write("hard-limit-end", *counted, self.number)
        self.hard.end()
        self._journal.sync()
        self._progress.look()
        units = self._progress.of(self.number).units - self._units_before if self._progress.saves else None
        order = self.end.order
        if order is None and (met := self.hard.met(end.shell_code, own, end.peak_rss)) is not None:
            order = Order("max-rss", met)
        if stopped or not _may_go_on(end, order):
            self.code = end.shell_code
            return
        why = order.what if order is not None else _in_words(end)
        if hopeless(order, end.seconds, units):
            self._give_up(f"it needs more than it may have just to start: {why}")
            return
        wait = self._budget.after(now, end.seconds, units)
        if wait is None:
            self._give_up(
                f"{self.bounds.restarts + 1} attempts in a row saved nothing; the last ended: {why}"
            )
            return
        self.begins = now + wait
        self._journal.write(
            "restart", self._attempt + 1, order.why if order else "died", wait, units, self.number
        )
        self._journal.sync()
        saved = "" if units is None else f", {units} units saved"
        self.tell(f"ended: {why}{saved}; attempt {self._attempt + 1} begins in {format_seconds(wait)}")

    def _tell_hard_limit(self, process: subprocess.Popen[bytes]) -> None:
        now = self.hard.in_force
        self._journal.write("hard-limit", now.kind, now.size, now.path, now.why, int(_OOM_SCORE), self.number)
        if self.bounds.max_rss is not None and (self._told is None or self._told.kind != now.kind):
            self._told = now
            self.tell(now.in_words())
        if not self.hard.holds(process.pid) and process.poll() is None:
            what = f"the program did not get into {now.path}: no hard limit holds for it"
            self._journal.write("loss", "hard-limit-missed", what, None)
            self.tell(what)

    def _look_at_hard_limit(self, now: float, rss: int) -> None:
        self.look_within = self.hard.next_look(now, rss)
        killed = self.hard.look()
        if killed:
            self._journal.write("event", "killed-at-hard-limit", {"processes": killed, "copy": self.number})
            self._journal.sync()
            self.tell(f"the kernel killed {killed} of its processes at the hard limit")

    def stop(self, code: int) -> None:
        """Somebody stops the run while no attempt of this copy runs."""
        self.code = code

    def _give_up(self, why: str) -> None:
        self._journal.write("circuit", why, self.number)
        self._journal.sync()
        self.tell(f"no other attempt: {why}")
        self.code = EXIT_REFUSED


def _may_go_on(end: Ended, order: Order | None) -> bool:
    """Tell whether another attempt makes sense: an ordinary error would only come again."""
    if order is not None:
        return end.shell_code != 0
    return end.exit_code == EXIT_YIELDED or (end.signal is not None and end.signal != "SIGINT")


def _in_words(end: Ended) -> str:
    if end.exit_code == EXIT_YIELDED:
        return "it yielded for lack of memory (exit code 75)"
    return f"{end.outcome} by {end.signal}" if end.signal else f"exit code {end.exit_code}"


def _prefer_as_victim(pid: int) -> None:
    """When the kernel has to kill, it is the program that goes and not its supervisor."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(_OOM_SCORE)
