"""Run directories made of described journals: what happened is written down, nothing has to be run."""

from __future__ import annotations

import json
from pathlib import Path

from leakhunt.journal.text import encode_text
from leakhunt.timeline.ending import Machine

#: Where the described stories are told: the boot that they were recorded in, in UTC.
HERE = Machine(boot_id="boot-1", utc_offset=0)
ELSEWHERE = Machine(boot_id="boot-2", utc_offset=0)

SUPERVISOR = (
    'header t=0 writer=supervisor pid=100 ppid=1 python="CPython 3.11.7" argv=["sweep.py","--out","results"] '
    "cwd=/srv/job target=sweep.py boot_id=boot-1\n"
    'start t=0.2 pid=101 argv=["python","sweep.py"]\n'
    'witness moment=start pids=[101] pids_are_global=true comm=python groups=["/job"] group_is_own=false\n'
    "limits t=0.3 memory_total=64GB memory_available=30GB limit=8GB source=cgroup\n"
)
KERNEL = (
    "Memory cgroup out of memory: Killed process 101 (python) total-vm:9000000kB, anon-rss:7800000kB, "
    "file-rss:4000kB, shmem-rss:0kB, UID:1000 pgtables:16000kB oom_score_adj:0"
)


def run_directory(place: Path, supervisor: str = "", agent: str = "", **work: str) -> Path:
    """Write a run directory whose journals are described; `work_11` is that of process 11. Return its path."""
    path = place / "runs" / "20251226-000000-sweep-0001"
    path.mkdir(parents=True)
    info = {"format": 1, "id": path.name, "created": 1_700_000_000.0, "target": "sweep.py"}
    (path / "run.json").write_text(json.dumps(info))
    for name, text in (("supervisor", supervisor), ("agent-101", agent)):
        if text:
            (path / f"{name}.jsonl").write_bytes(encode_text(text))
    for name, text in work.items():
        (path / f"{name.replace('_', '-')}.jsonl").write_bytes(encode_text(text))
    return path


def trees(seconds: range, start: float, growth: float, processes: int = 1) -> str:
    """Return samples of the process tree, one at each of `seconds`; megabytes at 0 and per second."""
    return "".join(
        f"tree t={at} tree_rss={round(start + growth * at)}MB main_rss={round(start + growth * at)}MB "
        f"processes={processes} available={round(30_000 - growth * at)}MB\n"
        for at in seconds
    )


def sweep(lams: list[float], turn: float, start: float, growth: float, last: int = 3, total: int = 10) -> str:
    """Return an agent's journal: a loop over `lams`, ten betas in each, killed in the `last` beta of the last one.

    `turn` is seconds per lam; memory in megabytes at the start and per lam.
    """
    lines = [
        'header t=0.5 writer=agent pid=101 ppid=100 python="CPython 3.11.7" target=sweep.py cwd=/srv/job',
        'loop t=1 id=/srv/job/sweep.py:44:main file=/srv/job/sweep.py line=44 function=main variables=["lam"] '
        "loop_kind=for",
        'loop t=1 id=/srv/job/sweep.py:46:main file=/srv/job/sweep.py line=46 function=main variables=["beta"] '
        "loop_kind=for parent=/srv/job/sweep.py:44:main",
        f"enter t=1 instance=1 loop=/srv/job/sweep.py:44:main total={total} thread=1 main=true",
    ]
    for number, lam in enumerate(lams):
        begun = 1 + number * turn
        lines.append(_boundary(begun, 1, number, lam, start + growth * number))
        serial = number + 2
        lines.append(
            f"enter t={begun} instance={serial} loop=/srv/job/sweep.py:46:main parent_instance=1 total=10 thread=1 "
            "main=true"
        )
        betas = last if number == len(lams) - 1 else 10
        for step in range(betas):
            at = begun + turn * step / 10
            lines.append(
                _boundary(at, serial, step, round(2.6 + step / 10, 1), start + growth * (number + step / 10))
            )
        if betas == 10:
            lines.append(f"leave t={begun + turn * 0.999} instance={serial} completed=10 how=exhausted")
    return "\n".join(lines) + "\n"


def _boundary(at: float, instance: int, completed: int, value: float, megabytes: float) -> str:
    in_use = round(megabytes * 0.9 * 1e6)
    return (
        f"sample t={at} instance={instance} completed={completed} values=[{value}] rss_anon={round(megabytes - 20)}MB "
        f"rss_file=20MB rss_shmem=0 blocks=900000 native=[{in_use},4000000] gc=[3,10,0] fds=10 threads=4"
    )
