"""A tracemalloc window: what each turn left behind, and where the newest items were allocated."""

import gc
import json
import subprocess
import sys
import textwrap
import tracemalloc

import pytest

from leakhunt.capture.windows_memray import Refused
from leakhunt.capture.windows_tracemalloc import TracemallocRecorder, survivors_by_turn
from leakhunt.model.captures import load_capture


def recorded(tmp_path, turn, turns=6, suspect=None):
    recorder = TracemallocRecorder(tmp_path / "0001.json")
    recorder.start(0.1)
    try:
        for number in range(turns):
            turn(number)
            recorder.boundary()
        if suspect is not None:
            recorder.held_by("suspect", suspect)
        recorder.save(list(range(turns + 1)))
    finally:
        recorder.stop()
    return load_capture(tmp_path / "0001.json")


def on_line(capture, line):
    return [site for site in capture.sites if site.stack[0][:2] == (__file__, line)]


def test_what_is_kept_survives_from_every_turn_and_what_is_dropped_from_none(tmp_path):
    kept = []

    def turn(number):
        kept.append(bytearray(50_000))
        bytearray(70_000)

    line = turn.__code__.co_firstlineno + 1
    capture = recorded(tmp_path, turn)

    (leak,) = on_line(capture, line)
    assert set(leak.survivors) == set(range(6))
    assert leak.bytes == pytest.approx(6 * 50_000, rel=0.05)
    assert on_line(capture, line + 1) == []
    assert not tracemalloc.is_tracing()


def test_the_newest_items_are_asked_where_they_come_from(tmp_path):
    kept = []

    def make():
        return {"grid": bytearray(50_000)}

    def turn(number):
        made = make()
        kept.append(made)

    capture = recorded(tmp_path, turn, suspect=kept)

    lines = {stack[0][:2] for stack, _ in capture.held["suspect"]}
    assert (__file__, make.__code__.co_firstlineno + 1) in lines


@pytest.mark.parametrize(
    ("levels", "survivors"),
    [
        ([(1, 100), (2, 200), (3, 300)], {0: [1, 100], 1: [1, 100], 2: [1, 100]}),
        ([(1, 100), (1, 100), (1, 100)], {0: [1, 100]}),  # the last result, kept since the first turn
        ([(5, 500), (2, 200), (3, 300)], {0: [2, 200], 2: [1, 100]}),  # most of it was freed
        ([(0, 0), (3, 300), (0, 0)], {}),
    ],
)
def test_what_a_later_boundary_has_not_was_not_kept(levels, survivors):
    assert survivors_by_turn(levels) == survivors


def test_a_program_that_traces_is_left_alone(tmp_path):
    tracemalloc.start(2)
    try:
        with pytest.raises(Refused):
            TracemallocRecorder(tmp_path / "0001.json").start(0.1)
        assert tracemalloc.get_traceback_limit() == 2
    finally:
        tracemalloc.stop()


def test_no_code_of_the_program_runs_when_items_are_asked(tmp_path):
    class Touchy:
        def __getattribute__(self, name):
            raise RuntimeError("user code ran")

        __hash__ = None

        def __eq__(self, other):
            raise RuntimeError("user code ran")

    kept = []
    recorded(tmp_path, lambda number: kept.append(Touchy()), suspect=kept)

    holders = sys.getrefcount(kept[0]) - 1
    assert holders == 1


@pytest.mark.slow
def test_many_thousand_sites_are_kept_in_a_small_file(tmp_path):
    kept = []
    # Short files: a line number is looked up from the first line of its file on, at each allocation.
    source = "\n".join("kept.append(bytearray(40))" for _ in range(50))
    codes = [compile(source, f"generated{number}.py", "exec") for number in range(100)]

    def turn(_number):
        for code in codes:
            exec(code, {"kept": kept})

    capture = recorded(tmp_path, turn, turns=4)

    assert len(capture.sites) == 300
    assert capture.other_bytes > 4_000 * 4 * 40
    assert (tmp_path / "0001.json").stat().st_size < 1_000_000
    assert json.loads((tmp_path / "0001.json").read_text())["source"] == "tracemalloc"


def test_adding_up_what_is_alive_is_not_traced_itself():
    code = """
        from _tracemalloc import _get_traces
        from leakhunt.capture.windows_tracemalloc import TracemallocRecorder
        recorder = TracemallocRecorder("unused.json")
        recorder.start(0.1)
        for line in range(2_000):
            exec(compile("\\n" * line + f"kept{line} = bytearray(10)", f"{line % 7}.py", "exec"), globals())
        before = len(_get_traces())
        recorder.boundary()
        after = len(_get_traces())
        print(len(recorder._alive[0]) > 2_000, after - before < 50)  # a large table is malloc's all the same
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "True True\n", done.stderr


def test_a_turn_that_becomes_dear_is_traced_no_further(tmp_path):
    recorder = TracemallocRecorder(tmp_path / "0001.json")
    recorder.start(0.1)
    callbacks = len(gc.callbacks)
    recorder.give_up_when(lambda: True)

    gc.collect(0)

    assert recorder.gave_up
    assert not tracemalloc.is_tracing()
    recorder.boundary()
    recorder.stop()
    assert len(gc.callbacks) == callbacks


def test_what_a_window_does_at_its_end_is_no_part_of_a_turn(tmp_path):
    recorder = TracemallocRecorder(tmp_path / "0001.json")
    recorder.start(0.1)
    recorder.give_up_when(lambda: True)
    recorder.no_more_turns()

    gc.collect(0)

    assert not recorder.gave_up
    recorder.stop()
