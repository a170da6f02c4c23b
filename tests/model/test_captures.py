"""Real captures: which turn each survivor was born in."""

import os
import subprocess
import sys
import textwrap

import pytest

from leakhunt.model.apart import apart
from leakhunt.model.captures import drop_captures, kept_or_read, load_capture, read_capture, without_repeats
from leakhunt.model.run import Capture, LossSeen

memray = pytest.importorskip("memray")

PROGRAM = """
import json, sys, time
import memray
kept, last = [], None
marks = []
with memray.Tracker(destination=memray.FileDestination(sys.argv[1], overwrite=True, compress_on_exit=False),
                    memory_interval_ms=1):
    for turn in range(6):
        marks.append([turn, time.time()])
        time.sleep(0.01)
        kept.append(bytearray(100_000))  # leak
        last = bytearray(300_000)  # last result
        time.sleep(0.01)
    marks.append([6, time.time()])
    KILL
print(json.dumps(marks))
"""


def captured(tmp_path, kill=""):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM).replace("KILL", kill))
    capture = tmp_path / "capture.bin"
    done = subprocess.run(
        [sys.executable, str(program), str(capture)], capture_output=True, text=True, timeout=60
    )
    return capture, done


def by_line(capture, program_text):
    lines = program_text.splitlines()
    return {
        lines[site.stack[0][1] - 1].split("# ")[1]: {
            turn: count for turn, (count, _) in site.survivors.items()
        }
        for site in capture.sites
        if site.bytes > 50_000
    }


def test_a_leak_survives_in_every_turn_and_a_last_result_in_the_last(tmp_path):
    import json

    path, done = captured(tmp_path)
    seen = read_capture(path, json.loads(done.stdout), python_allocators=False, native=False)

    assert by_line(seen, (tmp_path / "program.py").read_text()) == {
        "leak": dict.fromkeys(range(6), 1),
        "last result": {5: 1},
    }


def test_a_capture_of_a_killed_target_is_read(tmp_path):
    path, done = captured(
        tmp_path, "print(json.dumps(marks), flush=True); import os; os.kill(os.getpid(), 9)"
    )
    assert done.returncode == -9
    import json

    seen = read_capture(path, json.loads(done.stdout), python_allocators=False, native=False)

    assert by_line(seen, (tmp_path / "program.py").read_text())["leak"] == dict.fromkeys(range(6), 1)


@pytest.mark.parametrize("keep", [0, 10, 100])
def test_a_truncated_capture_is_a_loss(tmp_path, keep):
    path, _ = captured(tmp_path)
    os.truncate(path, keep)

    seen = read_capture(path, [(0, 0.0), (1, 1.0)], python_allocators=False, native=False)

    assert isinstance(seen, LossSeen)
    assert seen.slug == "window-unreadable"


WINDOW = {"marks": [(turn, 0.0) for turn in range(7)], "python_allocators": False, "native": False}


def window_of(path, marks):
    return {**WINDOW, "marks": marks}


def test_what_was_read_of_a_capture_is_the_same_when_the_capture_is_gone(tmp_path):
    import json

    (tmp_path / "captures").mkdir()
    path, done = captured(tmp_path)
    path = path.rename(tmp_path / "captures" / "0001.bin")
    window = window_of(path, json.loads(done.stdout))

    first = kept_or_read(path, window)
    assert drop_captures(tmp_path) > 0
    assert not path.exists()
    assert kept_or_read(path, window) == first
    assert first.sites


def test_a_capture_that_could_not_be_read_stays_a_loss_when_it_is_gone(tmp_path):
    (tmp_path / "captures").mkdir()
    path = tmp_path / "captures" / "0001.bin"
    path.write_bytes(b"memray, but not really")

    first = kept_or_read(path, WINDOW)
    drop_captures(tmp_path)

    assert first.slug == "window-unreadable"
    assert kept_or_read(path, WINDOW) == first


def aborts(_path):
    os.abort()


def hangs(_path):
    import time

    time.sleep(600)


def prints(_path):
    os.write(1, b"noise of a library")
    print("more of it")
    return "read"


def test_a_capture_that_ends_its_reader_ends_nothing_else(tmp_path):
    seen = apart(tmp_path / "0001.bin", aborts, tmp_path)

    assert seen == LossSeen(
        "window-unreadable", "0001.bin could not be read (its reader was ended by SIGABRT)"
    )


def test_a_capture_that_takes_for_ever_is_given_up(tmp_path):
    seen = apart(tmp_path / "0001.bin", hangs, tmp_path, seconds=2)

    assert seen == LossSeen("window-unreadable", "0001.bin could not be read (it took more than 2 s)")


def test_what_a_reader_prints_is_no_part_of_what_it_read(tmp_path):
    assert apart(tmp_path / "0001.bin", prints, tmp_path) == "read"


def test_a_capture_that_was_cut_off_or_overwritten_is_a_loss_or_read_as_far_as_it_goes(tmp_path):
    import json

    path, done = captured(tmp_path)
    whole = path.read_bytes()
    for number, damaged in enumerate(
        (whole[: len(whole) // 2], whole[:4000] + b"\xff" * 4000 + whole[8000:])
    ):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(damaged)

        seen = kept_or_read(path, window_of(path, json.loads(done.stdout)))

        assert isinstance(seen, (LossSeen, Capture))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 2}', '{"format": 1}', '{"format": 1, "loss": 3}', "null"]
)
def test_a_damaged_file_beside_a_capture_is_as_good_as_none(tmp_path, text):
    (tmp_path / "0001.json").write_text(text)

    assert load_capture(tmp_path / "0001.json") is None


def test_a_capture_that_nobody_has_read_yet_is_not_deleted(tmp_path):
    (tmp_path / "captures").mkdir()
    (tmp_path / "captures" / "0001.bin").write_bytes(b"x")

    assert drop_captures(tmp_path) == 0
    assert (tmp_path / "captures" / "0001.bin").exists()


def test_recursion_is_shown_once_and_of_a_deep_stack_both_ends():
    deep = [("a.py", 2, "down")] * 5000
    assert without_repeats([("a.py", 9, "leaf"), *deep, ("a.py", 1, "main")]) == [
        ("a.py", 9, "leaf"), ("a.py", 2, "down"), ("a.py", 1, "main"),
    ]  # fmt: skip
    winding = [("a.py", line, "step") for line in range(500)]
    shown = without_repeats(winding)
    assert (shown[0], shown[-1], len(shown)) == (winding[0], winding[-1], 60)


SITES = """
import sys
import memray, time
code = compile("\\n".join("kept.append(bytearray(600))" for _ in range(100_000)), "generated.py", "exec")
kept = []
marks = []
with memray.Tracker(destination=memray.FileDestination(sys.argv[1], overwrite=True, compress_on_exit=False),
                    memory_interval_ms=1):
    for turn in range(4):
        marks.append([turn, time.time()])
        exec(code)
    marks.append([4, time.time()])
import json
print(json.dumps(marks))
"""


@pytest.mark.slow
def test_a_hundred_thousand_sites_are_read_in_bounded_memory(tmp_path):
    import json

    program = tmp_path / "program.py"
    program.write_text(SITES)
    capture = tmp_path / "capture.bin"
    done = subprocess.run(
        [sys.executable, str(program), str(capture)], capture_output=True, text=True, timeout=100
    )
    assert done.stderr == ""
    seen = read_capture(capture, json.loads(done.stdout), python_allocators=False, native=False)

    assert len(seen.sites) == 300
    assert seen.other_bytes == pytest.approx(100_000 * 4 * 601, rel=0.02)
