"""The memory that a report says leakhunt took is what the process is larger by, seen from outside."""

import json
import subprocess
import sys

import pytest

IDLE = """
import sys, time
for i in range(30):
    time.sleep(0.02)
with open("/proc/self/status") as status:
    fields = dict(line.split(":", 1) for line in status)
with open(sys.argv[1], "w") as out:
    out.write(fields["VmRSS"].split()[0])
"""


def resident(folder, *door):
    command = [sys.executable, *door, "idle.py", "resident.txt"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return int((folder / "resident.txt").read_text()) * 1024


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("options", [["--no-windows"], ["--allocations"]])
def test_the_memory_in_the_report_agrees_with_an_outside_measurement(tmp_path, options):
    (tmp_path / "idle.py").write_text(IDLE)
    bare = resident(tmp_path)
    door = ["-m", "leakhunt", "profile", "--quiet", *options, "--json", "out.json"]
    profiled = resident(tmp_path, *door)

    said = json.loads((tmp_path / "out.json").read_text())["cost"]["bytes"]

    assert said == pytest.approx(profiled - bare, rel=0.2)
