"""Gauges tell the process's memory and take no part in it."""

from __future__ import annotations

import gc
import os
import sys
import threading
import tracemalloc
import types

import pytest

from leakhunt.capture.gauges import Gauges

FIELDS = ("rss_anon", "rss_file", "rss_shmem", "blocks", "native", "gc", "fds", "threads", "gpu", "mapped")
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def read_all(gauges: Gauges) -> dict[str, object]:
    return dict(zip(FIELDS, gauges.read_all(0.0), strict=True))


@linux_only
def test_all_gauges_of_this_process_have_a_plausible_value():
    gauges = Gauges()

    values = read_all(gauges)

    assert 1e6 < values["rss_anon"] < 1e11
    assert 1e6 < values["rss_file"] < 1e11
    assert values["rss_shmem"] is not None
    assert values["blocks"] > 1_000
    assert len(values["gc"]) == 3
    assert values["fds"] >= 4
    assert values["threads"] >= 1
    assert values["gpu"] is None


@linux_only
def test_allocated_memory_shows_in_the_gauges_that_should_see_it():
    gauges = Gauges()
    before = read_all(gauges)

    block = bytearray(b"x") * 50_000_000
    held = [object() for _ in range(10_000)]
    after = read_all(gauges)

    assert after["rss_anon"] - before["rss_anon"] > 0.9 * len(block)
    if before["native"] is not None:
        assert after["native"][0] - before["native"][0] > 0.9 * len(block)
    assert after["blocks"] - before["blocks"] > 0.9 * len(held)


@linux_only
def test_a_descriptor_and_a_thread_more_are_counted(tmp_path):
    gauges = Gauges()
    before = read_all(gauges)["fds"]

    with open(tmp_path / "a", "w"):
        assert read_all(gauges)["fds"] == before + 1


def test_two_thousand_readings_leave_nothing_behind():
    gauges = Gauges()
    tracemalloc.start()
    for now in range(1_200):  # fills free lists; 3.10 builds caches at the 1,024th call
        gauges.read_all(now)
    gc.collect()
    blocks, traced = sys.getallocatedblocks(), tracemalloc.get_traced_memory()[0]

    for now in range(2_000):
        gauges.read_all(now)
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0] - traced
    blocks = sys.getallocatedblocks() - blocks
    tracemalloc.stop()

    assert blocks < 200
    assert traced < 2_000  # one byte a reading would show


@linux_only
def test_dear_gauges_rest_and_cheap_ones_do_not():
    gauges = Gauges()
    gauges.read_all(100.0)

    values = dict(zip(FIELDS, gauges.read(100.0), strict=True))

    assert values["rss_anon"] is not None
    assert values["fds"] is None
    assert values["native"] is None


@linux_only
def test_an_inner_loop_does_not_use_up_the_readings_of_the_outer_one():
    gauges = Gauges()
    for _ in range(3):
        gauges.read(100.0, "inner")

    values = dict(zip(FIELDS, gauges.read(100.0, "outer"), strict=True))

    assert values["blocks"] is not None
    assert values["gc"] is not None


@linux_only
def test_a_forked_child_reads_its_own_memory_not_its_parents():
    gauges = Gauges()
    gauges.read(0.0)
    read_end, write_end = os.pipe()

    pid = os.fork()
    if pid == 0:
        block = bytearray(b"x") * 80_000_000
        os.write(write_end, b"%d" % (gauges.read(0.0)[0] if block else 0))
        os._exit(0)
    os.waitpid(pid, 0)

    in_child = int(os.read(read_end, 100))
    assert in_child > gauges.read(0.0)[0] + 60_000_000


@linux_only
def test_a_target_that_closed_the_gauges_descriptor_is_read_all_the_same(tmp_path):
    gauges = Gauges()
    gauges.read(0.0)
    os.close(gauges._status)
    own = os.open(tmp_path / "own", os.O_CREAT | os.O_RDWR)
    os.dup2(own, gauges._status)

    assert gauges.read(0.0)[0] is not None

    os.close(gauges._status)
    gauges.read(0.0)
    assert gauges.read(0.0)[0] is not None


def test_cuda_memory_is_read_over_all_devices_once_torch_has_initialised_it(monkeypatch):
    initialised = False
    cuda = types.SimpleNamespace(
        is_initialized=lambda: initialised,
        device_count=lambda: 2,
        memory_allocated=lambda device: 5 + device,
        memory_reserved=lambda device: 9 + device,
    )
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    gauges = Gauges()

    assert read_all(gauges)["gpu"] is None
    initialised = True
    assert read_all(gauges)["gpu"] == [11, 19]


def test_a_half_imported_torch_is_no_trouble(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))

    assert read_all(Gauges())["gpu"] is None


@linux_only
def test_the_gauges_are_read_without_letting_other_threads_in():
    done = threading.Event()
    turns = [0]

    def spin():
        while not done.is_set():
            turns[0] += 1

    spinning = threading.Thread(target=spin)
    gauges = Gauges()
    gauges.read_all(0.0)
    interval = sys.getswitchinterval()
    spinning.start()
    sys.setswitchinterval(0.05)
    let_in = 0
    try:
        for now in range(50):
            before = turns[0]
            gauges.read_all(now)
            let_in += turns[0] != before
    finally:
        sys.setswitchinterval(interval)
        done.set()
        spinning.join()

    assert let_in <= 3  # the other thread's own turn may come in the middle of a reading
