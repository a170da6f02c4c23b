"""A turn metered line by line: which line of the user's code changes a counter of the process, and by how much."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import pytest

from leakhunt.capture.brackets import LineMeter
from leakhunt.capture.gauges import Gauges
from leakhunt.capture.insertion import InsertionWindow
from leakhunt.syscalls import count_entries

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p
LIBC.malloc.argtypes = [ctypes.c_size_t]
LIBC.free.argtypes = [ctypes.c_void_p]


def metered(read, turn, least=1.0):
    """Return {line within `turn`: net change} of the lines that the meter charged, large changes only."""
    meter = LineMeter("counter", read, least)
    window = InsertionWindow([meter], lambda name: name == __file__, "/nowhere")
    assert window.open()
    try:
        turn()
    finally:
        window.close()
    first = turn.__code__.co_firstlineno
    return {line - first: net for _, line, _, net, _ in meter.places() if abs(net) >= least}


def open_descriptors():
    return count_entries("/proc/self/fd")


@linux_only
def test_the_line_that_opens_is_charged_and_the_line_that_closes_gets_it_back(tmp_path):
    def turn():
        kept = os.open(tmp_path, os.O_RDONLY)
        gone = os.open(tmp_path, os.O_RDONLY)
        os.close(gone)
        return kept

    assert metered(open_descriptors, turn) == {1: 1, 2: 1, 3: -1}


@linux_only
def test_memory_that_c_code_keeps_is_charged_to_the_line_that_took_it():
    native = Gauges().native
    if native is None:
        pytest.skip("malloc has no counters here")

    def take(size):
        return LIBC.malloc(size)

    def turn():
        LIBC.free(take(300_000))
        take(500_000)
        return

    charged = metered(lambda: native()[0], turn, least=100_000)

    inside_take = -2  # the line of `take`, seen from `turn`
    assert set(charged) == {inside_take, 1}
    assert charged[inside_take] == pytest.approx(800_000, rel=0.01)
    assert charged[1] == pytest.approx(-300_000, rel=0.01)


@linux_only
def test_a_hot_loop_before_the_line_does_not_hide_it(tmp_path):
    def turn():
        sum(number * number for number in range(20_000))
        os.open(tmp_path, os.O_RDONLY)
        return

    assert metered(open_descriptors, turn) == {2: 1}


def test_a_line_that_never_changes_the_counter_is_soon_not_read_behind_any_more():
    readings = []

    def turn():
        for _ in range(5_000):
            pass
        return

    assert metered(lambda: readings.append(1) or 7, turn) == {}
    assert len(readings) < 1_000


def test_the_frames_around_a_line_are_kept_with_it(tmp_path):
    kept = []

    def inner():
        kept.append(1)
        return

    def turn():
        inner()
        return

    meter = LineMeter("counter", lambda: len(kept), 1.0)
    window = InsertionWindow([meter], lambda name: name == __file__, "/nowhere")
    assert window.open()
    turn()
    window.close()

    (_, _, _, net, stack) = meter.places()[0]
    assert net == 1
    assert [Path(file).name for file, _, _ in stack[:2]] == [Path(__file__).name] * 2
    assert [function.rpartition(".")[2] for _, _, function in stack[:2]] == ["inner", "turn"]
