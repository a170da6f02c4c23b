"""What makes leakhunt look closer beside the heap: a counter that rises in every part of the loop so far."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

from leakhunt.capture import layers
from leakhunt.capture.gauges import Gauges
from leakhunt.capture.layers import LayerWatch, Readings

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def rate(counter, levels):
    readings = Readings()
    for turn, level in enumerate(levels):
        readings.add(turn, {counter: level})
    return readings.rate(counter)


def test_a_steady_rise_has_a_rate():
    assert rate("malloc", [1_000_000 + 20_000 * turn for turn in range(40)]) == pytest.approx(20_000, rel=0.1)
    assert rate("descriptors", [8 + turn for turn in range(40)]) == pytest.approx(1, rel=0.1)


def test_a_steady_rise_is_seen_beside_one_jump():
    levels = [1_000_000 + 20_000 * turn + (100_000_000 if turn > 15 else 0) for turn in range(40)]

    assert rate("malloc", levels) == pytest.approx(20_000, rel=0.1)


@pytest.mark.parametrize(
    "levels",
    [
        [1_000_000] * 40,
        [1_000_000 + (turn % 10) * 100_000 for turn in range(40)],
        [1_000_000 + min(turn, 20) * 20_000 for turn in range(40)],
        [1_000_000 + (5_000_000 if turn > 20 else 0) + turn for turn in range(40)],
        [1_000_000 + turn * 20_000 for turn in range(7)],
        [1_000_000 + turn * 100 for turn in range(40)],
    ],
    ids=["level", "sawtooth", "stops half way", "one jump", "few turns", "little"],
)
def test_what_does_not_go_on_rising_has_none(levels):
    assert rate("malloc", levels) is None


def test_a_descriptor_now_and_then_is_no_pile():
    assert rate("descriptors", [8 + turn // 6 for turn in range(40)]) is None


def test_a_hundred_thousand_turns_keep_few_readings():
    readings = Readings()
    for turn in range(100_000):
        readings.add(turn, {"malloc": 10 * turn})

    assert len(readings) <= 64
    assert readings.rate("malloc") == pytest.approx(10, rel=0.1)


@pytest.fixture(autouse=True)
def _names_cost_nothing(monkeypatch):
    """How long the kernel takes to name the mappings of a test runner says nothing about the rules."""
    monkeypatch.setattr(layers, "_NAMING_SECONDS", float("inf"))


class Recorder:
    """A journal that remembers."""

    def __init__(self):
        self.records = []

    def write(self, *record):
        self.records.append(record)
        return True

    def kinds(self):
        return [record[0] for record in self.records]


def watched(journal, gauges_of, turns=40, heap_rate=0.0):
    """Drive a watch through a loop of `turns` whose gauges are `gauges_of(turn)`."""
    watch = LayerWatch(journal, Gauges(), lambda name: name == __file__, "/nowhere")
    loop = types.SimpleNamespace(site=types.SimpleNamespace(id="a.py:1:main"), parent=None)
    for turn in range(1, turns + 1):
        watch.close(loop, turn)
        watch.sampled("a.py:1:main", turn, gauges_of(turn))
        watch.boundary(loop, turn, affords=lambda seconds: True, heap_rate=heap_rate)
    watch.close(None, turns)
    watch.left(loop, turns)
    return watch


def gauges(anon=100e6, native=50e6, fds=8, mapped=800e6):
    return (int(anon), 0, 0, 40_000, [int(native), 0], None, int(fds), 1, None, int(mapped))


@linux_only
def test_nothing_is_metered_or_probed_while_nothing_grows():
    journal = Recorder()

    watched(journal, lambda turn: gauges())

    assert journal.kinds() == ["surroundings"]


@linux_only
@pytest.mark.parametrize("counter", ["fds", "mapped"])
def test_names_are_read_again_when_there_is_more_to_name(counter):
    journal = Recorder()

    watched(journal, lambda turn: gauges(**{counter: 1_000_000 + (turn >= 12)}))

    assert [record[2] for record in journal.records] == [3, 17]


@linux_only
def test_a_loop_that_is_entered_again_has_its_names_read_no_more_often():
    journal = Recorder()
    watch = LayerWatch(journal, Gauges(), lambda name: name == __file__, "/nowhere")
    loop = types.SimpleNamespace(site=types.SimpleNamespace(id="a.py:1:main"), parent=None)

    for turn in range(1, 400):
        watch.close(loop, turn)
        watch.sampled("a.py:1:main", turn, gauges(mapped=800e6 + min(turn, 100) + max(0, turn - 250)))
        watch.boundary(loop, turn, affords=lambda seconds: True, heap_rate=0.0)
        if turn == 210:
            watch.left(loop, turn)

    assert journal.kinds() == ["surroundings"] * 10


@linux_only
def test_names_that_cost_too_much_are_read_no_more(monkeypatch):
    monkeypatch.setattr(layers, "_NAMING_SECONDS", 0.0)
    monkeypatch.setattr(layers, "_NAMING_SHARE", 0.0)
    journal = Recorder()

    watched(journal, lambda turn: gauges(mapped=800e6 + turn))

    # the first reading, and the one when the loop ends
    assert [record[2] for record in journal.records] == [3, 40]


@linux_only
def test_names_are_read_again_when_the_heap_was_frozen(monkeypatch):
    journal, frozen = Recorder(), iter([100, 100, 200, 200, 300, *[300] * 20])
    monkeypatch.setattr("gc.get_freeze_count", lambda: next(frozen))

    watched(journal, lambda turn: gauges())

    assert len(journal.records) == 3


@linux_only
def test_a_counter_that_stops_rising_as_the_loop_warms_up_is_not_metered():
    warming, leaking = Recorder(), Recorder()

    watched(warming, lambda turn: gauges(native=50e6 + min(turn, 10) * 100_000))
    watched(leaking, lambda turn: gauges(native=50e6 + turn * 100_000))

    assert "bracket" not in warming.kinds()
    assert "bracket" in leaking.kinds()


@linux_only
def test_a_turn_is_metered_at_most_three_times_for_a_counter_that_rises():
    journal = Recorder()

    watched(journal, lambda turn: gauges(native=50e6 + turn * 50_000))

    meters = [record[3] for record in journal.records if record[0] == "bracket"]
    assert set(meters) == {"malloc"}
    assert len(meters) <= 3
    assert sys.gettrace() is None or sys.version_info >= (3, 12)


@linux_only
def test_what_the_censuses_explain_is_not_metered():
    journal = Recorder()

    watched(journal, lambda turn: gauges(native=50e6 + turn * 50_000), heap_rate=50_000.0)

    assert "bracket" not in journal.kinds()


@linux_only
def test_malloc_is_probed_twice_at_most_and_only_when_its_use_does_not_explain_the_growth():
    open_question, explained = Recorder(), Recorder()

    watched(open_question, lambda turn: gauges(anon=100e6 + turn * 1e6), turns=200)
    watched(explained, lambda turn: gauges(anon=100e6 + turn * 1e6, native=50e6 + turn * 1e6), turns=200)

    assert [record[3] for record in open_question.records if record[0] == "probe"] == ["boundary", "end"]
    assert "probe" not in explained.kinds()


@linux_only
def test_a_program_that_traces_itself_is_not_metered_and_told_so():
    if sys.version_info >= (3, 12):
        pytest.skip("sys.monitoring does not disturb a trace function")
    journal = Recorder()
    before = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        watched(journal, lambda turn: gauges(native=50e6 + turn * 50_000))
    finally:
        sys.settrace(before)

    assert "bracket" not in journal.kinds()
    assert [record[1] for record in journal.records if record[0] == "loss"] == ["lines-not-metered"]


_MANY_TURNS = """
import sys
from leakhunt.capture.layers import Readings

readings = Readings()
for turn in range(60):
    readings.add(turn, {"malloc": 10**9 + turn})
before = sys.getallocatedblocks()
for turn in range(60, 2_000):
    readings.add(turn, {"malloc": 10**9 + turn})
print(sys.getallocatedblocks() - before)
"""


def test_readings_keep_no_objects_per_turn():
    # in a process of their own: other threads of a test runner allocate as well
    kept = subprocess.run([sys.executable, "-c", _MANY_TURNS], capture_output=True, text=True, check=True)

    assert int(kept.stdout) < 20
