"""Kills a profiled program, its supervisor, or both at random instants, and looks at what is left.

`python tests/guard/kills.py [COUNT] [SEED]` prints a table, one line per kill, and fails on any surprise.
The program writes down itself where it stands, so that the recorded position can be held against the truth.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from supervision import Supervised, is_running, wait_until_gone

from leakhunt.host import boot_clock
from leakhunt.journal.position import read_position
from leakhunt.journal.reader import Journal, read_journal
from leakhunt.model.load import load_run

INNER = 20
TURN = 0.008
PROGRAM = f"""
import os, sys, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
held = []
for outer in range(100_000):
    os.write(log, b"%d\\n" % outer)
    for inner in range({INNER}):
        os.write(log, b"%d %d\\n" % (outer, inner))
        held.append(bytearray(1_000))
        time.sleep({TURN})
    os.write(log, b"%d\\n" % outer)
"""
VICTIMS = ("target", "supervisor", "both")
#: At most this much of the program's own time may be missing from the samples.
MISSING_SECONDS = 0.25
#: The only damage that a kill may leave in a journal.
ALLOWED = {"journal-torn"}


@dataclass
class Kill:
    """One kill and what was found afterwards; `wrong` says what should not be."""

    victim: str
    after: float
    logged: tuple[int, ...] | None = None
    position: tuple[int, ...] | None = None
    turns_behind: int | None = None
    sampled_before: float | None = None
    tree_before: float | None = None
    wrong: list[str] | None = None

    def line(self) -> str:
        where = "-" if self.logged is None else ".".join(map(str, self.logged))
        page = "-" if self.position is None else ".".join(map(str, self.position))
        behind = "-" if self.turns_behind is None else str(self.turns_behind)
        times = [
            "-" if seconds is None else f"{seconds * 1e3:.0f} ms"
            for seconds in (self.sampled_before, self.tree_before)
        ]
        result = "; ".join(self.wrong or []) or "ok"
        columns = f"{self.victim:<11} {self.after:6.3f} {where:>8} {page:>9} {behind:>6}"
        return f"{columns} {times[0]:>9} {times[1]:>9}  {result}"


HEADING = "victim      at [s]   logged  recorded  behind    sample      tree  result"


def kill_once(directory: Path, victim: str, after: float) -> Kill:
    """Start the program, kill `victim` `after` seconds of its loop, and look."""
    kill = Kill(victim, after, wrong=[])
    log = directory / "log"
    log.touch()
    supervised = Supervised(directory, agent=True)
    process = supervised.start(PROGRAM, str(log), stdout=-3, stderr=-3)
    pid = supervised.target_pid()
    deadline = time.monotonic() + 60
    while not log.stat().st_size and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(after)
    pids = {"target": [pid], "supervisor": [process.pid], "both": random.sample([pid, process.pid], 2)}[
        victim
    ]
    killed_at = boot_clock()
    for number in pids:
        with contextlib.suppress(ProcessLookupError):  # the target goes with its supervisor
            os.kill(number, signal.SIGKILL)
    shell_code = process.wait(90)
    if not wait_until_gone(pid):
        kill.wrong.append("the target lives on")
        os.kill(pid, signal.SIGKILL)
    _look(kill, supervised, pid, log, killed_at, shell_code)
    return kill


def _look(kill: Kill, supervised: Supervised, pid: int, log: Path, killed_at: float, shell_code: int) -> None:
    run = supervised.run_directory
    outside, inside = read_journal(run.supervisor_journal), read_journal(run.agent_journal(pid))
    for journal in (outside, inside):
        kill.wrong += [f"{loss.slug}: {loss.what}" for loss in journal.losses if loss.slug not in ALLOWED]
    load_run(run.path)
    # a census is a copy of the program for an instant, until it has said what it is
    orphans = [one for one in _of_run(run.path) if not wait_until_gone(one, 5.0)]
    if orphans := [one for one in orphans if one in _of_run(run.path)]:
        kill.wrong.append(f"orphans {orphans}")
    if kill.victim == "target":
        if shell_code != 137:
            kill.wrong.append(f"exit code {shell_code}")
        if [end.fields["signal"] for end in outside.of("exit")] != ["SIGKILL"]:
            kill.wrong.append("the end was not told")
    _compare_position(kill, log, run.position(pid))
    _compare_samples(kill, inside, killed_at)
    trees = outside.of("tree")
    kill.tree_before = killed_at - trees[-1].boot if trees else None


def _compare_position(kill: Kill, log: Path, page: Path) -> None:
    logged = log.read_bytes().splitlines()
    steps = _steps()
    kill.logged = ()
    for _ in logged:
        kill.logged = next(steps)
    kill.position = tuple(level[1] for level in read_position(page))
    # The page is stored just before the program can write its own log: a kill may fall in between.
    if kill.position not in (kill.logged, next(steps)):
        kill.wrong.append("another position")


def _compare_samples(kill: Kill, inside: Journal, killed_at: float) -> None:
    outermost = next((r.fields["instance"] for r in inside.of("enter")), None)
    samples = inside.of("sample")
    if not samples or outermost is None or not kill.logged:
        if kill.after > 1:
            kill.wrong.append("no samples")
        return
    kill.sampled_before = killed_at - samples[-1].boot
    outer = max((r.fields["completed"] for r in samples if r.fields["instance"] == outermost), default=0)
    inner = samples[-1].fields["completed"] if samples[-1].fields["instance"] != outermost else 0
    here = kill.logged[0] * INNER + (kill.logged[1] if len(kill.logged) > 1 else 0)
    kill.turns_behind = here - (outer * INNER + inner)
    if kill.turns_behind * TURN > MISSING_SECONDS:
        kill.wrong.append(f"{kill.turns_behind} turns were not sampled")


def _steps() -> Iterator[tuple[int, ...]]:
    """Yield what the program logs, in order."""
    outer = 0
    while True:
        yield (outer,)
        for inner in range(INNER):
            yield (outer, inner)
        yield (outer,)
        outer += 1


def _of_run(path: Path) -> list[int]:
    """Return the processes that still belong to a run. A census ends by itself."""
    found = []
    mark = f"LEAKHUNT_AGENT={path}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or not is_running(int(entry.name)):
            continue
        try:
            if mark in (entry / "environ").read_bytes() and b"census" not in (entry / "comm").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def kill_many(count: int, seed: int, directory: Path) -> Iterator[Kill]:
    """Yield `count` kills at instants and of victims that `seed` decides."""
    chance = random.Random(seed)
    for number in range(count):
        place = directory / str(number)
        place.mkdir(parents=True)
        yield kill_once(place, VICTIMS[number % len(VICTIMS)], round(chance.uniform(0.0, 1.5), 3))
        shutil.rmtree(place, ignore_errors=True)


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 200
    seed = int(arguments[1]) if len(arguments) > 1 else random.randrange(10**6)
    print(f"{count} kills, seed {seed}\n{HEADING}")
    wrong = 0
    with tempfile.TemporaryDirectory() as directory:
        for kill in kill_many(count, seed, Path(directory)):
            print(kill.line(), flush=True)
            wrong += bool(kill.wrong)
    print(f"{count - wrong} of {count} as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
