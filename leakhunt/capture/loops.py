"""Knows which loops are open and tells the listener about their turns.

`OpenLoops` keeps the open instances of every thread, the position page and the budget. `turns` counts the turns,
`rewrite` puts sites into code. Nothing in here raises into the target, except what the target itself
raised meanwhile (a signal handler of its own).
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import sys
from _thread import _local, allocate_lock, get_ident

# The target may replace a builtin: we keep what Python came with.
from builtins import (  # noqa: UP029
    AttributeError,
    BaseException,
    Exception,
    KeyboardInterrupt,
    getattr,
    id,
    isinstance,
    len,
    max,
    range,
    reversed,
    set,
)
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any, Protocol

from leakhunt.capture.sites import (
    FEW_TURNS,
    FEW_TURNS_GAP_SECONDS,
    GAP_SECONDS,
    LoopInstance,
    LoopSite,
)
from leakhunt.capture.values import bound, text_of
from leakhunt.journal.position import LEVELS, PositionPage

#: A turn this long always has its values in the position page.
_TEXT_TURN_SECONDS = 1e-3
#: What following fast loops may cost: a constant, and a share of the processor time so far.
_ALLOWANCE_SECONDS = 0.003
_SHARE = 0.01
_ARRANGE_SECONDS = 1e-6
_REARM_SECONDS = 1.0
#: How long the main thread lets another thread finish what it is telling: a switch interval or two.
_MOST_WAIT_SECONDS = 0.05
#: Another thread's loop rests this many times as long as its last boundary took, waits for the lock included.
_REST_OF_OTHERS = 20.0
_NEVER = float("inf")
#: Loops that lie deeper in others (recursion) are counted, but nobody is told of them.
_DEEPEST = 40

#: Signals whose handlers wait while the listener works.
_HELD_SIGNALS = tuple(
    getattr(_signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGUSR1",
                 "SIGUSR2", "SIGCHLD", "SIGCONT", "SIGTSTP", "SIGWINCH", "SIGIO")
    if hasattr(_signal, name) and hasattr(_signal, "pthread_sigmask")
)  # fmt: skip


class Listener(Protocol):
    """Who is told about loops: the agent."""

    def loop_found(self, site: LoopSite, parent: LoopSite | None) -> None: ...
    def entered(self, instance: LoopInstance) -> None: ...
    def boundary(self, instance: LoopInstance, values: list[Any] | None) -> None: ...
    def left(self, instance: LoopInstance, how: str) -> None: ...


class OpenLoops:
    """Keeps the open loops of this process, and asks the listener when a boundary is due."""

    def __init__(
        self,
        listener: Listener,
        position: PositionPage | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.listener = listener
        self.position = position
        self.slots: Any = position.slots if position is not None else [0] * (PositionPage.offset(LEVELS) + 1)
        self.clock = clock
        self._cpu_at_start = process_time()
        self.closed = False
        self.sites: list[LoopSite] = []
        self.listened_seconds = 0.0
        #: What following is reckoned to have cost, without the listener.
        self.cost_seconds = 0.0
        self._main_thread = get_ident()
        self._local = _local()
        self._stacks_of_tasks: dict[int, list[Any]] = {}
        self._serial = 0
        # of the main thread, and of all others: neither may use up the other's boundaries
        self._last_due = {True: -1.0, False: -1.0}
        self._rearm_at = 0.0
        self._watches_tracing = False
        self._dozing: list[LoopSite] = []
        self._speaking = allocate_lock()
        self._speaker: int | None = None
        self._late_leaves: list[tuple[LoopInstance, str]] = []
        self._owed: list[BaseException] = []
        #: Asked at the turns of the main thread's slow loops; what it raises is raised into the loop.
        self.brake: Callable[[LoopInstance], None] | None = None

    # ---- sites ------------------------------------------------------------------------
    def new_site(
        self, file: str, line: int, function: str, variables: list[str], loop_kind: str, shape: Any = None
    ) -> LoopSite:
        """Return a site that is followed from now on: what `rewrite` puts into code."""
        site = LoopSite(file, line, function, variables, loop_kind, shape)
        self.sites.append(site)
        if self._watches_tracing and _is_traced():
            self.doze(site)
        else:
            self.arm(site)
        return site

    def arm(self, site: LoopSite) -> None:
        """Make the next entry of `site` report its turns."""
        raise NotImplementedError

    def doze(self, site: LoopSite) -> None:
        """Hand the loop through for about a second."""
        site.pass_through()
        self._dozing.append(site)

    def give_way_to_tracing(self) -> None:
        """From now on, follow nothing while the target traces or profiles itself: it would see our frames.

        Asked for only when the target's source mentions tracing: an audit hook costs a little at each event.
        """
        if self._watches_tracing:
            return
        self._watches_tracing = True

        def hook(event: str, arguments: Any) -> None:
            if event in ("sys.settrace", "sys.setprofile") and not self.closed:
                for site in self.sites:
                    self.doze(site)
                self._rearm_at = 0.0

        sys.addaudithook(hook)

    def allows(self, seconds: float) -> bool:
        """Charge `seconds` to the budget and return True, if they are still in it."""
        cost = self.cost_seconds + seconds
        if cost > _ALLOWANCE_SECONDS + _SHARE * (process_time() - self._cpu_at_start):
            return False
        self.cost_seconds = cost
        return True

    def stop(self) -> None:
        """Follow nothing any more: the process is a forked child, or ends."""
        self.closed = True
        self.position = None
        self.slots = [0] * (PositionPage.offset(LEVELS) + 1)
        for site in self.sites:
            site.pass_through()
        for stack in [*self._stacks_of_tasks.values(), self._stack_of_thread()]:
            # Ticks of loops that are open see a stranger on top, and ask `turn`.
            stack[:] = [None]

    # ---- open instances ---------------------------------------------------------------
    def open(self, site: LoopSite, total: int | None) -> tuple[LoopInstance, list[Any]]:
        """Return a new instance and the stack of open instances that it will lie on."""
        self._serial += 1
        instance = LoopInstance(site, self._serial, total, get_ident(), self.clock())
        stack = self._stack()
        if total is not None and total <= FEW_TURNS and len(stack) == 1 and site.each_turn_left > 0:
            instance.gap = FEW_TURNS_GAP_SECONDS
        instance.boundary_due = self._last_due[instance.thread_id == self._main_thread] + instance.gap
        return instance, stack

    def _stack_of_thread(self) -> list[Any]:
        try:
            stack: list[Any] = self._local.stack
        except AttributeError:
            stack = self._local.stack = [None]
        return stack

    def _stack(self) -> list[Any]:
        """Return the open loops of the running task, if there is one, or else of this thread."""
        stack = self._stack_of_thread()
        tasks = sys.modules.get("_asyncio")
        if tasks is None:
            return stack
        try:
            task = tasks.current_task()
        except Exception:
            return stack
        if task is None:
            return stack
        if len(self._stacks_of_tasks) > 1000:
            self._stacks_of_tasks.clear()
        return self._stacks_of_tasks.setdefault(id(task), stack.copy())

    def turn(self, instance: LoopInstance, stack: list[Any], begun: int, item: Any, now: float) -> None:
        """A turn begins that is due, or that is not of the innermost open loop."""
        if self.closed or instance.thread_id != get_ident():
            instance.due = _NEVER
            return
        if self._owed:
            raise self._owed.pop()
        if self._speaking.locked() and not self._may_wait():
            return
        try:
            self._turn(instance, stack, begun, item, now)
        except Exception as problem:
            # The target may have replaced a builtin that we use: then we are the ones who cope.
            if raised_by_signal_handler(problem):
                raise
        if self.brake is not None and instance.thread_id == self._main_thread:
            self.brake(instance)

    def _turn(self, instance: LoopInstance, stack: list[Any], begun: int, item: Any, now: float) -> None:
        instance.turns_begun = begun
        instance.completed = begun - 1
        if stack[-1] is not instance:
            self.cost_seconds += _ARRANGE_SECONDS
            self._arrange(instance, stack, begun)
        self.slots[instance.offset] = begun
        speed = instance.site.turn_seconds
        if begun > 4:
            speed = (now - instance.started) / begun
        # A loop that was never timed gets the benefit of the doubt on its first turns.
        wordy = self.position is not None and (speed is None or speed >= _TEXT_TURN_SECONDS)
        due = now >= instance.boundary_due
        if due or wordy:
            values = bound(item, instance.site.shape)
            if wordy and self.position is not None and instance.offset != PositionPage.offset(LEVELS):
                level = PositionPage.level(instance.offset)
                self.position.write_text(level, begun, text_of(values))
            if due:
                self._boundary(instance, values)
        instance.due = 0.0 if wordy else instance.boundary_due
        if now >= self._rearm_at:
            self._rearm(now)

    def _rearm(self, now: float) -> None:
        self._rearm_at = now + _REARM_SECONDS
        if self._watches_tracing and _is_traced():
            return
        dozing, self._dozing = self._dozing, []
        for site in dozing:
            self.arm(site)

    def _arrange(self, instance: LoopInstance, stack: list[Any], begun: int) -> None:
        """Make `instance` the innermost open loop."""
        for place in range(len(stack) - 1, 0, -1):
            if stack[place] is instance:
                del stack[place + 1 :]
                break
        else:
            if instance.parent is None:
                instance.parent = stack[-1]
            stack.append(instance)
            if len(stack) > _DEEPEST:
                instance.boundary_due = _NEVER
        if self.position is not None and instance.thread_id == self._main_thread:
            level = len(stack) - 2
            instance.offset = PositionPage.offset(level)
            self.position.enter(level, instance.serial, begun, instance.total)

    def leave(self, instance: LoopInstance, stack: list[Any], how: str, begun: int) -> None:
        """The loop is over: how is "exhausted", or "left" by break, return or an exception."""
        instance.gone = True
        if self.closed:
            return
        instance.turns_begun = begun
        instance.completed = begun if how == "exhausted" else max(0, begun - 1)
        for place in range(len(stack) - 1, 0, -1):
            if stack[place] is instance:
                del stack[place:]
                if self.position is not None and instance.thread_id == self._main_thread:
                    self.position.leave(place - 1)
                break
        if instance.entered:
            self._tell_left(instance, how)

    # ---- the listener -----------------------------------------------------------------
    def _boundary(self, instance: LoopInstance, values: list[Any] | None) -> None:
        def tell() -> None:
            self._introduce(instance)
            self.listener.boundary(instance, values)

        began = self.clock()
        self._speak(tell)
        now = self.clock()
        is_main = instance.thread_id == self._main_thread
        self._last_due[is_main] = now
        if instance.gap is not GAP_SECONDS:
            instance.site.each_turn_left -= 1
            if instance.site.each_turn_left <= 0:
                instance.gap = GAP_SECONDS
        rest = 0.0 if is_main else _REST_OF_OTHERS * (now - began)
        instance.boundary_due = now + max(instance.gap, rest)

    def _introduce(self, instance: LoopInstance) -> None:
        """Tell of `instance` and the loops around it, outermost first, whatever was not told yet."""
        unknown: list[LoopInstance] = []
        level: LoopInstance | None = instance
        while level is not None and not level.entered:
            while level.parent is not None and level.parent.gone and not level.parent.entered:
                level.parent = level.parent.parent
            unknown.append(level)
            level = level.parent
        for level in reversed(unknown):
            if not level.site.found:
                level.site.found = True
                self.listener.loop_found(level.site, level.parent.site if level.parent is not None else None)
            level.entered = True
            self.listener.entered(level)

    def _tell_left(self, instance: LoopInstance, how: str) -> None:
        if self._speaking.locked() and not self._may_wait():
            self._late_leaves.append((instance, how))
            return
        self._speak(lambda: self.listener.left(instance, how))
        self._last_due[instance.thread_id == self._main_thread] = self.clock()

    def _may_wait(self) -> bool:
        """Tell whether to let another thread finish speaking: the main thread's loops come first."""
        return get_ident() == self._main_thread != self._speaker

    def _speak(self, tell: Callable[[], None]) -> None:
        if not self._speaking.acquire(False) and not (
            self._may_wait() and self._speaking.acquire(True, _MOST_WAIT_SECONDS)
        ):
            return
        self._speaker = get_ident()
        began = self.clock()
        # The target's signal handlers wait until we are done: what they raise is the target's, and the
        # listener would take it for an error of its own.
        mask = self._block_signals()
        try:
            tell()
            while self._late_leaves:
                self.listener.left(*self._late_leaves.pop(0))
        except Exception as problem:
            if raised_by_signal_handler(problem):
                raise
        finally:
            self._speaker = None
            self._speaking.release()
            self.listened_seconds += self.clock() - began
            if mask is not None:
                _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)

    def _block_signals(self) -> Any:
        if get_ident() != self._main_thread or not _HELD_SIGNALS:
            return None
        return _signal.pthread_sigmask(_signal.SIG_BLOCK, _HELD_SIGNALS)

    def owe(self, problem: BaseException, stack: list[Any]) -> None:
        """Raise at the next tick what a signal handler of the target raised where it would be lost."""
        self._owed.append(problem.with_traceback(None))
        for instance in stack[1:]:
            instance.due = 0.0


def _is_traced() -> bool:
    return sys.gettrace() is not None or sys.getprofile() is not None


def raised_by_signal_handler(problem: BaseException) -> bool:
    """Return whether a handler of the target's own raised this while we worked: then it is the target's."""
    if isinstance(problem, KeyboardInterrupt):
        return True
    codes = set()
    for number in range(1, _signal.NSIG):
        handler = _signal.getsignal(number)
        code = getattr(getattr(handler, "__func__", handler), "__code__", None)
        if code is not None:
            codes.add(code)
    place = problem.__traceback__
    while place is not None:
        if place.tb_frame.f_code in codes:
            return True
        place = place.tb_next
    return False
