"""Takes one heap census at a loop boundary: in a forked copy, or in place where forking is unsafe.

Called by the agent from inside a tick. Everything that the copy needs is imported before the fork:
another thread may hold an import lock at that moment. Never raises into the target.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import traceback

#: The functions themselves: while an allocation window is open those of `tracemalloc` are masked.
from _tracemalloc import is_tracing
from _tracemalloc import stop as stop_tracing
from dataclasses import dataclass
from typing import Any

from leakhunt.capture.heap.birthplaces import Birthplaces
from leakhunt.capture.heap.bytype import sizes_by_type
from leakhunt.capture.heap.condense import rows_of
from leakhunt.capture.heap.earlier import PATIENCE_SECONDS, earlier_censuses, may_pile_up
from leakhunt.capture.heap.edges import learn
from leakhunt.capture.heap.elements import sized_by_pympler
from leakhunt.capture.heap.forked import run_in_fork
from leakhunt.capture.heap.reach import OutOfTime, Reach, unreached
from leakhunt.capture.heap.roots import Project, walk_from_roots
from leakhunt.capture.heap.safety import fork_is_safe
from leakhunt.capture.heap.shares import leak_shares
from leakhunt.capture.heap.suspects import Suspects, name_suspects
from leakhunt.capture.heap.tables import record_tables
from leakhunt.capture.heap.traced import traced_by_line
from leakhunt.capture.heap.walk import Walk
from leakhunt.capture.untraced import allocate_untraced
from leakhunt.census.format import Census, save_census

CPU_SECONDS = 3.0
INLINE_CPU_SECONDS = 1.0
REACH_CPU_SECONDS = 3.0
#: Above so many memory blocks the complete walk is left out: it copies nearly every page of the heap.
EXHAUSTIVE_BLOCKS = 3_000_000
#: A collector that waits for this many new objects is as good as off.
_NEVER = 100_000
_TOO_LARGE = "the heap is too large to look for unreachable objects and shared holders"


@dataclass(frozen=True)
class Checkpoint:
    """A census is under way (`fork`) or done (`inline`); `reason` says why it was not forked."""

    how: str
    pause_seconds: float
    pid: int | None
    reason: str | None = None


@dataclass(frozen=True)
class _Plan:
    out_path: str
    number: int
    loop: str
    turns: int
    previous: list[str]
    project: Project
    cpu_seconds: float | None
    collecting: bool
    #: Objects that `gc.freeze` has put out of the collector's sight.
    frozen: int
    every: bool
    #: Look for unreachable objects and shared holders in any case, not only where something may have grown.
    whole: bool
    #: The turns completed when the allocation window was opened that traces now; None when none does.
    born_since: int | None
    #: No other thread ran: only then may the copy let go of the interpreter lock, as an import does.
    alone: bool
    #: Bytes that malloc has in use, None where unknown.
    in_use: int | None
    #: Walk what hangs below the modules and frames of libraries too, most of a heap as a rule.
    libraries: bool


def start_checkpoint(
    *,
    out_path: str,
    number: int,
    loop: str,
    turns: int,
    previous: list[str],
    project_root: str,
    inline: bool = False,
    cpu_seconds: float | None = None,
    every: bool = False,
    born_since: int | None = None,
    waited_for: bool = False,
    in_use: int | None = None,
    libraries: bool = True,
) -> Checkpoint | None:
    """Start a census whose result will appear at `out_path`; None when none could be taken.

    With `every`, it has tracemalloc's totals by line and pympler's sizes by type as well; with `born_since`,
    where what was born since then was allocated. A copy that is `waited_for` does not stand back behind others.
    `in_use` are the bytes that malloc has in use, where that is known. Without `libraries` it is incomplete: it has
    only what the user's own modules, functions and threads reach.
    """

    collecting = gc.isenabled() and 0 < gc.get_threshold()[0] < _NEVER
    try:
        project = Project.at(project_root)
        alone = len(sys._current_frames()) < 2
        plan = _Plan(
            out_path,
            number,
            loop,
            turns,
            previous,
            project,
            cpu_seconds,
            collecting,
            gc.get_freeze_count(),
            every,
            every or waited_for,
            born_since,
            alone,
            in_use,
            libraries,
        )
        reason = "asked for" if inline else fork_is_safe()
        if reason is None:
            forked = run_in_fork(lambda: _take(plan, forked=True), waited_for=plan.whole)
            if forked is not None:
                return Checkpoint("fork", forked.pause_seconds, forked.pid)
            reason = "the process could not be copied"
        began = time.perf_counter()
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            _take(plan, forked=False)
        finally:
            if was_enabled:
                gc.enable()
        return Checkpoint("inline", time.perf_counter() - began, os.getpid(), reason)
    except Exception:
        return None


def _take(plan: _Plan, *, forked: bool) -> None:
    """Take the census; one that fails leaves a file that says so."""
    try:
        _census(plan, forked=forked)
    except Exception as problem:
        last = traceback.extract_tb(problem.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}:{last.lineno}"
        failed = Census(plan.number, plan.loop, plan.turns, 0.0, 0, complete=False)
        failed.losses.append(f"the census failed: {type(problem).__name__} at {where}; please report it")
        save_census(failed, plan.out_path)


def _census(plan: _Plan, *, forked: bool) -> None:
    began = time.thread_time()
    # First of all: what is allocated from here on is the census's own.
    traced = traced_by_line(plan.project.root) if plan.every else None
    # Another thread may have been in the middle of its tables when the copy was made.
    births = Birthplaces() if forked and plan.alone and plan.born_since is not None else None
    if forked and births is None:
        _stop_tracing()
    elif births is not None:
        allocate_untraced()
    blocks = sys.getallocatedblocks()
    exhaustive = forked and blocks < EXHAUSTIVE_BLOCKS
    if forked:
        gc.unfreeze()  # frozen objects are not listed, and in a copy nobody collects them
    # Listed before the walk makes objects of its own.
    tracked = gc.get_objects() if exhaustive else []
    limit = plan.cpu_seconds or (CPU_SECONDS if forked else INLINE_CPU_SECONDS)
    walk = Walk(learn, cpu_seconds=limit, forked=forked)
    walk.birthplaces = births
    walk_from_roots(walk, plan.project, libraries=plan.libraries)
    census = Census(
        number=plan.number,
        loop=plan.loop,
        turns=plan.turns,
        seconds=0.0,
        objects=walk.objects,
        complete=walk.complete,
        own_complete=walk.own_complete,
        rows=rows_of(walk),
        collecting=plan.collecting,
        frozen=plan.frozen,
        tracked=len(tracked) if exhaustive else None,
        traced=traced,
        blocks=blocks,
        in_use=plan.in_use,
    )
    if births is not None:
        census.born_since, census.stacks = plan.born_since, births.stacks()
    census.add_up()
    record_tables(walk, plan.out_path)
    if walk.out_of_time:
        census.losses.append("the census ran out of time: what is reached last was not counted")
    census.losses += [f"could not be read: {name}" for name in sorted(walk.unreadable)]
    if forked and not exhaustive:
        census.losses.append(_TOO_LARGE)
    census.seconds = time.thread_time() - began
    # What is known so far can be used already, also by the censuses after this one, which wait for it.
    save_census(census, plan.out_path)
    earlier = earlier_censuses(plan.previous, plan.loop, PATIENCE_SECONDS if forked else 0.0)
    suspects = name_suspects(census, earlier)
    if len(plan.previous) >= 2:
        suspects.save(plan.out_path + ".suspects.json")
    if exhaustive:
        asked = plan.whole or births is not None or bool(suspects.found)
        if asked or (plan.previous and may_pile_up(census, earlier)):
            _reach_everything(census, walk, suspects, tracked)
        _stop_tracing()
        census.seconds = time.thread_time() - began
        if plan.every:
            census.sizes = sizes_by_type(tracked)
        save_census(census, plan.out_path)
    if forked and plan.alone and suspects.found and len(plan.previous) % 3 == 2:
        # Last of all: this reads attributes as any program would, and may take long or never end.
        census.elements = sized_by_pympler(suspects.owners())
        save_census(census, plan.out_path)


def _stop_tracing() -> None:
    if is_tracing():
        stop_tracing()


def _reach_everything(census: Census, walk: Walk, suspects: Suspects, tracked: list[Any]) -> None:
    """Add what the labelled walk cannot know: shares of the suspects, and objects nobody reaches."""
    try:
        reach = Reach(walk, REACH_CPU_SECONDS)
        census.shares, census.others = leak_shares(reach, suspects.owners())
        census.garbage = unreached(reach, tracked, walk)
        if walk.birthplaces is not None:
            census.born_unreached, census.stacks = walk.birthplaces.unreached, walk.birthplaces.stacks()
    except OutOfTime:
        census.losses.append(_TOO_LARGE)
    except Exception as problem:
        # The census itself is written already: it must not be lost for this.
        census.losses.append(f"shared holders could not be counted: {type(problem).__name__}")
