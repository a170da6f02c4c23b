"""What a heap census costs: pause, processor time and extra memory, on heaps of several sizes.

    python benchmarks/census.py [objects ...]        default: 75000 600000 3000000

Prints one line per heap. The pause is how long the program stood still; the other columns are the
forked copy's. Extra memory is the copy's private dirty memory at its peak, sampled while it runs.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time

from leakhunt.capture.heap.checkpoint import start_checkpoint
from leakhunt.census.format import load_census


class Record:
    """One of many: an instance, its dict, a list and a string, as programs keep them."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"record {number}"
        self.values = [number, number + 1]


def private_dirty(pid: int) -> int:
    """Return the private dirty bytes of a process, 0 when it is gone."""
    total = 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Private_Dirty:"):
                total = int(line.split()[1]) * 1024
    return total


def measure(objects: int) -> None:
    """Take one census of a heap with about that many objects and print what it cost."""
    groups = [[Record(at) for at in range(start, start + 300)] for start in range(0, objects // 3, 300)]
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "census.json")
        began = time.perf_counter()
        here = os.path.dirname(__file__)
        taken = start_checkpoint(
            out_path=path, number=1, loop="bench", turns=1, previous=[], project_root=here
        )
        assert taken is not None
        assert taken.pid is not None
        peak = 0
        while not os.path.exists(path):
            peak = max(peak, private_dirty(taken.pid))
            time.sleep(0.01)
        wall = time.perf_counter() - began
        census = load_census(path)
        size = os.path.getsize(path)
    print(
        f"{objects:>9,} objects  {taken.how}  pause {taken.pause_seconds * 1e3:6.1f} ms  "
        f"cpu {census.seconds:5.2f} s  walked {census.objects:>9,} "
        f"({census.seconds / max(1, census.objects) * 1e6:4.1f} µs each)  result after {wall:5.2f} s  "
        f"extra {peak / 2**20:6.0f} MiB  file {size / 1024:5.0f} KiB  complete {census.complete}"
    )
    for loss in census.losses:
        print(f"          loss: {loss}")
    del groups


if __name__ == "__main__":
    for argument in sys.argv[1:] or ("75000", "600000", "3000000"):
        measure(int(argument))
