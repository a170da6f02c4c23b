"""What `--every-iteration` records at each boundary, and where it stops."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import textwrap
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest

from leakhunt.capture.every import WITHOUT_GAP, EveryIteration, every_iteration, to_compare
from leakhunt.capture.heap.bytype import load_pympler, sizes_by_type
from leakhunt.capture.heap.traced import traced_by_line
from leakhunt.capture.versions import imported_versions


class Written(list):
    """A journal that keeps what is written."""

    def write(self, kind, *fields):
        self.append((kind, *fields))
        return True

    def lost(self):
        return [fields[1] for fields in self if fields[0] == "loss"]


def recorder(tmp_path, **options):
    return EveryIteration(Written(), tmp_path, native=False, named=options.get("named"))


def recorded_of(every, turns):
    kept = []
    for turn in range(1, turns + 1):
        if every.due("loop", turn, at_end=turn == turns):
            every.took("loop", turn)
            kept.append(turn)
    return kept


def test_nothing_is_recorded_unless_it_was_asked_for(tmp_path):
    assert every_iteration({}, Written(), tmp_path) is None


def test_a_short_loop_is_recorded_at_every_boundary(tmp_path):
    every = recorder(tmp_path)

    assert recorded_of(every, 60) == list(range(1, 61))
    assert every.journal.lost() == []


def test_a_long_loop_is_thinned_keeps_its_end_and_says_so(tmp_path):
    every = recorder(tmp_path)

    kept = recorded_of(every, 10_000)

    assert kept[:WITHOUT_GAP] == list(range(1, WITHOUT_GAP + 1))
    assert kept[-1] == 10_000
    assert len(kept) < 8 * WITHOUT_GAP
    assert every.journal.lost() == ["every-thinned"]


def test_a_boundary_is_recorded_once(tmp_path):
    every = recorder(tmp_path)
    every.took("loop", 5)

    assert not every.due("loop", 5, at_end=True)


def test_what_is_kept_is_bounded_and_the_rest_is_a_loss(tmp_path, monkeypatch):
    monkeypatch.setattr("leakhunt.capture.every.MOST_RECORD_BYTES", 1000)
    every = recorder(tmp_path)
    (tmp_path / "one.json").write_bytes(bytes(2000))
    every.took("loop", 1)

    assert every.wait(["one.json"])
    assert not every.due("loop", 2, at_end=False)
    assert every.journal.lost() == ["every-full"]


def open_loop(file="/app/sweep.py", line=5, *, total=10, completed=3, parent=None, kind="for"):
    return SimpleNamespace(
        site=SimpleNamespace(file=file, line=line, loop_kind=kind),
        total=total,
        completed=completed,
        parent=parent,
        started=time.perf_counter() - 10.0,
    )


@pytest.fixture
def untraced(monkeypatch):
    monkeypatch.setattr(EveryIteration, "_begin", lambda every: None)


@pytest.mark.usefixtures("untraced")
def test_the_loop_of_the_censuses_is_recorded_not_the_one_inside(tmp_path):
    every = recorder(tmp_path)
    outer = open_loop()
    inner = open_loop(line=7, parent=outer)

    assert every.measures(outer, lambda level: level.completed)
    assert not every.measures(inner, lambda level: level.completed)


@pytest.mark.usefixtures("untraced")
def test_a_loop_of_few_turns_is_recorded_too(tmp_path):
    assert recorder(tmp_path).measures(open_loop(total=3, completed=1), lambda level: level.completed)


@pytest.mark.usefixtures("untraced")
def test_a_loop_of_short_turns_is_not_recorded_however_long_it_lasts(tmp_path):
    every = recorder(tmp_path)

    assert not every.measures(open_loop(total=10**9, completed=10**9), lambda level: level.completed)
    assert not every.measures(open_loop(kind="comprehension"), lambda level: level.completed)


def test_copies_that_died_are_waited_for_once(tmp_path, monkeypatch):
    monkeypatch.setattr("leakhunt.capture.every._PATIENCE_SECONDS", 0.02)
    every = recorder(tmp_path)
    never = ["lost-one.json", "lost-two.json"]

    assert not every.wait(never)
    assert every.wait(never)


@pytest.mark.usefixtures("untraced")
def test_a_loop_that_was_named_is_recorded_instead(tmp_path):
    every = recorder(tmp_path, named="./sweep.py:7")
    outer = open_loop()

    assert not every.measures(outer, lambda level: level.completed)
    assert every.measures(open_loop(line=7, parent=outer), lambda level: level.completed)


def test_a_copy_compares_with_a_few_earlier_censuses_the_first_and_the_last_among_them():
    names = [str(number) for number in range(50)]

    chosen = to_compare(names)

    assert len(chosen) == 6
    assert (chosen[0], chosen[-1]) == ("0", "49")
    assert to_compare(names[:4]) == names[:4]


def in_python(tmp_path, code):
    (tmp_path / "traced_program.py").write_text(textwrap.dedent(code))
    done = subprocess.run(
        [sys.executable, "traced_program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_allocations_are_added_up_by_the_users_line(tmp_path):
    said = in_python(
        tmp_path,
        """
        import os, sys, tracemalloc
        tracemalloc.start(10)
        keep = [bytes(1000) for _ in range(50)]
        from leakhunt.capture.heap.traced import traced_by_line
        found = traced_by_line(os.getcwd())
        line = next(one for one in found if one[0].endswith("traced_program.py") and one[1] == 4)
        print(line[2] >= 50, 50_000 <= line[3] < 60_000)
        """,
    )

    assert said.split() == ["True", "True"]


def test_without_tracemalloc_no_lines_are_known():
    assert not tracemalloc.is_tracing()
    assert traced_by_line("/app") is None


class Sized:
    def __sizeof__(self):
        raise AssertionError("the program's own code ran")


def test_types_are_counted_without_running_the_programs_code():
    if not load_pympler():
        pytest.skip("pympler is not installed here")
    kept = [Sized() for _ in range(7)]

    found = sizes_by_type([*kept, [1.5, 2.5]])

    assert found["Sized"][0] == 7
    assert found["float"][0] == 2
    assert gc.is_tracked(kept)


def test_versions_are_those_of_imported_packages_and_no_code_of_theirs_runs(monkeypatch):
    class Lazy(type(sys)):
        def __getattr__(self, name):
            raise AssertionError("the module was asked")

    plain = type(sys)("somepackage")
    plain.__version__ = "1.2.3"
    monkeypatch.setitem(sys.modules, "somepackage", plain)
    monkeypatch.setitem(sys.modules, "lazypackage", Lazy("lazypackage"))
    monkeypatch.setitem(sys.modules, "somepackage.part", plain)

    found = imported_versions()

    assert found["somepackage"] == "1.2.3"
    assert not {"lazypackage", "somepackage.part", "json", "leakhunt"} & set(found)


def test_memray_loads_no_file_of_the_programs_that_has_the_name_of_a_module_it_needs(tmp_path):
    (tmp_path / "rich.py").write_text("print('own')")
    (tmp_path / "job.py").write_text("import time\nfor i in range(8):\n    time.sleep(0.01)\n")
    # not `python -m`: that looks for leakhunt's own modules here, too
    command = [str(Path(sys.executable).with_name("leakhunt")), "profile", "--every-iteration", "--quiet"]
    done = subprocess.run(
        [*command, "--json", "out.json", "job.py"], cwd=tmp_path, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "")
    losses = json.loads((tmp_path / "out.json").read_text())["losses"]
    assert "every-no-memray" in {loss["slug"] for loss in losses}


def test_the_tables_of_tracemalloc_are_taken_off_once(tmp_path, monkeypatch):
    every = recorder(tmp_path)
    monkeypatch.setattr(every, "_own_tracing", True)
    monkeypatch.setattr("tracemalloc.is_tracing", lambda: True)
    monkeypatch.setattr("tracemalloc.get_tracemalloc_memory", lambda: 1_000)
    # the tables take twice what they say, and the gauge of malloc has taken off one half
    gauges = (10_000, 1, 2, 3, [9_000, 50], 4, 5, 6, 7, 8)

    assert every.without_tables(gauges) == (8_000, 1, 2, 3, [8_000, 50], 4, 5, 6, 7, 8)
