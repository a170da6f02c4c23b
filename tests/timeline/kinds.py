"""Kills a program in eight ways and has the timeline say of what it died: right or unknown, never wrong.

`python tests/timeline/kinds.py [TIMES] [KIND ...]` prints a line per death and fails on any surprise.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "guard"))

from memory_group import memory_group
from supervision import Supervised, wait_until_gone

from leakhunt.findings.timeline import Timeline
from leakhunt.journal.rundir import find_run
from leakhunt.timeline.ending import Machine
from leakhunt.timeline.story import tell

#: Takes a turn every few milliseconds, says so, and does what its argument asks for after some of them.
PROGRAM = """
import ctypes, os, signal, sys, time
what, log = sys.argv[1], os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
if what == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
held = []
for turn in range(100_000):
    os.write(log, b"%d\\n" % turn)
    if what in ("grow", "stubborn"):
        held.append(b"x" * 2_000_000)
    if turn == 40 and what == "segfault":
        ctypes.string_at(0)
    if turn == 40 and what == "exit":
        os._exit(3)
    time.sleep(0.005)
"""
LIMIT = 150_000_000


@dataclass(frozen=True)
class Kind:
    """A way to die, what it may be called, and whether it may also be unknown."""

    name: str
    causes: tuple[str, ...]
    die: Callable[[Path, int], Timeline | None]
    may_be_unknown: bool = True


@dataclass
class Died:
    """One death and what was said of it; `wrong` says what should not be."""

    kind: str
    said: str
    wrong: str | None

    def line(self) -> str:
        return f"{self.kind:<16} {self.said:<60} {self.wrong or 'ok'}"


def _wait_for(log: Path, lines: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if log.read_bytes().count(b"\n") >= lines:
                return
        time.sleep(0.005)
    raise AssertionError("the program did not get going")


def _supervised(directory: Path, what: str) -> tuple[Supervised, subprocess.Popen[str], int, Path]:
    log = directory / "log"
    supervised = Supervised(directory, agent=True)
    process = supervised.start(PROGRAM, what, str(log), stdout=-3, stderr=-3)
    return supervised, process, supervised.target_pid(), log


def _ended(supervised: Supervised, process: subprocess.Popen[str], pid: int) -> Timeline:
    process.wait(120)
    assert wait_until_gone(pid)
    return tell(supervised.run_directory.path)


def _by_signal(number: int) -> Callable[[Path, int], Timeline]:
    def die(directory: Path, _turn: int) -> Timeline:
        supervised, process, pid, log = _supervised(directory, "wait")
        _wait_for(log, random.randrange(10, 60))
        os.kill(pid, number)
        return _ended(supervised, process, pid)

    return die


def _by_itself(what: str) -> Callable[[Path, int], Timeline]:
    def die(directory: Path, _turn: int) -> Timeline:
        supervised, process, pid, _ = _supervised(directory, what)
        return _ended(supervised, process, pid)

    return die


def _supervisor_killed(directory: Path, _turn: int) -> Timeline:
    supervised, process, pid, log = _supervised(directory, "wait")
    _wait_for(log, random.randrange(10, 60))
    os.kill(process.pid, signal.SIGKILL)
    return _ended(supervised, process, pid)


def _power_lost(directory: Path, _turn: int) -> Timeline:
    """Everything stops at once, what was not yet on the disk is gone, and the machine boots again."""
    supervised, process, pid, log = _supervised(directory, "wait")
    _wait_for(log, random.randrange(10, 60))
    for number in (process.pid, pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.wait(120)
    assert wait_until_gone(pid)
    run = supervised.run_directory.path
    for journal in run.glob("*.jsonl"):
        data = journal.read_bytes()
        synced = data.find(b"\n", data.find(b'["start"')) + 1 or data.find(b"\n") + 1
        with open(journal, "r+b") as stream:
            stream.truncate(random.randint(synced, len(data)))
    return tell(run, machine=Machine(boot_id="another-boot"))


def _at_our_bound(directory: Path, turn: int) -> Timeline:
    script, log, home = directory / "target.py", directory / "log", directory / "home"
    script.write_text(PROGRAM)
    what = "stubborn" if turn % 2 else "grow"
    command = [sys.executable, "-m", "leakhunt", "run", "--home", str(home), "--max-rss", "80MB", "--grace", "1s",
               "--restarts", "0", str(script), what, str(log)]  # fmt: skip
    subprocess.run(command, capture_output=True, timeout=120)
    return tell(find_run(home).path)


def _out_of_memory(directory: Path, _turn: int) -> Timeline | None:
    with memory_group(directory.name) as group:
        if group is None:
            return None
        group.limit(LIMIT)
        supervised = Supervised(directory, agent=True)
        command = supervised.command(PROGRAM, "grow", str(directory / "log"))
        process = group.run(command, stdout=-3, stderr=-3)
        process.wait(120)
        return tell(supervised.run_directory.path)


KINDS = (
    Kind("kernel-oom", ("kernel-oom",), _out_of_memory, may_be_unknown=False),
    Kind("own-limit", ("own-limit",), _at_our_bound, may_be_unknown=False),
    Kind("user-sigkill", ("killed-by-user",), _by_signal(signal.SIGKILL)),
    Kind("sigterm", ("terminated",), _by_signal(signal.SIGTERM), may_be_unknown=False),
    Kind("sigsegv", ("crashed",), _by_itself("segfault"), may_be_unknown=False),
    Kind("exit", ("exited",), _by_itself("exit"), may_be_unknown=False),
    Kind("supervisor", ("supervisor-lost",), _supervisor_killed),
    Kind("power-loss", ("power-loss",), _power_lost),
)


def deaths(times: int, directory: Path, names: list[str] | None = None) -> Iterator[Died]:
    """Yield `times` deaths of each kind, or of those named."""
    for turn in range(times):
        for kind in KINDS:
            if names and kind.name not in names:
                continue
            place = directory / f"{kind.name}-{turn}"
            place.mkdir()
            yield _judged(kind, kind.die(place, turn))


def _judged(kind: Kind, story: Timeline | None) -> Died:
    if story is None:
        return Died(kind.name, "no memory control group can be made here", None)
    death = story.death
    said = f"{death.certainty} {death.cause}"
    if death.cause in kind.causes:
        return Died(kind.name, said, None)
    if death.cause == "unknown" and death.certainty == "unknown" and kind.may_be_unknown:
        return Died(kind.name, said, None)
    return Died(kind.name, f"{said}: {death.words} {death.proof}", "another cause")


def main(arguments: list[str]) -> int:
    times = int(arguments[0]) if arguments else 20
    wrong = count = 0
    with tempfile.TemporaryDirectory() as directory:
        for died in deaths(times, Path(directory), arguments[1:]):
            print(died.line(), flush=True)
            count += 1
            wrong += died.wrong is not None
    print(f"{count - wrong} of {count} right or unknown")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
