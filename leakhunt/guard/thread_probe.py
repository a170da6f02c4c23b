"""Asks an interpreter, in the environment that a program is to have, how many threads its libraries will use.

One short process imports numpy and asks threadpoolctl, where both are there. What is not there is None.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping

_SECONDS = 30.0
_QUESTION = """
import json, os
try:
    import numpy, threadpoolctl
except ImportError:
    print("null")
else:
    found = threadpoolctl.threadpool_info()
    print(json.dumps([[os.path.basename(one["filepath"]), one["num_threads"]] for one in found]))
"""


def threads_of_libraries(python: str, environment: Mapping[str, str]) -> list[tuple[str, int]] | None:
    """Return (library, threads) for each numeric library that numpy loads; None where nobody can tell."""
    try:
        answer = subprocess.run(
            [python, "-c", _QUESTION], env=dict(environment), capture_output=True, text=True, timeout=_SECONDS
        )
        found = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if not isinstance(found, list):
        return None
    return [(str(name), int(threads)) for name, threads in found]
