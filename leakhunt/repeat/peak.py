"""The high-water mark of one call: by memray, else by the kernel's, else by tracemalloc's."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leakhunt.capture import own

#: Written to clear_refs, this sets the kernel's high-water mark back to what is resident now.
_RESET_PEAK = "5"
#: Places that are named, and the share of the peak from which one is worth naming.
_MOST_PLACES = 5
_LEAST_SHARE = 0.02


@dataclass(slots=True)
class Peak:
    """The most memory at any moment inside, in bytes, and how it was measured; `why` memray was not used."""

    bytes: int | None = None
    how: str = ""
    why: str | None = None
    largest: list[tuple[str, int, str, int]] = field(default_factory=list)


@contextlib.contextmanager
def high_water_mark() -> Iterator[Peak]:
    """Measure the peak of what is allocated inside; it is known when the block is left."""
    peak = Peak()
    with contextlib.ExitStack() as stack:
        refused = _enter_memray(stack, peak)
        if refused is not None:
            peak.why = refused
            stack.enter_context(_by_kernel(peak) if _can_reset() else _by_tracemalloc(peak))
        yield peak


def _enter_memray(stack: contextlib.ExitStack, peak: Peak) -> str | None:
    """Begin to measure with memray; return why that cannot be done."""
    if "greenlet" in sys.modules:
        return "greenlet is loaded, which memray does not follow"
    try:
        with own.loading():
            import memray
    except Exception as problem:
        return f"memray cannot be imported ({type(problem).__name__})"
    directory = Path(tempfile.mkdtemp(prefix="leakhunt-"))
    file = directory / "peak.bin"
    try:
        tracker = memray.Tracker(
            destination=memray.FileDestination(str(file), overwrite=True),
            trace_python_allocators=True,
            file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS,
        )
        tracker.__enter__()
    except Exception as problem:
        shutil.rmtree(directory, ignore_errors=True)
        return f"memray records something else ({problem})"
    stack.callback(_read_memray, memray, tracker, file, directory, peak)
    return None


def _read_memray(memray: Any, tracker: Any, file: Path, directory: Path, peak: Peak) -> None:
    tracker.__exit__(None, None, None)
    try:
        with memray.FileReader(str(file)) as reader:
            peak.bytes, peak.how = reader.metadata.peak_memory, "memray"
            records = sorted(
                reader.get_high_watermark_allocation_records(merge_threads=True), key=lambda r: -r.size
            )
            for record in records[:_MOST_PLACES]:
                frames = record.stack_trace(20)
                if record.size < _LEAST_SHARE * (peak.bytes or 0):
                    break
                where = next(
                    (one for one in frames if not _is_installed(one[1])), frames[0] if frames else None
                )
                if where is not None:
                    peak.largest.append((where[1], where[2], where[0], record.size))
    except Exception as problem:
        peak.why = f"memray's recording could not be read ({problem})"
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _is_installed(file: str) -> bool:
    return "-packages" in file or file.startswith((sys.prefix, sys.base_prefix, "<"))


def _can_reset() -> bool:
    return os.access("/proc/self/clear_refs", os.W_OK) and _status("VmHWM") is not None


@contextlib.contextmanager
def _by_kernel(peak: Peak) -> Iterator[None]:
    gc.collect()
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write(_RESET_PEAK)
    except OSError:
        with _by_tracemalloc(peak):
            yield
        return
    before = _status("VmRSS") or 0
    try:
        yield
    finally:
        highest = _status("VmHWM")
        if highest is not None:
            peak.bytes, peak.how = max(0, highest - before), "the kernel's high-water mark of resident memory"


@contextlib.contextmanager
def _by_tracemalloc(peak: Peak) -> Iterator[None]:
    ours = not tracemalloc.is_tracing()
    if ours:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    try:
        yield
    finally:
        if tracemalloc.is_tracing():
            _, highest = tracemalloc.get_traced_memory()
            peak.bytes, peak.how = max(0, highest - before), "tracemalloc, which sees Python's memory only"
        if ours:
            tracemalloc.stop()


def _status(name: str) -> int | None:
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
