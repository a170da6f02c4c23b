"""Functions that run in workers, and a way to run a program of its own. Workers import this file."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def square(number: int) -> int:
    return number * number


def raise_at_three(number: int) -> int:
    if number == 3:
        raise KeyError("three")
    return number


def pid_of(_item: Any) -> int:
    return os.getpid()


def wait_for_file(path: str) -> str:
    """Return when the file is there."""
    while not os.path.exists(path):
        time.sleep(0.01)
    return path


def blob(size: int) -> bytes:
    return bytes(size)


def length(data: bytes) -> int:
    return len(data)


def once(mark: str) -> bool:
    """Tell whether this is the first time that a unit with this mark runs."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        return True
    return False


def die(how: str) -> None:
    if how == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
    elif how == "SIGSEGV":
        ctypes.string_at(0)
    elif how == "abort":
        os.abort()
    elif how == "exit 0":
        os._exit(0)
    elif how == "C exit":
        ctypes.CDLL(None).exit(3)
    elif how == "sys.exit":
        sys.exit(4)


def die_once(item: tuple[str, str, int]) -> int:
    """(how, mark, number): die the first time, return the number the next time."""
    how, mark, number = item
    if how and once(mark):
        die(how)
    return number


def poison(number: int) -> int:
    """Unit 2 kills its worker each time."""
    if number == 2:
        die("SIGKILL")
    return number


class Trouble:
    """An object that makes trouble when it is pickled or unpickled, here ("there" in the worker) or always."""

    def __init__(self, when: str, parent: int, what: str) -> None:
        self.when, self.parent, self.what = when, parent, what

    def act(self) -> None:
        if self.what == "error":
            raise ValueError(f"no {self.when}")
        if os.getpid() != self.parent:
            os._exit(7)

    def __getstate__(self) -> dict[str, Any]:
        if self.when == "pickle":
            self.act()
        return dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.when == "unpickle":
            self.act()


def take(_thing: Any) -> str:
    return "taken"


def give(item: tuple[str, int, str]) -> Any:
    """Return what makes trouble."""
    return Trouble(*item) if item[0] else "given"


class OddError(Exception):
    """One that pickles, and cannot be unpickled."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def raise_odd(_item: Any) -> None:
    raise OddError(1, 2)


def lock_of(_item: Any) -> Any:
    import threading

    return threading.Lock()


KEPT: list[bytearray] = []


def leak(size: int) -> int:
    """Keep so many bytes, written to, and return the worker's number."""
    KEPT.append(bytearray(os.urandom(4096)) * (size // 4096))
    return os.getpid()


def take_for(item: tuple[int, float]) -> int:
    """(bytes, seconds): hold so much for so long."""
    size, seconds = item
    held = bytearray(os.urandom(4096)) * (size // 4096)
    time.sleep(seconds)
    return len(held)


def start_late(mark: str, size: int) -> None:
    """Initialize a worker: the first at once, the others later; they take so much for good."""
    if not once(mark):
        time.sleep(2)
    leak(size)


def start_a_family(folder: str) -> str:
    """Start a child in a session of its own, and a daemon; write their numbers down; wait for ever."""
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    daemon = subprocess.run(
        [sys.executable, "-c", "import subprocess as s; print(s.Popen(['sleep', '600'], stdout=-3, stderr=-3).pid)"],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    for pid in (os.getpid(), child.pid, int(daemon.stdout)):
        Path(folder, f"pid-{pid}").touch()
    Path(folder, "ready").touch()
    time.sleep(600)
    return folder


def start_or_wait(item: tuple[str, str]) -> str:
    what, folder = item
    return start_a_family(folder) if what == "start" else wait_for_file(f"{folder}/{what}")


def swallow_term(item: tuple[str, int]) -> int:
    """The first time, ignore SIGTERM and take so many bytes; wait for ever."""
    mark, size = item
    if not once(mark):
        return os.getpid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    held = bytearray(os.urandom(4096)) * (size // 4096)
    time.sleep(600)
    return len(held)


def stop_once(mark: str) -> str:
    """Stand still (SIGSTOP) the first time."""
    if once(mark):
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(600)
    return "went on"


def fail() -> None:
    raise RuntimeError("no licence")


def brake_once(mark: str) -> str:
    from leakhunt import MemoryBrake

    if once(mark):
        raise MemoryBrake("unit", 1, 2, 1)
    return "ran"


def brake_always(_item: Any) -> None:
    from leakhunt import MemoryBrake

    raise MemoryBrake("unit 0", 10, 20, 1)


def yield_once(mark: str) -> str:
    if once(mark):
        sys.exit(75)
    return "ran"


def unpickled(data: bytes) -> Any:
    return pickle.loads(data)
