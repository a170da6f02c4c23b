"""A run of ten hours, made up: is its directory small, and are its reports quick, small and lean?

`python benchmarks/long_run.py [--keep DIRECTORY] [--hours H]` writes the journals of a sweep with a pool of
workers (10 samples a second, 2,000 iterations, 40 workers that are replaced now and then, a leak, a kill by the
kernel) and measures `leakhunt timeline` and `leakhunt report` on it, each in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from leakhunt.journal.codec import encode_line
from leakhunt.journal.records import FIELDS, FORMAT, FREQUENT
from leakhunt.journal.rundir import RunDirectory, write_json

SAMPLES_A_SECOND = 10
ITERATIONS = 2_000
INNER = 60
WORKERS = 40
LIVES_OF_A_WORKER = 20
BASE, GROWTH, OF_A_WORKER = 400_000_000, 12_000_000, 150_000_000
LIMIT = 32_000_000_000
STARTED = 1_766_700_000.0
BOOT = 50_000.0
#: What was asked for: bytes of the run directory, seconds and bytes of a report's process, bytes of its page.
ASKED = {"directory": 60e6, "seconds": 10.0, "peak": 500e6, "page": 8e6}


class Journal:
    """One journal file, written with the clock of the story."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("wb")
        self._seq = 0

    def write(self, kind: str, at: float, *fields: object, **named: object) -> None:
        if named:
            fields = (*fields, *(named.get(name) for name in FIELDS[kind][len(fields) :]))
        wall = None if kind in FREQUENT else STARTED + at
        self._stream.write(encode_line([kind, self._seq, BOOT + at, wall, *fields]))
        self._seq += 1

    def close(self) -> None:
        self._stream.close()


def make_run(directory: Path, hours: float = 10.0) -> RunDirectory:
    """Write the run directory of a made-up run of so many hours; return it."""
    seconds = hours * 3_600
    run = RunDirectory(directory / "runs" / "20251226-000000-sweep-0001")
    run.checkpoints.mkdir(parents=True)
    write_json(
        run.run_file,
        {"format": 1, "id": run.id, "created": STARTED, "target": "sweep.py", "outcome": "killed"},
    )
    _supervisor(run, seconds)
    _agent(run, seconds)
    _workers(run, seconds)
    return run


def _header(journal: Journal, writer: str, pid: int) -> None:
    journal.write(
        "header", 0.0, format=FORMAT, leakhunt="0.1.0", writer=writer, pid=pid, ppid=1, python="CPython 3.11.7",
        argv=["sweep.py"], cwd="/srv/sweep", target="sweep.py", platform="linux-x86_64", boot_id="made-up",
    )  # fmt: skip


def _main_memory(share: float) -> int:
    return int(BASE + GROWTH * ITERATIONS * share)


def _supervisor(run: RunDirectory, seconds: float) -> None:
    journal = Journal(run.supervisor_journal)
    _header(journal, "supervisor", 100)
    journal.write("start", 0.1, 101, ["python", "sweep.py"])
    journal.write("limits", 0.2, 64_000_000_000, 40_000_000_000, LIMIT, "cgroup")
    life = seconds / LIVES_OF_A_WORKER
    samples = int(seconds * SAMPLES_A_SECOND)
    following = 0
    for number in range(samples):
        at = 1.0 + number / SAMPLES_A_SECOND
        while (
            following < WORKERS * LIVES_OF_A_WORKER
            and at >= following // WORKERS * life + following % WORKERS
        ):
            pid = 1_000 + following
            journal.write("process", at, pid, 101, "spawn-pool-worker", "python -c spawn", True, None)
            if following >= WORKERS:
                gone = pid - WORKERS
                journal.write(
                    "process", at, gone, 101, "spawn-pool-worker", "python -c spawn", False, OF_A_WORKER
                )
            following += 1
        main = _main_memory(number / samples)
        workers = WORKERS * (OF_A_WORKER // 3 + number * 7 % 1_000_000)
        journal.write("tree", at, main + workers, main, WORKERS + 1, LIMIT - main)
    end = seconds + 1.5
    kernel = (
        "Memory cgroup out of memory: Killed process 101 (python) total-vm:31000000kB, anon-rss:24000000kB, "
        "file-rss:100kB, shmem-rss:0kB, UID:0 pgtables:48000kB oom_score_adj:0"
    )
    journal.write(
        "witness", 0.3, moment="start", pids=[101], pids_are_global=True, comm="python", groups=["/sweep"]
    )
    journal.write("witness", end, moment="end", kernel_read=True, kernel_lines=[[BOOT + end - 0.1, kernel]],
                  counters=[["cgroup-v1", "/sweep", True, 0, 1, 0.9]], boot=BOOT + end)  # fmt: skip
    journal.write("exit", end, None, "SIGKILL", 1, _main_memory(1.0), seconds)
    journal.close()


def _agent(run: RunDirectory, seconds: float) -> None:
    journal = Journal(run.agent_journal(101))
    _header(journal, "agent", 101)
    outer, inner = "/srv/sweep/sweep.py:10:main", "/srv/sweep/sweep.py:12:main"
    journal.write("loop", 1.0, outer, "/srv/sweep/sweep.py", 10, "main", ["lam"], "for", None)
    journal.write("loop", 1.0, inner, "/srv/sweep/sweep.py", 12, "main", ["beta"], "for", outer)
    journal.write("enter", 1.0, 1, outer, None, ITERATIONS, 1, True)
    turn = (seconds - 1) / (ITERATIONS - 0.5)
    for number in range(ITERATIONS):
        at = 1.0 + number * turn
        serial = number + 2
        _sample(journal, at, 1, number, [number * 1e-9], number / ITERATIONS)
        journal.write("enter", at, serial, inner, 1, INNER, 1, True)
        if number == ITERATIONS - 1:
            break  # killed in the middle of the last turn
        for step in range(INNER):
            _sample(
                journal,
                at + turn * step / INNER,
                serial,
                step,
                [2.6 + step / 10],
                (number + step / INNER) / ITERATIONS,
            )
        journal.write("leave", at + turn * 0.99, serial, INNER, "exhausted")
    journal.close()


def _sample(
    journal: Journal, at: float, instance: int, completed: int, values: list[float], share: float
) -> None:
    resident = _main_memory(share)
    journal.write(
        "sample", at, instance, completed, values, resident - 40_000_000, 40_000_000, 0, 900_000 + int(share * 1e6),
        [resident - 60_000_000, 4_000_000], [12, 4_000, 0], 40, 45, None, resident * 2, at * 0.9,
    )  # fmt: skip


def _workers(run: RunDirectory, seconds: float) -> None:
    for worker in range(WORKERS):
        journal = Journal(run.path / f"work-{1_000 + worker}.jsonl")
        _header(journal, "work", 1_000 + worker)
        for unit in range(ITERATIONS // WORKERS):
            at = 2.0 + (unit * WORKERS + worker) * (seconds - 3) / ITERATIONS
            journal.write("unit", at, "/srv/sweep/results.csv", f"[{unit * WORKERS + worker}]")
            if unit % 10 == 9:
                journal.write("brake", at + 0.1, f"unit {unit}", "braked", 1_900_000_000, 2_000_000_000, 1, 0)
        journal.close()


def measure(run: RunDirectory, verb: str, page: Path) -> tuple[float, float, int]:
    """Return processor seconds, peak resident bytes and the page's size of one report in a process of its own."""
    command = [sys.executable, "-m", "leakhunt", verb, str(run.path), "--html", str(page)]
    with open(os.devnull, "w") as nowhere:
        process = subprocess.Popen(command, stdout=nowhere)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"leakhunt {verb} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, page.stat().st_size


def size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--keep", type=Path, help="leave the run and its pages in this directory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = options.keep or Path(temporary)
        began = time.perf_counter()
        run = make_run(place, options.hours)
        size = size_of(run.path)
        made = time.perf_counter() - began
        print(
            f"run of {options.hours:g} h, made in {made:.0f} s: {int(options.hours * 36_000):,} samples of the tree"
        )
        good = [_said("run directory", size / 1e6, "MB", ASKED["directory"] / 1e6)]
        for verb in ("timeline", "report"):
            page = place / f"{verb}.html"
            seconds, peak, bytes_ = measure(run, verb, page)
            good.append(_said(f"leakhunt {verb}, processor", seconds, "s", ASKED["seconds"]))
            good.append(_said(f"leakhunt {verb}, peak", peak / 1e6, "MB", ASKED["peak"] / 1e6))
            good.append(_said(f"leakhunt {verb}, page", bytes_ / 1e6, "MB", ASKED["page"] / 1e6))
    return 0 if all(good) else 1


def _said(what: str, found: float, unit: str, asked: float) -> bool:
    good = found <= asked
    print(
        f"{what:<32} {found:8.1f} {unit:<3} at most {asked:g} {unit}  {'ok' if good else 'TOO MUCH'}",
        flush=True,
    )
    return good


if __name__ == "__main__":
    sys.exit(main())
