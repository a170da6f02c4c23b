"""Runs work in a forked copy of the target that the target cannot notice.

`os.fork` would run the target's at-fork handlers, warn about threads and drop their frames; so the C
function is called with the interpreter lock held. The copy is made twice and the middle process
reaped at once, so that the target is nobody's parent. The copy never returns into the target's code,
runs no finalizer, writes to no inherited stream and dies by an alarm if it hangs.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import select
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from leakhunt.syscalls import close_file, open_file, write

#: Wall-clock end of the copy, whatever it is doing.
ALARM_SECONDS = 120
#: A copy that has not come to life by then never will (see `run_in_fork`).
_START_SECONDS = 0.5
#: How long no other thread may ask for the interpreter lock while the copy is made.
_QUIET_SECONDS = 0.01
_ALIVE = b"+"
#: Where descriptors can only be closed one by one, so many of them.
_MOST_DESCRIPTORS = 65_536
_LAST_DESCRIPTOR = 2**32 - 1
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_GET_NAME = 1, 15, 16
_CENSUS_NAME = b"leakhunt-census"

_C = ctypes.PyDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Forked:
    """A copy was started. `pause_seconds` is how long the target stood still for it."""

    pid: int
    pause_seconds: float


def run_in_fork(work: Callable[[], None], *, waited_for: bool = False) -> Forked | None:
    """Run `work` in a copy of this process; None when no copy could be made. Never waits for the work.

    Where another thread had just asked for the interpreter lock, the copy waits for that thread, which
    it does not have. So others are kept from asking meanwhile; a copy that hangs all the same is killed
    and a second one made. `work` must not release the lock (see `leakhunt.census.files`). A copy that the
    target waits for (`waited_for`) need not stand back.
    """
    if _C is None:
        return None
    began = time.perf_counter()
    collecting = gc.isenabled()
    # A collection in the copy would run the target's finalizers a second time.
    gc.disable()
    try:
        pid = _copy(work, waited_for) or _copy(work, waited_for)
        return Forked(pid, time.perf_counter() - began) if pid else None
    except OSError:
        return None
    finally:
        if collecting:
            gc.enable()


@contextlib.contextmanager
def _nobody_asks() -> Iterator[None]:
    """Keep the other threads from asking for the interpreter lock, after serving those that have."""
    if len(sys._current_frames()) < 2:
        yield
        return
    interval = sys.getswitchinterval()
    sys.setswitchinterval(max(interval, _QUIET_SECONDS))
    try:
        # Whoever waits takes the lock now, which ends their request; ours comes back with none pending.
        time.sleep(0.0001)
        yield
    finally:
        sys.setswitchinterval(interval)


@contextlib.contextmanager
def _named_as_census() -> Iterator[None]:
    """Bear the name that the copies have while they are made: by it the supervisor leaves them out of the tree.

    A copy that is short of memory may take seconds before it can name itself.
    """
    assert _C is not None
    name = ctypes.create_string_buffer(16)
    if _C.prctl(_PR_GET_NAME, name, 0, 0, 0) != 0:
        yield
        return
    _C.prctl(_PR_SET_NAME, _CENSUS_NAME, 0, 0, 0)
    try:
        yield
    finally:
        _C.prctl(_PR_SET_NAME, name, 0, 0, 0)


def _copy(work: Callable[[], None], waited_for: bool) -> int | None:
    assert _C is not None
    read_end, write_end = os.pipe()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with _nobody_asks(), _named_as_census():
            middle = _C.fork()
            if middle == 0:
                _in_middle(work, waited_for, write_end)
        close_file(write_end)
        return _started(read_end, middle) if middle > 0 else None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        close_file(read_end)


def _started(read_end: int, middle: int) -> int | None:
    """Reap the middle process and return the copy's pid once it lives; kill what does not come to life.

    Keeps the interpreter lock: among busy threads every nap would cost their whole switch intervals.
    """
    heard, ended = _hear(read_end, time.monotonic() + _START_SECONDS)
    if not ended:
        # It may hang behind its own fork: the copy that it made hangs too, and nobody else knows of it.
        for orphan in _children_of(middle):
            with contextlib.suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
        os.kill(middle, signal.SIGKILL)
    _reap(middle)
    digits = heard.replace(_ALIVE, b"")
    pid = int(digits) if digits.isdigit() else 0
    if pid and _ALIVE not in heard:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return None
    return pid or None


def _hear(read_end: int, deadline: float) -> tuple[bytes, bool]:
    """Return what both copies said, and whether both let go of the pipe before the deadline."""
    assert _C is not None
    heard, buffer = b"", ctypes.create_string_buffer(64)
    # struct pollfd: the descriptor, POLLIN, and what happened
    waited = struct.pack("ihh", read_end, select.POLLIN, 0)
    while (left := deadline - time.monotonic()) > 0:
        if _C.poll(waited, 1, int(left * 1000) + 1) <= 0:
            continue
        count = _C.read(read_end, buffer, 64)
        if count <= 0:
            return heard, True
        heard += buffer.raw[:count]
    return heard, False


def _children_of(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as stream:
            return [int(child) for child in stream.read().split()]
    except OSError:
        return []


def _reap(middle: int) -> None:
    """Wait for the middle process, which is at its end; somebody else's wait() may have been quicker."""
    assert _C is not None
    while _C.waitpid(middle, None, 0) < 0 and ctypes.get_errno() == errno.EINTR:
        pass


def _in_middle(work: Callable[[], None], waited_for: bool, write_end: int) -> None:
    """Make the second copy and end: its orphan belongs to init, not to the target."""
    try:
        assert _C is not None
        pid = _C.fork()
        if pid == 0:
            _in_copy(work, waited_for, write_end)
        write(write_end, b"%d" % max(pid, 0))
    except BaseException:
        pass
    os._exit(0)


def _in_copy(work: Callable[[], None], waited_for: bool, write_end: int) -> None:
    code = 1
    try:
        _settle(waited_for, write_end)
        work()
        code = 0
    except BaseException:
        pass
    os._exit(code)


def _settle(waited_for: bool, write_end: int) -> None:
    """Cut the copy off from the target: descriptors, signals, streams, tracing, priority."""
    # Before the target goes on: whoever waits for the end of a pipe, or for a process by its pipe, must not wait for
    # us. multiprocessing knows by such a pipe that a worker has ended.
    _close_inherited(write_end)
    write(write_end, _ALIVE)
    signal.setitimer(signal.ITIMER_REAL, 0)
    _restore_default(signal.SIGALRM)
    signal.alarm(ALARM_SECONDS)
    # The other threads do not exist here: nobody would take the interpreter lock that they asked for.
    sys.setswitchinterval(1000.0)
    sys.settrace(None)
    sys.setprofile(None)
    threading.settrace(None)
    close_file(write_end)
    assert _C is not None
    null = open_file(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        _C.dup2(null, stream)
    close_file(null)
    if not waited_for:
        _stand_back()
    _prefer_to_die()
    parent = os.getppid()
    deadline = time.monotonic() + 1.0
    # The middle process is still our parent for a moment; its end must not end us.
    while os.getppid() == parent and parent != 1 and time.monotonic() < deadline:
        _C.usleep(1000)
    if os.getppid() != parent:
        _C.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _close_inherited(kept: int) -> None:
    """Close every descriptor but the standard ones and `kept`."""
    assert _C is not None
    try:
        close_range = _C.close_range  # glibc 2.34
    except AttributeError:
        most = min(os.sysconf("SC_OPEN_MAX"), _MOST_DESCRIPTORS)
        os.closerange(3, kept)
        os.closerange(kept + 1, most)
        return
    if kept > 3:
        close_range(ctypes.c_uint(3), ctypes.c_uint(kept - 1), 0)
    close_range(ctypes.c_uint(kept + 1), ctypes.c_uint(_LAST_DESCRIPTOR), 0)


def _restore_default(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})


def _stand_back() -> None:
    """Step back when others want the processor.

    At the lowest ordinary priority: several copies at nice 5 took half of the target's processor time
    on two cores. Not SCHED_IDLE: without a free core a census would then never end.
    """
    with contextlib.suppress(OSError):
        os.nice(19)


def _prefer_to_die() -> None:
    """Be the first to go when memory is short."""
    try:
        handle = open_file("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            write(handle, b"1000")
        finally:
            close_file(handle)
    except OSError:
        pass
