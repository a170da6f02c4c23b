"""What leakhunt says that it cost, beside what can be measured from outside: memory and longest pause.

A program that only waits, bare and profiled, tells its resident memory at the end and the longest of its
turns; what the profiled one has more is held against the report's `cost`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

IDLE = """
import json, sys, time
longest, last = 0.0, time.perf_counter()
for i in range(400):
    time.sleep(0.005)
    now = time.perf_counter()
    longest, last = max(longest, now - last), now
with open("/proc/self/status") as status:
    fields = dict(line.split(":", 1) for line in status)
with open(sys.argv[1], "w") as out:
    json.dump([int(fields["VmRSS"].split()[0]) * 1024, longest], out)
"""
WAYS = {"no windows": ["--no-windows"], "as it is": [], "a window": ["--allocations"]}


def measured(folder: Path, *door: str) -> tuple[int, float]:
    subprocess.run([sys.executable, *door, "idle.py", "measured.json"], cwd=folder, check=True)
    resident, longest = json.loads((folder / "measured.json").read_text())
    return int(resident), float(longest)


def main() -> None:
    print(f"{'':12}{'memory said':>14}{'seen':>12}{'':>8}{'pause said':>12}{'seen':>11}")
    with tempfile.TemporaryDirectory(prefix="leakhunt-bench-") as work:
        folder = Path(work)
        (folder / "idle.py").write_text(IDLE)
        bare, turn = measured(folder)
        for name, options in WAYS.items():
            door = ["-m", "leakhunt", "profile", "--quiet", *options, "--json", "out.json"]
            resident, longest = measured(folder, *door)
            cost = json.loads((folder / "out.json").read_text())["cost"]
            seen = resident - bare
            print(
                f"{name:12}{cost['bytes'] / 1e6:11.1f} MB{seen / 1e6:9.1f} MB{cost['bytes'] / seen - 1:+8.0%}"
                f"{cost['longest_pause'] * 1e3:9.1f} ms{(longest - turn) * 1e3:8.1f} ms"
            )


if __name__ == "__main__":
    main()
