"""`make bench`: what following a program costs it, beside what other tools cost. Medians over rounds of runs in turns.

How to read the tables: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakhunt.journal.reader import read_journal

HERE = Path(__file__).resolve().parent
WORKLOADS = ("small_dicts", "linear_algebra", "evolution", "big_heap", "tight_loop", "spawn_pool")
#: What stands between the interpreter and the workload, and what stands behind it.
WAYS: dict[str, tuple[list[str], list[str]]] = {
    "bare": ([], []),
    "leakhunt": (["-m", "leakhunt", "profile", "--quiet", "--json", "report.json", "--home", "."], []),
    "leaking": (
        ["-m", "leakhunt", "profile", "--quiet", "--json", "report.json", "--home", "."],
        ["leaking"],
    ),
    "memray": (["-m", "memray", "run", "--quiet", "--output", "capture.bin"], []),
    "tracemalloc": (["-X", "tracemalloc=1"], []),
    "tracemalloc 25": (["-X", "tracemalloc=25"], []),
}
OURS = ("leakhunt", "leaking")
PEERS = ("memray", "tracemalloc", "tracemalloc 25")
#: What a whole run may take beside the bare one, with half a second for start and end on top.
MOST = {"leakhunt": 1.10, "leaking": 1.15}
#: A peer's run that takes longer is ended.
MOST_SECONDS = 120.0


@dataclass(frozen=True)
class Run:
    """One run of a workload.

    `loop` and `processor` are wall and processor seconds of the measured loop, `wall` those of the command and
    `command` the processor seconds of it and of all its children; memory in bytes.
    """

    wall: float
    command: float
    loop: float
    processor: float
    peak_rss: int
    verdict: str | None = None
    longest_pause: float | None = None
    windows: int = 0

    @property
    def around(self) -> float:
        """Seconds before and after the loop: start of the interpreter, imports, and the report."""
        return self.wall - self.loop


def run(workload: str, way: str, python: str) -> Run | None:
    """Return what a run measured; None when it took too long."""
    door, behind = WAYS[way]
    with tempfile.TemporaryDirectory(prefix="leakhunt-bench-") as work:
        script = str(HERE / "workloads" / f"{workload}.py")
        before, started = _children(), time.perf_counter()
        try:
            subprocess.run(
                [python, *door, script, "measured.json", *behind],
                cwd=work, stdout=subprocess.DEVNULL, check=True, timeout=MOST_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return None
        wall, command = time.perf_counter() - started, _children() - before
        own: dict[str, Any] = json.loads(Path(work, "measured.json").read_text())
        said: dict[str, Any] = {}
        if way in OURS:
            report = json.loads(Path(work, "report.json").read_text())
            said = {
                "verdict": report["verdict"],
                "longest_pause": report["cost"].get("longest_pause"),
                "windows": sum(
                    len(read_journal(one).of("window")) for one in Path(work).rglob("agent-*.jsonl")
                ),
            }
    return Run(wall, command, own["loop_seconds"], own["loop_processor_seconds"], own["peak_rss"], **said)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


Round = dict[str, Run | None]


def rounds(workload: str, count: int, python: str, peers: Iterable[str]) -> list[Round]:
    """Return `count` rounds of one run each way, another way first in each; the peers are in the first alone."""
    found = []
    for number in range(count):
        ways = ["bare", *OURS, *(peers if number == 0 else ())]
        turned = ways[number % len(ways) :] + ways[: number % len(ways)]
        found.append({way: run(workload, way, python) for way in turned})
    return found


def ratios(measured: list[Round], way: str, part: Callable[[Run], float]) -> list[float]:
    """Return of each round with such a run what `part` of it is of the bare run's."""
    found = []
    for one in measured:
        bare, other = one["bare"], one.get(way)
        if bare is not None and other is not None:
            found.append(part(other) / part(bare))
    return found


def cell(measured: list[Round], way: str, part: Callable[[Run], float]) -> str:
    found = ratios(measured, way, part)
    if not found:
        bare = statistics.median(part(one["bare"]) for one in measured if one["bare"] is not None)
        return f"> {MOST_SECONDS / bare:.0f}"
    text = f"{statistics.median(found):.2f}"
    return text if len(found) == 1 else f"{text} ({min(found):.2f}-{max(found):.2f})"


def row(
    workload: str, measured: list[Round], peers: Iterable[str], part: Callable[[Run], float]
) -> list[str]:
    bare = statistics.median(part(one["bare"]) for one in measured if one["bare"] is not None)
    return [workload, f"{bare:.2f} s", *(cell(measured, way, part) for way in (*OURS, *peers))]


def cost_row(workload: str, measured: list[Round]) -> list[str]:
    pairs = [(one["bare"], one[way]) for one in measured for way in OURS]
    both = [(bare, ours) for bare, ours in pairs if bare is not None and ours is not None]
    around = statistics.median(ours.around - bare.around for bare, ours in both)
    command = statistics.median(
        ours.command - ours.processor - bare.command + bare.processor for bare, ours in both
    )
    memory = statistics.median(ours.peak_rss - bare.peak_rss for bare, ours in both if ours.verdict != "leak")
    pauses = [ours.longest_pause for _, ours in both if ours.longest_pause is not None]
    said = {way: {one[way].verdict for one in measured if one[way] is not None} for way in OURS}  # type: ignore[union-attr]
    windows = max(ours.windows for _, ours in both)
    return [
        workload,
        f"{around:+.2f} s",
        *(f"{beyond(measured, way, most):+.2f} s" for way, most in MOST.items()),
        f"{command:+.2f} s",
        f"{memory / 1e6:+.1f} MB",
        f"{max(pauses) * 1e3:.1f} ms" if pauses else "unknown",
        str(windows),
        " / ".join(",".join(sorted(str(verdict) for verdict in said[way])) for way in OURS),
    ]


def beyond(measured: list[Round], way: str, most: float) -> float:
    """Return the median of the seconds by which a whole run took longer than `most` times the bare one."""
    both = [(one["bare"], one[way]) for one in measured]
    return statistics.median(
        ours.wall - most * bare.wall for bare, ours in both if bare is not None and ours is not None
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    widths = [max(len(line[at]) for line in [head, *rows]) for at in range(len(head))]
    rule = ["-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    lines = [head, rule, *rows]
    return "\n".join(
        "| " + " | ".join(text.rjust(width) if at else text.ljust(width)
                          for at, (text, width) in enumerate(zip(line, widths, strict=True))) + " |"
        for line in lines
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument(
        "--python", default=sys.executable, help="an interpreter that has leakhunt and memray"
    )
    parser.add_argument("--no-peers", action="store_true", help="leave out memray and tracemalloc")
    options = parser.parse_args()
    peers = () if options.no_peers else PEERS
    print(f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} processors, ", end="")
    print(f"{options.rounds} rounds")
    measured: dict[str, list[Round]] = {}
    for workload in options.only:
        measured[workload] = rounds(workload, options.rounds, options.python, peers)
        print(f"{workload} is done", file=sys.stderr, flush=True)
    head = ["workload", "bare loop", "leakhunt", "leakhunt, leaking", *peers]
    print("\nWall time of the loop, as a multiple of bare Python's:\n")
    print(table(head, [row(name, found, peers, lambda one: one.loop) for name, found in measured.items()]))
    print("\nProcessor time of the program in its loop, likewise:\n")
    print(
        table(head, [row(name, found, peers, lambda one: one.processor) for name, found in measured.items()])
    )
    print("\nWhat leakhunt costs besides:\n")
    beyond = [f"past {most:.2f}x" + (", leaking" if way == "leaking" else "") for way, most in MOST.items()]
    head = ["workload", "start + end", *beyond, "processor", "memory", "longest pause", "windows", "said"]
    print(table(head, [cost_row(name, found) for name, found in measured.items()]))


if __name__ == "__main__":
    main()
