"""A program that the kernel kills inside PID and control group namespaces, as in a container: real kills."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from memory_group import memory_group

from leakhunt.journal.rundir import find_run
from leakhunt.timeline.story import tell

PROGRAM = "held = []\nfor turn in range(3000):\n    held.append(bytearray(2_000_000))\n"


def can_unshare(*flags: str) -> bool:
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run(["unshare", *flags, "--fork", "true"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("flags", "certainties"), [
    (("--pid", "--mount-proc"), {"proven", "probable", "unknown"}),
    (("--pid", "--mount-proc", "--cgroup"), {"probable", "unknown"}),
], ids=["pid", "pid-and-cgroup"])  # fmt: skip
def test_a_kill_by_the_kernel_inside_namespaces_is_never_taken_for_anothers(
    flags: tuple[str, ...], certainties: set[str], tmp_path: Path
) -> None:
    if not can_unshare(*flags):
        pytest.skip("namespaces cannot be made here")
    (tmp_path / "grow.py").write_text(PROGRAM)
    profiled = [sys.executable, "-m", "leakhunt", "profile", "--quiet", "--no-live", "grow.py"]
    with memory_group("namespaces") as group:
        if group is None:
            pytest.skip("control groups cannot be made here")
        group.limit(300_000_000)
        process = group.run(["unshare", *flags, "--fork", *profiled], cwd=tmp_path, stderr=subprocess.DEVNULL)
        process.wait(timeout=200)

        death = tell(find_run(tmp_path / ".leakhunt").path).death

    # the supervisor is in the same group and may be hit as well
    assert death.cause in {"kernel-oom", "supervisor-lost", "unknown"}, death
    assert death.certainty in certainties
