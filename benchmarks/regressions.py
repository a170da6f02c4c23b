"""Is a regression caught, and is no change left alone? Runs `leakhunt check` against a baseline, again and again.

    python benchmarks/regressions.py       20 times 5 % more peak, 20 times 1 kB more per iteration, 50 times nothing

The program of the check takes about 60 MB and 60 iterations of a few milliseconds. Exit code 1 when a change was
missed or a run without one failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = """
import math, os, sys
hold = b"x" * int({hold})
kept = []
for i in range(60):
    sum(math.sqrt(i + k) for k in range(30_000))
    data = os.urandom(200_000)
    if {extra}:
        kept.append(os.urandom({extra}))
"""
HOLD = 40_000_000
CASES = {
    "5 % more peak": (HOLD * 1.05 + 1_200_000, 0),
    "1 kB more per iteration": (HOLD, 1_000),
    "no change": (HOLD, 0),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=20, help="how often each change is looked for")
    parser.add_argument("--unchanged", type=int, default=50, help="how often nothing has changed")
    asked = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="leakhunt-regressions-") as work:
        directory = Path(work)
        check(directory, CASES["no change"], "--update")
        for name, case in CASES.items():
            times = asked.unchanged if name == "no change" else asked.changes
            failed = sum(check(directory, case) == 1 for _ in range(times))
            right = times - failed if name == "no change" else failed
            wrong += times - right
            said = "left alone" if name == "no change" else "caught"
            print(f"{name:<26} {said} {right} of {times}", flush=True)
    return 1 if wrong else 0


def check(directory: Path, case: tuple[float, int], *options: str) -> int:
    """Return the exit code of a check of the program with this much memory and growth."""
    hold, extra = case
    (directory / "job.py").write_text(PROGRAM.format(hold=hold, extra=extra))
    environment = {name: value for name, value in os.environ.items() if name != "LEAKHUNT_HOME"}
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "check", "--quiet", "--baseline", "base.json", *options, "job.py"],
        cwd=directory, capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
