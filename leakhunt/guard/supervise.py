"""Runs a target in a child process, watches it from outside, and tells in a journal what happened.

One thread and one place to wait: all signals are blocked and taken one by one, so no handler ever
interrupts anything. What happens here must not change how the target ends: its exit status is passed
on, Ctrl-C is its business first, and only a third Ctrl-C kills it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import Protocol

from leakhunt.cgroups import ControlGroups, control_groups
from leakhunt.errors import LeakhuntError
from leakhunt.guard.copies import end_copies
from leakhunt.guard.hard_limit import HardLimit
from leakhunt.guard.held import Held
from leakhunt.guard.keeper import Keeper
from leakhunt.guard.limits import Limits, limits_now
from leakhunt.guard.outcome import Ended, ended, signal_name
from leakhunt.guard.relay import Relay
from leakhunt.guard.results import tell_files
from leakhunt.guard.signals import RELAYED, next_signal, signals_blocked
from leakhunt.guard.start import start
from leakhunt.guard.target import AGENT_VARIABLE, ProfileOptions, Target, agent_config, command_of
from leakhunt.guard.tree import ProcessSeen, ProcessTree, TreeReading, lives
from leakhunt.guard.witness import Witness
from leakhunt.host import boot_clock
from leakhunt.journal.reader import read_journal
from leakhunt.journal.rundir import RunDirectory, write_json
from leakhunt.journal.writer import JournalWriter
from leakhunt.protect.notes import RUN_VARIABLE

SAMPLE_EVERY = 0.1
LIMITS_EVERY = 60.0
#: A second Ctrl-C is the target's too, but after this long it is also asked with SIGTERM.
TERM_AFTER = 1.0
CENSUS_WAIT, CENSUS_POLL = 30.0, 0.01


class Watcher(Protocol):
    """What the supervisor tells the person in front of it; none of it may raise or take long."""

    def started(self, pid: int, run: RunDirectory) -> None: ...
    def sampled(self, reading: TreeReading, limits: Limits | None) -> None: ...
    def notice(self, text: str) -> None: ...
    def ended(self) -> None: ...


def supervise(
    target: Target, options: ProfileOptions, run: RunDirectory, watcher: Watcher, relay: Relay | None = None
) -> Ended:
    """Run `target` to its end, its output through `relay` when there is one, and return how it ended."""
    journal = JournalWriter(
        run.supervisor_journal,
        {
            "writer": "supervisor",
            "target": target.name,
            "argv": [target.name, *target.arguments],
            "options": {"primary": options.primary, "mode": target.mode, **options.extra},
        },
    )
    try:
        write_json(run.agent_config, agent_config(target, options, run))
        run.write_info(
            target=target.name,
            argv=[target.name, *target.arguments],
            supervisor_pid=os.getpid(),
            cwd=os.getcwd(),
        )
    except OSError as error:
        raise LeakhuntError(f"cannot write {run.path}: {error.strerror}", slug="run-directory") from error
    also = () if relay is None else RELAYED
    try:
        with signals_blocked(also) as mask:
            held = Held(options.bounds, journal, watcher.notice)
            hard = HardLimit(options.bounds.max_rss, options.bounds.hard_limit, processors=os.cpu_count())
            guarded = not held.free or options.extra.get("brake") is not None
            # nothing is added to the environment of a program that nobody wants guarded
            marks = {RUN_VARIABLE: str(run.path)} if guarded else {}
            keeper = Keeper(run.path) if guarded else None
            watch = _Watch(run, journal, watcher, relay, held, hard, target.arguments, marks)
            try:
                end = watch.run(command_of(target), mask)
            finally:
                hard.close()
                if keeper is not None:
                    keeper.dismiss()
                if relay is not None:
                    relay.finish(give_up=lambda: next_signal(0, also)[0] in (signal.SIGINT, signal.SIGTERM))
    finally:
        if relay is not None:
            relay.close()
    journal.close()
    with contextlib.suppress(OSError):
        run.write_info(
            outcome=end.outcome, exit_code=end.exit_code, signal=end.signal, peak_rss=end.peak_rss,
            seconds=round(end.seconds, 3),
        )  # fmt: skip
    return end


class _Watch:
    """One target from start to end."""

    def __init__(
        self,
        run: RunDirectory,
        journal: JournalWriter,
        watcher: Watcher,
        relay: Relay | None,
        held: Held,
        hard: HardLimit,
        arguments: Sequence[str],
        marks: dict[str, str],
    ) -> None:
        self.run_directory = run
        self._marks = marks
        self.held = held
        self.hard = hard
        self._arguments = arguments
        self.relay = relay
        self._also = () if relay is None else RELAYED
        self.journal = journal
        self.watcher = watcher
        self.limits: Limits | None = None
        self._groups = ControlGroups()
        self._interrupts = 0
        self._term_due: float | None = None
        self._limits_due = 0.0
        self._lost: set[str] = set()

    def run(self, command: list[str], mask: set[int]) -> Ended:
        started = boot_clock()
        self._groups = control_groups()
        environment = {**os.environ, AGENT_VARIABLE: str(self.run_directory.agent_config), **self._marks}
        slave = None if self.relay is None else self.relay.slave
        process = start(command, environment, mask, slave, self.hard.begin())
        if self.relay is not None:
            self.relay.start()
        self.journal.write("start", process.pid, command)
        self._tell_hard_limit(process)
        if self.hard.in_force.path is not None:
            self._groups = control_groups(process.pid)  # what limits it stands in a group of its own
        self.journal.sync()
        witness = Witness(self._groups, own=self.hard.in_force.path)
        witness.begin(process.pid, self.journal)
        self.watcher.started(process.pid, self.run_directory)
        tree = ProcessTree(process.pid)
        due = 0.0
        while True:
            now = boot_clock()
            if now >= due:
                self._sample(tree, now, started, process)
                witness.look()
                due = now + SAMPLE_EVERY * self.journal.thinning
            number, of_terminal = next_signal(max(0.001, due - boot_clock()), self._also)
            if self.relay is not None and number in RELAYED:
                self._on_terminal(number, self.relay)
            elif number is not None and number != getattr(signal, "SIGCHLD", None):
                self._on_signal(number, of_terminal, process)
            if self._term_due is not None and boot_clock() >= self._term_due:
                self._term_due = None
                self._send(process, signal.SIGTERM)
            if process.poll() is not None:
                break
        seconds = boot_clock() - started
        for gone in tree.remaining():
            self._tell_process(gone, alive=gone.pid != process.pid and lives(gone.pid))
        hits = witness.end(self.journal, killed=process.returncode == -signal.SIGKILL)
        counted = self.hard.counters()
        own = None if counted is None else counted.oom_kills
        if counted is not None:
            self.journal.write("hard-limit-end", *counted)
        end = ended(
            process.returncode,
            oom_kills=own if hits is None else hits,
            peak_rss=max(filter(None, (tree.peak_tree, tree.peak_main)), default=None),
            seconds=seconds,
        )
        for reserve in self.run_directory.path.glob("[aw]*-*.reserve"):
            with contextlib.suppress(OSError):
                reserve.unlink()  # the target had no use for it, or no time to give it up
        # said before waiting for censuses: whatever happens then, the end is on disk
        self.journal.write("exit", end.exit_code, end.signal, end.oom_kills, end.peak_rss, round(seconds, 6))
        self.journal.sync()
        self.watcher.ended()
        if end.shell_code:
            tell_files(self.journal, self.run_directory, self._arguments, seconds)
        self._wait_for_censuses()
        end_copies(self.run_directory)
        return end

    # ---- looking ------------------------------------------------------------------------

    def _sample(
        self, tree: ProcessTree, now: float, started: float, process: subprocess.Popen[bytes]
    ) -> None:
        try:
            reading = tree.read()
            for one in reading.began:
                self._tell_process(one, alive=True)
            for one in reading.gone:
                self._tell_process(one, alive=False)
            if reading.processes:
                self.journal.write(
                    "tree", reading.tree_rss, reading.main_rss, reading.processes, reading.available
                )
            if now >= self._limits_due:
                self._limits_due = now + LIMITS_EVERY
                self._tell_limits(limits_now(reading.tree_rss, self._groups))
            self.watcher.sampled(reading, self.limits)
            self.held.look(now, started, process, tree, reading)
        except Exception as problem:  # the target's run is worth more than a sample of it
            self._lose(
                "supervisor-error", f"{type(problem).__name__} while looking at the process tree ({problem})"
            )

    def _tell_hard_limit(self, process: subprocess.Popen[bytes]) -> None:
        if self.hard.max_rss is None:
            return
        now = self.hard.in_force
        self.journal.write("hard-limit", now.kind, now.size, now.path, now.why)
        self.watcher.notice(now.in_words())
        if not self.hard.holds(process.pid) and process.poll() is None:
            self._lose(
                "hard-limit-missed", f"the program did not get into {now.path}: no hard limit holds for it"
            )

    def _tell_process(self, process: ProcessSeen, *, alive: bool) -> None:
        self.journal.write(
            "process", process.pid, process.ppid, process.role, process.command, alive, process.peak_rss
        )

    def _tell_limits(self, limits: Limits) -> None:
        before = self.limits
        if (
            before is None
            or before.source != limits.source
            or abs(before.limit - limits.limit) > 0.02 * before.limit
        ):
            self.limits = limits
            self.journal.write(
                "limits", limits.memory_total, limits.memory_available, limits.limit, limits.source
            )

    def _lose(self, slug: str, what: str) -> None:
        if slug not in self._lost:
            self._lost.add(slug)
            self.journal.write("loss", slug, what, None)

    # ---- signals ------------------------------------------------------------------------

    def _on_signal(self, number: int, of_terminal: bool, process: subprocess.Popen[bytes]) -> None:
        """Pass a signal on, unless the terminal has sent it to the target as well."""
        if number != signal.SIGINT:
            forwarded = not of_terminal
            self.journal.write("signal", number, signal_name(number), forwarded)
            self.journal.sync()
            if forwarded:
                self._send(process, number)
            return
        self._interrupts += 1
        self.journal.write("signal", number, "SIGINT", not of_terminal)
        self.journal.sync()
        if self._interrupts >= 3:
            self.watcher.notice("killing the target")
            self._send(process, signal.SIGKILL)
            return
        if not of_terminal:
            self._send(process, signal.SIGINT)
        if self._interrupts == 2:
            self._term_due = boot_clock() + TERM_AFTER
            self.watcher.notice("the target is still running: a third Ctrl-C kills it")

    def _on_terminal(self, number: int | None, relay: Relay) -> None:
        """The terminal has another size, or stops this process group (Ctrl-Z)."""
        if number == signal.SIGTSTP:
            relay.suspend()
            os.kill(os.getpid(), signal.SIGTSTP)  # waits until it may: on the next line
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTSTP,))
            signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTSTP,))
        relay.resized()

    def _send(self, process: subprocess.Popen[bytes], number: int) -> None:
        with contextlib.suppress(OSError):
            process.send_signal(number)  # nothing happens to a process that was reaped

    # ---- the end ------------------------------------------------------------------------

    def _wait_for_censuses(self) -> None:
        """Give the heap censuses that still compute in their own processes a bounded time to end."""
        deadline = time.monotonic() + CENSUS_WAIT
        told: set[int] = set()
        while waiting := outstanding_censuses(self.run_directory):
            if time.monotonic() >= deadline:
                what = f"{len(waiting)} heap censuses had not ended {CENSUS_WAIT:.0f} s after the target"
                self._lose("census-late", f"{what}: run it again while the machine is less busy")
                return
            if not told:
                self.watcher.notice(f"waiting for {len(waiting)} heap censuses (Ctrl-C goes on without them)")
            for pid in waiting - told:
                _hurry(pid)
            told |= waiting
            number, _ = next_signal(CENSUS_POLL, self._also)
            if self.relay is not None and number in RELAYED:
                self._on_terminal(number, self.relay)
            if number in (signal.SIGINT, signal.SIGTERM):
                what = f"{len(waiting)} heap censuses were not waited for: let it end by itself"
                self._lose("census-late", what)
                return


def outstanding_censuses(run: RunDirectory) -> set[int]:
    """Return the processes of the censuses that were begun, have left no result yet, and still compute.

    Those of workers too, which write into directories of their own.
    """
    found: set[int] = set()
    for path in [*run.agent_journals(), *run.path.glob("workers/*/agent-*.jsonl")]:
        try:
            checkpoints = read_journal(path).of("checkpoint")
        except LeakhuntError:
            continue
        for record in checkpoints:
            pid, name = record.fields["pid"], record.fields["file"]
            if not isinstance(pid, int) or not isinstance(name, str):
                continue
            if not (path.parent / name).exists() and lives(pid):
                found.add(pid)
    return found


def _hurry(pid: int) -> None:
    """Give a census its fair share of the processors: it stood back for the target, which is gone."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, pid, 0)
