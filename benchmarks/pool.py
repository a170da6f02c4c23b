"""What `leakhunt.Pool` costs beside a plain ProcessPoolExecutor: units per second, and the parent's own work.

    python benchmarks/pool.py                       # units of 1 ms, 10 ms and 100 ms, as ratios

They take turns, `--repeats` times, and medians are printed as ratios to the ProcessPoolExecutor. It is used as
it usually is, `map` over all items: it reads the whole input and keeps every result. `cpu` is the processor
time of parent and workers together per unit, which other programs on the machine do not change.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import psutil

import leakhunt

#: (seconds of a unit, how many of them).
SIZES = ((0.001, 3000), (0.01, 400), (0.1, 40))


def unit(seconds: float) -> float:
    """Compute for so many processor seconds."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    return seconds


def processor_seconds() -> float:
    """Return what this process and its living children have used so far."""
    times = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return time.process_time() + sum(one.user + one.system for one in times)


def timed(run: Callable[[float, int], int], seconds: float, count: int) -> tuple[float, float, float]:
    """Return (units a second, processor seconds of all per unit, of the parent alone)."""
    began, cpu, own = time.perf_counter(), processor_seconds(), time.process_time()
    done = run(seconds, count)
    if done != count:
        raise RuntimeError(f"{done} results of {count} units")
    took = time.perf_counter() - began
    return count / took, (processor_seconds() - cpu) / count, (time.process_time() - own) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--backends", nargs="+", default=["deadpool", "loky"])
    options = parser.parse_args()

    print(f"{'unit':>6}  {'pool':<14} {'units/s':>8} {'ratio':>6} {'cpu':>6} {'parent per unit':>16}")
    for seconds, count in SIZES:
        context = multiprocessing.get_context("spawn")
        plain = ProcessPoolExecutor(options.workers, mp_context=context)
        pools = {name: leakhunt.Pool(options.workers, backend=name) for name in options.backends}
        runs: dict[str, Callable[[float, int], int]] = {
            "ProcessPool": lambda each, n, pool=plain: sum(1 for _ in pool.map(unit, [each] * n))
        }
        for name, pool in pools.items():
            runs[f"Pool/{name}"] = lambda each, n, pool=pool: sum(
                1 for _ in pool.imap_unordered(unit, (each for _ in range(n)))
            )
        for run in runs.values():
            run(seconds, 10 * options.workers)  # workers have started
        seen: dict[str, list[tuple[float, float, float]]] = {name: [] for name in runs}
        for _ in range(options.repeats):
            for name, run in runs.items():
                seen[name].append(timed(run, seconds, count))
        medians = {
            name: [statistics.median(column) for column in zip(*found, strict=True)]
            for name, found in seen.items()
        }
        rate, cpu, _ = medians["ProcessPool"]
        for name, (found, used, own) in medians.items():
            print(
                f"{seconds * 1e3:3.0f} ms  {name:<14} {found:8.0f} {found / rate:6.2f} {used / cpu:6.2f} "
                f"{own * 1e6:13.0f} µs",
                flush=True,
            )
        plain.shutdown()
        for pool in pools.values():
            pool.close()


if __name__ == "__main__":
    main()
