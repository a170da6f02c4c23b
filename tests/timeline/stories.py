"""Described runs, one per kind of story, whose tellings are accepted whole (tests/timeline/golden)."""

from __future__ import annotations

import json
from pathlib import Path

from described_journals import ELSEWHERE, HERE, KERNEL, SUPERVISOR, run_directory, sweep, trees

from leakhunt.findings.timeline import Timeline
from leakhunt.timeline.story import tell

LAMS = [0.0, 1e-10, 3e-10, 1e-09, 3e-09, 1e-08, 3e-08]


def _end(
    at: float, kernel: str | None, counted: tuple[int, int], name: str | None, code: int | None = None
) -> str:
    lines = json.dumps([[at - 0.1, kernel]] if kernel else [])
    counters = json.dumps(
        [["cgroup-v1", "/job", False, *counted, 0.8], ["vmstat", None, False, *counted, 0.8]]
    )
    how = f"signal={name}" if name else f"exit_code={code}"
    return (
        f"witness t={at} moment=end counters={counters} kernel_read=true kernel_lines={lines} boot={at}\n"
        f"exit t={at} {how} oom_kills={counted[1] - counted[0]} peak_rss=7900MB seconds={at - 0.2}\n"
    )


def killed_sweep(place: Path) -> Timeline:
    """The kernel kills a sweep in its seventh lambda; the results of five were saved hours before."""
    files = (
        "file t=38002 path=/srv/job/results/full.csv bytes=6200 modified=1700030400.5 rows=48 role=data complete=true\n"
        "file path=/srv/job/results/logs/sweep.log bytes=22000 modified=1700037990 role=log complete=true\n"
    )
    supervisor = (
        SUPERVISOR
        + trees(range(1, 37_900, 60), 2_000, 0.16)
        + _end(38_000, KERNEL, (0, 1), "SIGKILL")
        + files
    )
    return tell(run_directory(place, supervisor, sweep(LAMS, 6_060, 2_000, 960, last=3)), machine=HERE)


def guarded_night(place: Path) -> Timeline:
    """A guarded run with a ledger: it outgrows its bound, is killed, brakes in vain, and is given up."""
    supervisor = (
        """
header t=0 writer=supervisor pid=100 argv=["/usr/bin/python3","train.py"] cwd=/srv/job target=train.py boot_id=boot-1
bounds max_rss=8000000000 min_available=2000000000 grace=120 restarts=2
start t=1 pid=101 argv=["/usr/bin/python3","train.py"]
"""
        + trees(range(2, 4_000, 20), 1_000, 1.8)
        + """
intent t=4000 why=max-rss what="8.2 GB resident, 8 GB allowed" pid=101
kill t=4120 why=grace pids=[101]
exit t=4121 signal=SIGKILL peak_rss=8300MB seconds=4120 oom_kills=0
restart attempt=2 why=max-rss wait=1.0 units=60
start t=4122 pid=102 argv=["/usr/bin/python3","train.py"]
"""
        + trees(range(4_123, 9_000, 20), -6_000, 1.5)
        + """
exit t=9000 exit_code=75 peak_rss=7500MB seconds=4878
circuit why="3 attempts in a row saved nothing; the last ended: it yielded for lack of memory (exit code 75)"
"""
    )
    units = "".join(
        f"unit t={60 + number * 60} ledger=/srv/job/trials.csv key=[{number}]\n" for number in range(60)
    )
    brakes = "".join(
        f'brake t={5000 + number} unit="trial {61 + number}" how=braked available=1820MB needed=2000000000 '
        f"times={number % 3 + 1} gained=0\n"
        for number in range(951)
    )
    header = "header t=2 writer=work pid={pid} boot_id=boot-1\n"
    return tell(
        run_directory(
            place,
            supervisor,
            work_101=header.format(pid=101) + units,
            work_102=header.format(pid=102) + brakes,
        ),
        machine=HERE,
    )


def lost_supervisor(place: Path) -> Timeline:
    """The machine was suspended for two hours, its clock set, and then somebody killed the supervisor."""
    clock = "process t=8000 wall=1700011600 pid=300 ppid=101 role=subprocess command=gzip alive=true\n"
    supervisor = SUPERVISOR + trees(range(1, 400), 500, 0.1) + trees(range(7_600, 8_000), 500, 0.1) + clock
    return tell(run_directory(place, supervisor, sweep(LAMS[:2], 60, 500, 5, total=10)), machine=HERE)


def power_loss(place: Path) -> Timeline:
    """The machine went down under it."""
    supervisor = SUPERVISOR + trees(range(1, 300), 500, 0.1)
    return tell(run_directory(place, supervisor, sweep(LAMS[:4], 60, 500, 1)), machine=ELSEWHERE)


def killed_by_somebody(place: Path) -> Timeline:
    """SIGKILL, and the kernel killed a census of ours a second before: not memory's doing."""
    census = KERNEL.replace("process 101 (python)", "process 555 (leakhunt-census)")
    supervisor = SUPERVISOR + trees(range(1, 300), 500, 0.1) + _end(300, census, (0, 1), "SIGKILL")
    return tell(run_directory(place, supervisor, sweep(LAMS[:4], 60, 500, 1)), machine=HERE)


def completed(place: Path) -> Timeline:
    """It ran to its end."""
    supervisor = SUPERVISOR + trees(range(1, 300), 500, 0.0) + _end(300, None, (0, 0), None, 0)
    agent = sweep(LAMS, 40, 500, 0, last=10, total=7) + (
        "sample t=281 instance=1 completed=7 rss_anon=480MB rss_file=20MB\n"
        "leave instance=1 completed=7 how=exhausted\nend t=299 how=completed exit_code=0\n"
    )
    return tell(run_directory(place, supervisor, agent), machine=HERE)


HOSTILE = "\x1b[31m<script>alert(1)</script>\u202e[x](http://evil.example) `a` | *b* @all\x07"


def hostile(place: Path) -> Timeline:
    """Every name of the run tries to be obeyed."""
    bad = json.dumps(HOSTILE)
    supervisor = (
        f"header t=0 writer=supervisor pid=100 argv=[{bad}] cwd={bad} target={bad} boot_id=boot-1\n"
        f"start t=0.2 pid=101 argv=[{bad}]\n"
        f"event name={bad} detail={bad}\n"
        + trees(range(1, 60), 500, 1.0)
        + f"file t=61 path={bad} bytes=10 modified=1700000030 rows=1 role=data complete=true\n"
        f"loss slug={bad} what={bad}\n"
        "exit t=60 signal=SIGSEGV seconds=60\n"
    )
    agent = (
        sweep(LAMS[:3], 20, 500, 20).replace('["lam"]', f"[{bad}]").replace("values=[0.0]", f"values=[{bad}]")
    )
    work = f"header t=1 writer=work pid=101\nunit ledger={bad} key={bad}\nbrake unit={bad} how={bad} available=1\n"
    return tell(run_directory(place, supervisor, agent, work_101=work), machine=HERE)


STORIES = {
    story.__name__.replace("_", "-"): story
    for story in (
        killed_sweep,
        guarded_night,
        lost_supervisor,
        power_loss,
        killed_by_somebody,
        completed,
        hostile,
    )
}
