"""The environment that a guarded program starts with: what numeric libraries and malloc read once, at import.

Set by the parent, because a program that sets it after `import numpy` sets it for nobody.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
#: Give free memory back early, keep few arenas, and say where a crash in native code came from.
_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "2", "PYTHONFAULTHANDLER": "1"}


def guarded_environment(
    given: Mapping[str, str],
    run_directory: Path,
    *,
    workers: int | None = None,
    processors: int | None = None,
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the environment and what was added to it. What the user has set stays.

    With `workers`, the number of processes that compute at once, threads are capped so that all of
    them together use each processor once; `processors` is how many may be used, by default all.
    """
    added = dict(_MEMORY)
    if workers is not None:
        threads = max(1, (processors or os.cpu_count() or 1) // max(1, workers))
        added.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    added = {name: value for name, value in added.items() if name not in given}
    added["LEAKHUNT_RUN"] = str(run_directory)
    return {**given, **added}, added
