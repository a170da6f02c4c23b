"""The line that grows a suspect, found by watching one turn."""

import sys
from collections import OrderedDict, deque
from functools import cache
from pathlib import Path

import pytest

from leakhunt.capture.insertion import InsertionWindow, Watched, size_reader

HERE = str(Path(__file__).parent)


def watch(container, turn):
    watched = Watched("suspect", size_reader(container))
    window = InsertionWindow([watched], lambda name: name == __file__, "/nowhere")
    assert window.open()
    try:
        turn()
    finally:
        window.close()
    return {(line - turn.__code__.co_firstlineno, function.rsplit(".", 1)[-1]): items
            for (_, line, function), items in watched.at.items()}  # fmt: skip


def test_the_line_that_appends_is_charged():
    kept = []

    def turn():
        total = sum(range(10))
        kept.append(total)
        del total

    assert watch(kept, turn) == {(2, "turn"): 1}


def test_growth_in_a_called_function_is_charged_to_its_own_line():
    kept = {}

    def remember(key):
        kept[key] = bytes(10)
        return key

    def turn():
        remember(1)
        return

    assert watch(kept, turn) == {(-3, "remember"): 1}


def test_the_line_after_a_call_returned_is_charged_to_the_caller():
    kept = []

    def make():
        return list(range(2))

    def turn():
        kept.append(make())
        return

    assert watch(kept, turn) == {(1, "turn"): 1}


def test_growth_in_a_library_function_is_charged_to_the_line_that_called_it():
    import heapq

    kept = []

    def turn():
        heapq.heappush(kept, 3)
        heapq.heappush(kept, 2)
        return

    assert watch(kept, turn) == {(1, "turn"): 1, (2, "turn"): 1}


def test_a_generator_that_is_resumed_often_is_let_go_and_left_as_it_was():
    polls = 0
    kept = []

    def length():
        nonlocal polls
        polls += 1
        return len(kept)

    def numbers():
        yield from range(20_000)

    watched = Watched("suspect", length)
    window = InsertionWindow([watched], lambda name: name == __file__, "/nowhere")
    made = (number for number in numbers())

    def consume():
        for _ in range(10_000):
            next(made)

    assert window.open()
    try:
        consume()
        kept.append(1)
    finally:
        window.close()

    assert polls < 5_000
    assert made.gi_frame.f_trace is None
    assert made.gi_frame.f_trace_lines
    assert sum(watched.at.values()) == 1


def test_a_generator_that_adds_at_every_step_is_charged_for_all_of_it():
    kept = []

    def fill():
        for number in range(1_000):
            kept.append(number)
            yield number

    def turn():
        return sum(fill())

    assert watch(kept, turn) == {(-3, "fill"): 1_000}


def test_a_line_between_others_that_adds_often_is_charged_for_all_of_it():
    kept = []

    def turn():
        for number in range(2_000):
            doubled = 2 * number
            kept.append(doubled)

    assert watch(kept, turn) == {(3, "turn"): 2_000}


def test_a_turn_that_adds_nothing_names_no_line():
    kept = [1, 2, 3]

    def turn():
        kept.pop()
        sorted(kept)

    assert watch(kept, turn) == {}


def test_a_hot_loop_does_not_hide_the_line_after_it():
    kept = []

    def turn():
        total = 0
        for number in range(50_000):
            total += number
        kept.append(total)
        return

    found = watch(kept, turn)
    # Before 3.12 a hot function is followed by its return alone: the line is then the last one seen.
    assert sum(found.values()) == 1
    if sys.version_info >= (3, 12):
        assert found == {(4, "turn"): 1}


def test_watching_leaves_no_trace_function_and_pins_no_object():
    import gc
    import weakref

    class Big:
        pass

    kept = []
    gone = []

    def turn():
        big = Big()
        gone.append(weakref.ref(big))
        kept.append(1)
        del big

    watch(kept, turn)

    assert sys.gettrace() is None
    gc.collect()
    assert gone[0]() is None


def test_a_program_that_traces_itself_is_left_alone():
    if sys.version_info >= (3, 12):
        pytest.skip("sys.monitoring does not disturb a trace function")

    def own(_frame, _event, _arg):
        return None

    kept = []
    window = InsertionWindow([Watched("suspect", size_reader(kept))], lambda name: True, "/nowhere")
    before = sys.gettrace()
    sys.settrace(own)
    try:
        assert not window.open()
        assert sys.gettrace() is own
    finally:
        sys.settrace(before)


class LyingList(list):
    def __len__(self):
        raise RuntimeError("user code ran")


@cache
def cached(number):
    return number


@pytest.mark.parametrize(
    ("container", "size"),
    [
        ([1], 1),
        ({1: 2}, 1),
        (OrderedDict(a=1), 1),
        (deque([1, 2]), 2),
        (bytearray(b"abc"), 3),
        (LyingList([1, 2]), 2),
    ],
)
def test_sizes_are_read_without_running_the_programs_code(container, size):
    assert size_reader(container)() == size


def test_the_size_of_a_cache_is_its_number_of_entries():
    cached(1), cached(2)

    assert size_reader(cached)() == 2
    assert size_reader(object()) is None


def test_putting_back_what_was_taken_is_not_growth():
    kept = deque([1])

    def turn():
        task = kept.popleft()
        kept.append(task)
        kept.append(2)
        return

    assert watch(kept, turn) == {(3, "turn"): 1}


@pytest.mark.parametrize("container", [(1, 2), "text", b"bytes", frozenset({1})])
def test_what_cannot_grow_in_place_is_not_watched(container):
    assert size_reader(container) is None


def test_a_thread_local_list_is_found_again():
    import threading

    from leakhunt.capture.heap.resolve import follow

    local = threading.local()
    local.trail = [1]

    assert follow(local, ".trail") is local.trail
