"""A program that stands still gets the first heap censuses and no more; one that grows goes on getting them."""

from __future__ import annotations

import json
import subprocess
import sys

#: It waits for the first four censuses and for what they suspect, so that it does not matter how busy the machine is.
PROGRAM = """
import glob, sys, time
kept = []
def censuses():
    taken = glob.glob("home/runs/*/checkpoints/[0-9][0-9][0-9][0-9].json")
    return min(len(taken), 2 + len(glob.glob("home/runs/*/checkpoints/*.suspects.json")))
for i in range(200):
    time.sleep(0.01)
    if i == 10:
        until = time.monotonic() + 60
        while censuses() < 4 and time.monotonic() < until:
            time.sleep(0.05)
    if sys.argv[1] == "leak":
        kept.append("x" * 3_000 + str(i))
"""


def profiled(directory, word):
    (directory / "job.py").write_text(PROGRAM)
    subprocess.run(
        [sys.executable, "-m", "leakhunt", "profile", "--quiet", "--home", "home", "--json", "r.json", "job.py", word],
        cwd=directory, check=True, timeout=100,
    )  # fmt: skip
    taken = [path for path in directory.glob("home/runs/*/checkpoints/*.json") if path.stem.isdigit()]
    return json.loads((directory / "r.json").read_text()), len(taken)


def test_a_program_that_stands_still_is_copied_a_few_times_only(tmp_path):
    report, censuses = profiled(tmp_path, "clean")

    assert report["verdict"] == "no-leak"
    assert censuses == 4


def test_a_program_that_grows_is_looked_at_up_to_its_end(tmp_path):
    report, censuses = profiled(tmp_path, "leak")

    assert report["verdict"] == "leak"
    assert censuses > 4
