"""What is followed when a target runs under the bootstrap: journal and position page, end to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from leakhunt.journal.position import read_position
from leakhunt.journal.reader import read_journal

sys.path.insert(0, str(Path(__file__).parent.parent / "transparency"))

from twice import BOOTSTRAP, run_followed, write_config


def records(run_dir: Path, kind: str) -> list[dict[str, Any]]:
    journals = [read_journal(path) for path in run_dir.glob("agent-*.jsonl")]
    return [record.fields for journal in journals for record in journal.records if record.kind == kind]


def run(target: str, folder: Path, *, mode: str = "script", **options: Any) -> Path:
    """Run the target in `folder` and return its run directory."""
    run_dir = folder / "run"
    run_followed(
        target, [], mode=mode, flags=[], stdin="", cwd=folder, run_dir=run_dir, root=folder, **options
    )
    return run_dir


def test_a_function_is_called_so_many_times_in_a_loop_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(
        "import time\ndef step():\n    for i in range(2): time.sleep(0.006)\n    print('called')\n"
    )

    run_dir = run("work:step", tmp_path, mode="function", iterations=3)

    calls, inner = records(run_dir, "loop")
    assert (calls["loop_kind"], calls["function"], calls["line"]) == ("call", "step", 2)
    assert (inner["line"], inner["parent"]) == (3, calls["id"])
    assert [r["completed"] for r in records(run_dir, "leave")] == [2, 2, 2, 3]


def test_modules_of_the_project_are_followed_and_installed_ones_are_not(tmp_path: Path) -> None:
    loop = "import time\nfor x in range(2): time.sleep(0.006)\n"
    for name in ("mine.py", "lib/site-packages/theirs.py", "lib/site-packages/chosen.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(loop)
    (tmp_path / "script.py").write_text(
        "import sys\nsys.path.append('lib/site-packages')\nimport mine, theirs, chosen\n"
    )

    run_dir = run("script.py", tmp_path, follow=("chosen*",))

    assert sorted(Path(r["file"]).name for r in records(run_dir, "loop")) == ["chosen.py", "mine.py"]


def test_the_end_of_the_target_is_told(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("for x in range(3): raise SystemExit(4)\n")

    run_dir = run("script.py", tmp_path)

    (end,) = records(run_dir, "end")
    assert (end["how"], end["exit_code"]) == ("system-exit", 4)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_the_position_survives_sigkill(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import time\nfor lam in [0.1, 0.2, 0.3]:\n    for beta in range(4):\n"
        "        if (lam, beta) == (0.2, 2):\n            print('here', flush=True)\n"
        "            time.sleep(60)\n"
        "        time.sleep(0.01)\n"
    )
    agent = write_config(str(script), [], run_dir=tmp_path / "run", root=tmp_path)
    environment = {**os.environ, "LEAKHUNT_AGENT": str(agent)}
    target = subprocess.Popen([sys.executable, str(BOOTSTRAP)], env=environment, stdout=subprocess.PIPE)
    assert target.stdout is not None
    assert target.stdout.readline() == b"here\n"

    target.kill()
    target.communicate()
    time.sleep(0.05)

    (page,) = (tmp_path / "run").glob("position-*.bin")
    assert [level[1:] for level in read_position(page)] == [(1, 3, "0.2"), (2, 4, "2")]
