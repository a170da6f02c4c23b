"""Reads what a process can say about its own memory in microseconds, and keeps nothing of it.

Each gauge that costs more than a few microseconds is paced by what it cost last time, so that all
of them together stay under one percent; a gauge that was not read, or that this system has not,
is None. Nothing here raises, writes or decides when to read.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
import time
from _tracemalloc import get_tracemalloc_memory, is_tracing
from collections.abc import Callable
from typing import Any

from leakhunt.host import out_of_the_way
from leakhunt.syscalls import count_entries, pread, read_whole

#: What a reading costs is processor time: to be preempted meanwhile is no reason to read less often.
_spent = time.thread_time
_getallocatedblocks: Callable[[], int] | None = getattr(sys, "getallocatedblocks", None)

#: A gauge rests this many times as long as its last reading took.
_REST = 300.0
#: Descriptors are judged by the count alone: six readings must fit into a run of half a second.
_REST_OF_DESCRIPTORS = 100.0
#: malloc's first readings of a loop rest less: a run of a tenth of a second needs a dozen. 32 take 2 ms in all.
_FIRST_READINGS = 32
_REST_AT_FIRST = 20.0
_MOST_LOOPS = 100


class _Pace:
    """When each dear gauge may be read again."""

    __slots__ = ("blocks", "fds", "gc", "gpu", "native", "native_readings")

    def __init__(self) -> None:
        self.native_readings = 0
        self.blocks = self.native = self.gc = self.fds = self.gpu = 0.0


class Gauges:
    """The gauges of this process; `read(now)` gives the gauge fields of a `sample` record."""

    def __init__(self) -> None:
        self._pid = -1
        self._status = -1
        self._native = _native_gauge()
        self._text = ctypes.create_string_buffer(4096)
        self._paces: dict[object, _Pace] = {}

    def read(self, now: float, loop: object = None) -> tuple[Any, ...]:
        """Return rss_anon, rss_file, rss_shmem, blocks, native, gc, fds, threads, gpu, mapped at `now`.

        Dear gauges are paced for each `loop` by itself: an inner loop must not use up the readings of
        the outer one, whose boundary follows at once. `now` is any clock that runs on in seconds.
        """
        pace = self._paces.get(loop)
        if pace is None:
            if len(self._paces) >= _MOST_LOOPS:
                self._paces.clear()
            pace = self._paces[loop] = _Pace()
        anon, file, shmem, threads, mapped = self._resident()
        return (
            anon,
            file,
            shmem,
            self._blocks(now, pace),
            self._malloc(now, pace),
            self._collector(now, pace),
            self._descriptors(now, pace),
            threads,
            self._gpu(now, pace),
            mapped,
        )

    def read_all(self, now: float) -> tuple[Any, ...]:
        """Return the same with every gauge read, whatever it costs: for checkpoints and the end."""
        self._paces.clear()
        return self.read(now)

    @property
    def native(self) -> Callable[[], list[int]] | None:
        """The reader of [bytes in use from malloc, bytes free in its arenas], where there is one."""
        return self._native

    def in_use(self) -> int | None:
        """Return what malloc has in use now, in bytes; None where it cannot be read."""
        try:
            return None if self._native is None else self._native()[0]
        except Exception:
            return None

    def resident_bytes(self) -> int | None:
        """Return the resident set of this process; None where it cannot be read."""
        try:
            with open("/proc/self/statm", "rb") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return None

    def close(self) -> None:
        """Give the open descriptor back."""
        if self._status >= 0 and os.getpid() == self._pid:
            with contextlib.suppress(OSError):
                os.close(self._status)
        self._status = -1
        self._pid = -1

    # An open descriptor and `pread` leave nothing behind; opening /proc as text at each turn leaks
    # bytes by itself (line caches, decoders) and would be measured as growth of the target.
    def _resident(self) -> tuple[int | None, int | None, int | None, int | None, int | None]:
        try:
            if os.getpid() != self._pid:
                self._open_status()
            if self._status < 0:
                return None, None, None, None, None
            text = pread(self._status, self._text)
            if not text.startswith(b"Name:"):  # the target closed it and got the number for its own file
                self._open_status()
                text = pread(self._status, self._text)
            return (
                _kilobytes(text, b"\nRssAnon:"),
                _kilobytes(text, b"\nRssFile:"),
                _kilobytes(text, b"\nRssShmem:"),
                _number(text, b"\nThreads:"),
                _kilobytes(text, b"\nVmSize:"),
            )
        except Exception:
            self._pid = -1  # open it again next time
            return None, None, None, None, None

    def _open_status(self) -> None:
        self._pid = os.getpid()
        self._status = -1
        if hasattr(os, "pread") and os.path.exists("/proc/self/status"):
            self._status = out_of_the_way(os.open("/proc/self/status", os.O_RDONLY))

    # counts pool by pool: a millisecond for a gigabyte of small objects
    def _blocks(self, now: float, pace: _Pace) -> int | None:
        if now < pace.blocks or _getallocatedblocks is None:
            return None
        started = _spent()
        blocks = _getallocatedblocks()
        pace.blocks = now + (_spent() - started) * _REST
        return blocks

    def _malloc(self, now: float, pace: _Pace) -> list[int] | None:
        if now < pace.native or self._native is None:
            return None
        started = _spent()
        try:
            native = self._native()
        except Exception:
            self._native = None
            return None
        pace.native_readings += 1
        rest = _REST if pace.native_readings > _FIRST_READINGS else _REST_AT_FIRST
        pace.native = now + (_spent() - started) * rest
        return native

    def _collector(self, now: float, pace: _Pace) -> list[int] | None:
        if now < pace.gc:
            return None
        try:
            statistics = gc.get_stats()
            pace.gc = now + 0.01
            return [
                statistics[-1]["collections"],
                sum(generation["collected"] for generation in statistics),
                sum(generation["uncollectable"] for generation in statistics),
            ]
        except Exception:
            pace.gc = float("inf")
            return None

    def _descriptors(self, now: float, pace: _Pace) -> int | None:
        if now < pace.fds:
            return None
        started = _spent()
        try:
            count = count_entries("/proc/self/fd") - 1  # less the one that lists them
        except OSError:
            pace.fds = now + 60.0
            return None
        pace.fds = now + max(0.02, (_spent() - started) * _REST_OF_DESCRIPTORS)
        return count

    def _gpu(self, now: float, pace: _Pace) -> list[int] | None:
        if now < pace.gpu:
            return None
        torch = sys.modules.get("torch")
        if torch is None:
            return None
        started = _spent()
        try:
            cuda = torch.cuda
            used = None
            if cuda.is_initialized():
                devices = range(cuda.device_count())
                used = [
                    sum(int(cuda.memory_allocated(device)) for device in devices),
                    sum(int(cuda.memory_reserved(device)) for device in devices),
                ]
        except Exception:  # half imported, or built without CUDA
            used = None
        pace.gpu = now + max(0.02, (_spent() - started) * _REST)
        return used


def count_children() -> int | None:
    """Return how many processes the main thread has as its children; None where that is not said or unlikely."""
    if "subprocess" not in sys.modules and "multiprocessing" not in sys.modules:
        return None
    try:
        return len(read_whole(f"/proc/self/task/{os.getpid()}/children").split())
    except OSError:
        return None


def _kilobytes(text: bytes, label: bytes) -> int | None:
    number = _number(text, label)
    return None if number is None else number * 1024


def _number(text: bytes, label: bytes) -> int | None:
    at = text.find(label)
    if at < 0:
        return None
    start = at + len(label)
    return int(text[start : text.index(b"\n", start)].split()[0])


def _native_gauge() -> Callable[[], list[int]] | None:
    """Return a function giving [bytes in use from malloc, bytes free in its arenas], or None."""
    return _mallinfo2_gauge() or _psutil_gauge()


# `mallinfo2` sums all arenas, and through PyDLL the interpreter lock is kept: giving it up would cost a
# switch interval (5 ms) at each reading beside a busy thread. It also spares the target the import of psutil.
def _mallinfo2_gauge() -> Callable[[], list[int]] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        import ctypes

        names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
                 "fordblks", "keepcost")  # fmt: skip
        structure = type(
            "mallinfo2", (ctypes.Structure,), {"_fields_": [(name, ctypes.c_size_t) for name in names]}
        )
        function = ctypes.PyDLL(None).mallinfo2  # AttributeError on musl and before glibc 2.33
        function.restype = structure
        function.argtypes = []
    except Exception:
        return None

    def read() -> list[int]:
        info = function()
        return [info.uordblks + info.hblkhd - _of_tracemalloc(), info.fordblks]

    return read if read()[0] > 0 else None  # 0: another allocator took malloc's place


def _psutil_gauge() -> Callable[[], list[int]] | None:
    try:
        import psutil

        heap_info = psutil.heap_info  # psutil 7.2
        heap_info()
    except Exception:
        return None

    def read() -> list[int]:
        info = heap_info()
        used = info.heap_used + info.mmap_used - _of_tracemalloc()
        return [used, getattr(info, "heap_free", None) or 0]

    return read


def _of_tracemalloc() -> int:
    """Return what tracemalloc's own tables take: they grow in big steps, and nothing of it is the program's."""
    return get_tracemalloc_memory() if is_tracing() else 0
