"""While a window is open, a program that traces, profiles, replaces itself or ends closes it first."""

import os
import sys
import threading
import tracemalloc

import pytest

from leakhunt.capture.windows_mask import Mask, starts_tracing_by_name


@pytest.fixture
def masked():
    told = []
    mask = Mask(told.append)
    yield mask, told
    mask.take_off()
    if tracemalloc.is_tracing():
        tracemalloc.stop()


def test_starting_tracemalloc_closes_the_window_first_and_then_traces(masked):
    mask, told = masked
    mask.put_on(tracing=False)
    tracemalloc.start(3)
    try:
        assert told == ["tracemalloc"]
        assert tracemalloc.get_traceback_limit() == 3
    finally:
        tracemalloc.stop()


def test_with_our_own_tracing_nobody_seems_to_trace(masked):
    mask, told = masked
    tracemalloc.start()
    mask.put_on(tracing=True)

    assert not tracemalloc.is_tracing()
    assert tracemalloc.get_traced_memory() == (0, 0)
    assert tracemalloc.get_object_traceback(object()) is None
    with pytest.raises(RuntimeError, match="must be tracing"):
        tracemalloc.take_snapshot()
    tracemalloc.stop()
    mask.take_off()
    assert tracemalloc.is_tracing()
    assert told == []


def test_profiling_closes_the_window_but_a_new_thread_with_the_hook_does_not(masked, monkeypatch):
    mask, told = masked

    def hook(_frame, _event, _argument):
        return None

    monkeypatch.setattr(threading, "_profile_hook", hook)
    mask.put_on(tracing=False)
    sys.setprofile(hook)
    assert told == []
    sys.setprofile(None)
    assert told == ["profile"]


@pytest.mark.parametrize("name", ["execv", "execve", "_exit"])
def test_ends_without_further_ado_close_the_window(masked, name, monkeypatch):
    mask, told = masked
    called = []
    monkeypatch.setattr(os, name, lambda *arguments: called.append(arguments))
    mask.put_on(tracing=False)

    getattr(os, name)(3)

    assert called == [(3,)]
    assert len(told) == 1


def test_everything_is_put_back_except_what_the_program_replaced_meanwhile(masked):
    mask, _ = masked
    before = (sys.setprofile, tracemalloc.start, os.execv, os._exit)

    def theirs(_code):
        return None

    mask.put_on(tracing=True)
    os._exit = theirs
    mask.take_off()
    try:
        assert os._exit is theirs
    finally:
        os._exit = before[3]
    assert (sys.setprofile, tracemalloc.start, os.execv, os._exit) == before


def test_a_program_that_holds_the_function_itself_is_known(monkeypatch):
    assert not starts_tracing_by_name()
    monkeypatch.setattr(sys.modules[__name__], "begin", tracemalloc.start, raising=False)
    assert starts_tracing_by_name()
