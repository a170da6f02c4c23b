"""A pool inside a real memory control group keeps to its share of the group's limit, not of the machine's."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.cgroups import ControlGroups

MB = 1_000_000
MOLECULES = Path(__file__).parents[2] / "fixtures" / "molecule_batches" / "fixed.py"
LIMIT = 800 * MB
UNIT = 75 * MB
TARGET = 0.70
#: (bytes, seconds) of each unit.
QUICK = f"[({UNIT}, 0.3)] * 40"
SLOW_AFTER_ONE = f"[({UNIT}, 0.1)] + [({UNIT}, 3)] * 11"

PROGRAM = """
import json, os, sys, threading, time
sys.path.insert(0, {tests!r})
import leakhunt, pool_units
from leakhunt.protect.headroom import HeadroomReader

def main():
    reader, most, stop = HeadroomReader(), [0.0], threading.Event()
    def look():
        while not stop.wait(0.01):
            room = reader.read()
            most[0] = max(most[0], 1 - room.available / room.total)
    threading.Thread(target=look, daemon=True).start()
    with leakhunt.Pool(
        {workers}, target_memory={target}, max_in_flight={most}, backend="deadpool",
        initializer=pool_units.start_late, initargs=({mark!r}, {start}),
    ) as pool:
        done = sum(1 for _ in pool.imap_unordered(pool_units.take_for, {units}))
        given_up = len(pool.quarantined)
    stop.set()
    print(json.dumps([done, given_up, most[0], reader.read().source]))

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Path]:
    """A memory control group of our own with a limit."""
    name = f"leakhunt-pool-{os.getpid()}-{time.monotonic_ns()}"
    for root, file in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        made = root / name
        try:
            made.mkdir()
            (made / file).write_text(str(LIMIT))
        except OSError:
            with contextlib.suppress(OSError):
                made.rmdir()
            continue
        yield made
        for _ in range(500):
            try:
                made.rmdir()
                break
            except OSError:
                time.sleep(0.02)
        return
    pytest.skip("no memory control group can be made here")


def run_in(
    group: Path, script: Path, most: str, units: str = QUICK, start: int = 0
) -> tuple[int, int, float, str]:
    """Run units on workers of which all but the first start late, and take `start` bytes for good then.

    Return (results, units given up, largest share of the limit that was used, whose limit it is).
    """
    values = {"tests": str(Path(__file__).parent), "workers": 8, "target": TARGET, "most": most}
    script.write_text(PROGRAM.format(**values, units=units, mark=f"{script}.mark", start=start))
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True,
        preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())),
    )  # fmt: skip
    results, given_up, share, source = json.loads(done.stdout)
    return results, given_up, share, source


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_target_is_held_in_a_control_group(group: Path, tmp_path: Path) -> None:
    pytest.importorskip("deadpool", reason="needs deadpool-executor")

    results, given_up, share, source = run_in(group, tmp_path / "bounded.py", "'auto'")
    *_, unbounded, _ = run_in(group, tmp_path / "unbounded.py", "10")

    print(f"used at most: {share:.1%} with the target, {unbounded:.1%} with everything in flight")
    assert (results, given_up, source) == (40, 0, "cgroup")
    assert abs(share - TARGET) <= 0.05
    assert unbounded > TARGET + 0.05


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_target_is_held_while_workers_are_still_starting(group: Path, tmp_path: Path) -> None:
    pytest.importorskip("deadpool", reason="needs deadpool-executor")

    results, given_up, share, _ = run_in(group, tmp_path / "late.py", "'auto'", SLOW_AFTER_ONE, start=30 * MB)

    print(f"used at most: {share:.1%}")
    assert (results, given_up) == (12, 0)
    assert share <= TARGET + 0.05


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("limit_mb", [1600, 2200])
def test_the_molecule_batches_keep_to_their_share_of_the_group(
    group: Path, tmp_path: Path, limit_mb: int
) -> None:
    pytest.importorskip("deadpool", reason="needs deadpool-executor")
    if importlib.util.find_spec("pyarrow") is None:
        pytest.skip("needs pyarrow")
    is_v1 = (group / "memory.limit_in_bytes").exists()
    (group / ("memory.limit_in_bytes" if is_v1 else "memory.max")).write_text(str(limit_mb * MB))
    groups = ControlGroups(v1=(group,)) if is_v1 else ControlGroups(v2=(group,))
    command = [sys.executable, MOLECULES, "--run", "medium", "--target-memory", str(TARGET)]

    most = 0.0
    with subprocess.Popen(
        [*command, "--out", tmp_path / "products.parquet"], stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())),
    ) as running:  # fmt: skip
        while running.poll() is None:
            room = groups.room()
            if room is not None:
                most = max(most, 1 - room / (limit_mb * MB))
            time.sleep(0.01)
        assert running.stdout is not None
        said = running.stdout.read()

    print(f"used at most: {most:.1%}")
    assert said.startswith("360000 products")
    assert abs(most - TARGET) <= 0.05
