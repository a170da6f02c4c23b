"""What a process holds beside its heap, by name."""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import socket
import sys
import tempfile
import threading
from multiprocessing import shared_memory

import pytest

from leakhunt.capture.gauges import Gauges
from leakhunt.capture.probes import TrimProbe
from leakhunt.capture.surroundings import (
    collector,
    descriptors,
    mapped_bytes,
    mappings,
    pattern_of,
    read_surroundings,
    segments,
    threads,
)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("/data/chunk-12.csv", "/data/chunk-*.csv"),
        ("/tmp/tmpa1b2c3d4/out.bin", "/tmp/tmp*/out.bin"),
        ("psm_0a1b2c3d", "psm_*"),
        ("/x/0123abcd-0000-1111-2222-333344445555.npy", "/x/*.npy"),
        ("/x/cafe0123beef", "/x/*"),
        ("/x/deadbeef/readme", "/x/deadbeef/readme"),
        ("2026-11-22.log", "*.log"),
    ],
)
def test_numbers_and_random_parts_of_a_name_are_starred(name, pattern):
    assert pattern_of(name) == pattern


def test_files_and_sockets_are_counted_by_what_they_lead_to(tmp_path):
    before = descriptors()
    files = [(tmp_path / f"chunk-{number}.csv").open("w") for number in range(5)]
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    try:
        after = descriptors()
    finally:
        for each in (*files, client, server):
            each.close()

    grown = {
        name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)
    }
    assert grown == {
        pattern_of(str(tmp_path / "chunk-1.csv")): 5,
        f"tcp socket listening on 127.0.0.1:{port}": 1,
        f"tcp socket to 127.0.0.1:{port}": 1,
    }


def test_threads_are_counted_by_name_and_target():
    done = threading.Event()

    def listen():
        done.wait()

    started = [threading.Thread(target=listen, name=f"listener-{number}") for number in range(3)]
    for thread in started:
        thread.start()
    try:
        found = threads()
    finally:
        done.set()
        for thread in started:
            thread.join()

    function = listen.__qualname__
    assert found[f"listener-* ({function})"] == 3
    assert found["MainThread"] == 1


def test_mappings_are_counted_by_name_with_what_is_resident():
    with tempfile.TemporaryFile() as file:
        file.truncate(1_000_000)
        before, mapped = mappings(), mapped_bytes()
        area = mmap.mmap(-1, 2_000_000)
        area[:1_000_000] = bytes(1_000_000)
        after = mappings()

        grown = [now - then for now, then in zip(
            after["shared anonymous memory"], before.get("shared anonymous memory", [0, 0, 0]), strict=True
        )]  # fmt: skip
        assert grown[0] == 1
        assert grown[1] == pytest.approx(2_000_000, abs=8_192)
        assert grown[2] == pytest.approx(1_000_000, abs=8_192)
        assert mapped_bytes() - mapped >= 2_000_000
        area.close()


def test_segments_that_this_program_made_are_seen_until_they_are_unlinked():
    before = sum(count for count, _, _ in segments().values())
    segment = shared_memory.SharedMemory(create=True, size=65_536)
    segment.close()
    try:
        assert sum(count for count, _, _ in segments().values()) == before + 1
    finally:
        segment.unlink()

    assert sum(count for count, _, _ in segments().values()) == before


def test_a_reading_makes_no_garbage_and_leaves_no_descriptor_open():
    read_surroundings()
    gc.collect()
    gc.disable()
    try:
        open_before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            maps, _, found, _, state, seconds = read_surroundings()
        assert gc.collect() < 20
    finally:
        gc.enable()

    assert len(os.listdir("/proc/self/fd")) == open_before
    assert maps
    assert found
    assert state == [0, *collector()[1:]]
    assert seconds > 0


def test_a_trim_gives_back_the_gaps_between_blocks_and_says_how_much():
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_trim"):
        pytest.skip("the C library has no malloc_trim")
    libc.malloc.restype = libc.realloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    blocks = [libc.malloc(100_000) for _ in range(100)]
    for block in blocks:
        ctypes.memset(block, 1, 100_000)
        libc.realloc(block, 64)
    written = []
    journal = type("Journal", (), {"write": lambda self, *record: written.append(record)})()

    probe = TrimProbe(journal, Gauges())
    probe.make("a.py:1:main", 24, at_end=False)

    ((kind, loop, turns, where, (before, after), _, _, seconds),) = written
    assert (kind, loop, turns, where) == ("probe", "a.py:1:main", 24, "boundary")
    assert before - after > 5_000_000
    assert seconds >= 0
    assert not probe.allowed(at_end=False)
    assert probe.allowed(at_end=True)
