"""What the guard costs: the supervisor's memory and processor time with ten workers, a check of the brake, a save.

`python benchmarks/guard.py [--workers 10] [--seconds 20]` prints a line per figure. The supervisor is measured from
outside, over the given time, while the workers do nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path

import leakhunt

WORKER = (
    "import time, pathlib, os; pathlib.Path('up' + os.environ['LEAKHUNT_COPY']).touch(); time.sleep(600)\n"
)
BOUNDS = ("--max-rss", "1GB", "--min-available", "50MB", "--max-age", "1h", "--stale-after", "1h")


def supervisor(workers: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "worker.py").write_text(WORKER)
        command = [sys.executable, "-m", "leakhunt", "run", *BOUNDS, "--copies", str(workers), "worker.py"]
        process = subprocess.Popen(command, cwd=directory, stderr=subprocess.DEVNULL)
        try:
            while len(list(Path(directory).glob("up*"))) < workers:
                time.sleep(0.05)
            time.sleep(1.0)
            before, began = processor_seconds(process.pid), time.monotonic()
            time.sleep(seconds)
            share = (processor_seconds(process.pid) - before) / (time.monotonic() - began)
            keeper = next(pid for pid in children(process.pid) if name(pid) == "leakhunt-keeper")
            print(f"supervisor, {workers} workers: resident   {resident(process.pid) / 1e6:8.1f} MB")
            print(f"supervisor, {workers} workers: processor  {100 * share:8.2f} % of a core")
            print(f"its keeper: memory of its own       {private(keeper) / 1e6:8.1f} MB")
        finally:
            process.terminate()
            process.wait()


def processor_seconds(pid: int) -> float:
    """User and system time; from the scheduler's own account, finer than clock ticks, where it is there."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def field(text: str, label: str) -> int:
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(label))


def resident(pid: int) -> int:
    return field(Path(f"/proc/{pid}/status").read_text(), "VmRSS:")


def private(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return field(text, "Private_Clean:") + field(text, "Private_Dirty:")


def best(call, number: int, timer=time.perf_counter) -> float:
    return min(timeit.repeat(call, number=number, repeat=7, timer=timer)) / number


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    supervisor(options.workers, options.seconds)
    check = best(lambda: leakhunt.check_memory("unit", min_available="1MB"), 1000, time.thread_time)
    print(f"check_memory: processor time        {check * 1e6:8.1f} µs")
    with (
        tempfile.TemporaryDirectory() as directory,
        leakhunt.Ledger(f"{directory}/r.csv", key="seed") as ledger,
    ):
        seeds = iter(range(10**9))
        save = best(lambda: ledger.save(seed=next(seeds), loss=0.5), 50)
        print(f"Ledger.save, onto this disk:        {save * 1e3:8.2f} ms")


if __name__ == "__main__":
    main()
