"""Reads a generated log of a gigabyte as `leakhunt timeline --log` does, and prints time and peak memory.

    python benchmarks/foreign_log.py [--megabytes 1000] [--told 0.02] [--per-second 20]

`--told` is the share of lines that a rule understands, half of them with a figure of memory; `--per-second` how many
lines share a second. The reading happens in a process of its own; its peak is what the kernel counted.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path


def write_log(path: Path, size: int, told: float, per_second: int) -> int:
    """Write a log of about `size` bytes and return its number of lines."""
    every = max(2, round(2 / told)) if told else 0
    at, lines, written = datetime(2026, 2, 14), 0, 0
    with path.open("w") as stream:
        while written < size:
            text = []
            for _ in range(10_000):
                stamp = at.strftime("%Y-%m-%d %H:%M:%S")
                if every and lines % every == 0:
                    said = f"Memory usage: {2 + lines % 997 / 40:.2f} GB / 31.23 GB"
                elif every and lines % every == 1:
                    said = f"EMERGENCY BRAKE ACTIVATED [Trial #{lines}]"
                else:
                    loss = 1 / (1 + lines % 1013)
                    said = f"step {lines} loss={loss:.6f} lr=3.0e-04 grad_norm={lines % 71} samples/s={lines % 311}"
                text.append(f"{stamp},{lines % 1000:03d} - INFO - {said}\n")
                lines += 1
                if lines % per_second == 0:
                    at += timedelta(seconds=1)
            written += stream.write("".join(text))
    return lines


def read(path: str) -> None:
    """Read the log at `path` and print seconds, peak resident set in bytes, lines and what was told."""
    from leakhunt.evidence.log_reading import read_log
    from leakhunt.evidence.rules import shipped_rules

    rules = shipped_rules()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    began = time.process_time()
    reading = read_log(path, rules)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(seconds, peak, peak - before, reading.lines, sum(group.count for group in reading.groups))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--told", type=float, default=0.02)
    parser.add_argument("--per-second", type=int, default=20)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read(options.read)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "night.log"
        lines = write_log(path, options.megabytes * 10**6, options.told, options.per_second)
        size = path.stat().st_size
        done = subprocess.run(
            [sys.executable, __file__, "--read", str(path)], capture_output=True, text=True, check=True
        )
    seconds, peak, more, read_lines, told = (float(text) for text in done.stdout.split())
    assert read_lines == lines
    print(f"{size / 1e6:,.0f} MB, {lines:,} lines, {told:,.0f} of them told something")
    print(
        f"processor time {seconds:.1f} s: {size / 1e6 / seconds:.0f} MB/s, {1e6 * seconds / lines:.2f} µs a line"
    )
    print(f"peak resident set {peak / 1e6:.0f} MB, {more / 1e6:.0f} MB more than before")


if __name__ == "__main__":
    main()
