"""One short run of the program with one setting: its peak from outside, its turns from inside.

It is started under the agent, so that its loops are known; nothing of its memory is recorded beyond that.
A run that takes too long, or that is about to fill the machine, is stopped.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.primary import choose_primary
from leakhunt.analysis.slope import median_slope
from leakhunt.errors import LeakhuntError
from leakhunt.guard.target import AGENT_VARIABLE, ProfileOptions, agent_config, command_of, find_target
from leakhunt.guard.tree import ProcessTree
from leakhunt.host import wall_clock
from leakhunt.journal.rundir import create_run, write_json
from leakhunt.model.load import load_run
from leakhunt.pool.processes import send, tree_of
from leakhunt.protect.headroom import HeadroomReader

_SAMPLE_EVERY = 0.05
_GRACE_SECONDS = 10.0
#: A trial is stopped when less than this share of the memory, and at most so many bytes, is left.
_FLOOR_SHARE, _FLOOR_MOST = 0.08, 1_000_000_000
_FEWEST_TURNS = 12
#: A rise of less than this share of the peak is no growth.
_LEAST_RISE = 0.05

Series = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run was seen to take; see `findings.plan.Trial`. `short` tells that memory ran out."""

    peak: int
    seconds: float
    finished: bool
    iterations: int | None
    total: int | None
    rate: float | None
    per_iteration: float
    short: bool


def measure(options: ProfileOptions, most_seconds: float) -> Measured:
    """Run the program for at most so long. Raises LeakhuntError when it fails by itself."""
    target = find_target(options)
    run = create_run(options.home, target.label)
    write_json(run.agent_config, agent_config(target, options, run))
    log = run.path / "output.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command_of(target), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env={**os.environ, AGENT_VARIABLE: str(run.agent_config)},
        )  # fmt: skip
    tree = ProcessTree(process.pid)
    try:
        seconds, walls, sizes, stopped = _watch(process, tree, most_seconds)
    finally:
        _end(process)
    if stopped is None and process.returncode != 0:
        raise LeakhuntError(
            f"{options.target} {' '.join(options.arguments)} ended with {_ending(process.returncode)}: "
            f"{_last_line(log)} (settings are passed as options of the script: does it take them?)",
            slug="plan-failed",
        )
    recorded = load_run(run.path)
    loop = choose_primary(recorded).loop
    if not sizes:
        raise LeakhuntError(f"{options.target} ended before it could be measured", slug="plan-failed")
    grown = 0.0
    if loop is not None and recorded.started is not None:
        grown = _growth(np.array(walls) - recorded.started, np.array(sizes), loop.seconds, loop.turns)
    iterations = None if loop is None else loop.iterations
    inside = None if loop is None else loop.seconds_inside
    return Measured(
        max(sizes), seconds, stopped is None, iterations, None if loop is None else loop.total,
        iterations / inside if iterations and inside else None, grown, stopped == "memory",
    )  # fmt: skip


def _watch(
    process: subprocess.Popen[bytes], tree: ProcessTree, most_seconds: float
) -> tuple[float, list[float], list[int], str | None]:
    """Return (seconds, wall clock and resident bytes of each look, why it is to be stopped)."""
    began, headroom = time.monotonic(), HeadroomReader()
    walls: list[float] = []
    sizes: list[int] = []
    while process.poll() is None:
        reading = tree.read()
        if reading.processes:
            walls.append(wall_clock())
            sizes.append(reading.tree_rss)
        room = headroom.read()
        if room.available is not None and room.total is not None:
            floor = min(_FLOOR_MOST, int(_FLOOR_SHARE * room.total))
            if room.available < floor and reading.tree_rss > 0.3 * (room.total - room.available):
                return time.monotonic() - began, walls, sizes, "memory"
        if time.monotonic() - began > most_seconds:
            return time.monotonic() - began, walls, sizes, "time"
        time.sleep(_SAMPLE_EVERY)
    return time.monotonic() - began, walls, sizes, None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have the program end, with all that it started."""
    family = tree_of(process.pid)
    if process.poll() is None:
        with contextlib.suppress(OSError):
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    send(family)
    process.wait()


def _growth(at: Series, sizes: Series, seconds: Series, turns: Series) -> float:
    """Return the bytes per turn by which the low points of the run's second half rise; 0 when they do not."""
    if not len(turns) or turns[-1] < _FEWEST_TURNS:
        return 0.0
    turn = np.interp(at, seconds, turns)
    later = (turn >= turns[-1] / 2) & (turn < turns[-1])
    blocks = [block for block in np.array_split(np.flatnonzero(later), 4) if len(block)]
    if len(blocks) < 4:
        return 0.0
    lowest = np.array([sizes[block].min() for block in blocks])
    middle = np.array([turn[block].mean() for block in blocks])
    if (np.diff(lowest) <= 0).any() or lowest[-1] - lowest[0] < _LEAST_RISE * sizes.max():
        return 0.0
    return max(0.0, median_slope(middle, lowest)[0])


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"
