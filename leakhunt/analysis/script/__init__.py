"""What a script's source says about how its run will end, before anything has run."""

from __future__ import annotations

from pathlib import Path

from leakhunt.analysis.script.caches import cached_methods
from leakhunt.analysis.script.in_flight import everything_in_flight
from leakhunt.analysis.script.pools import forked_workers, pool_per_turn, unguarded_spawn
from leakhunt.analysis.script.program import read_program
from leakhunt.analysis.script.retained import only_the_tail_is_read
from leakhunt.analysis.script.sweeps import saved_once_at_the_end
from leakhunt.analysis.script.tables import every_column_read
from leakhunt.analysis.script.threads import caps_set_too_late, threads_times_workers
from leakhunt.findings.concerns import Concern


def examine_script(path: Path, *, workers: int | None = None, processors: int | None = None) -> list[Concern]:
    """Return what the source of the script at `path` says will go wrong.

    `workers` are those that are planned, `processors` those that may be used; None where nobody said.
    Raises LeakhuntError when the script cannot be read.
    """
    program = read_program(path)
    return [
        *saved_once_at_the_end(program),
        *pool_per_turn(program),
        *everything_in_flight(program),
        *unguarded_spawn(program),
        *only_the_tail_is_read(program),
        *every_column_read(program),
        *caps_set_too_late(program),
        *threads_times_workers(program, workers, processors),
        *cached_methods(program),
        *forked_workers(program),
    ]
