"""A census that ends an allocation window knows of each path where its newest objects were allocated."""

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from leakhunt.census.births import births_below, births_unreached
from leakhunt.census.format import Census, Row, load_census
from leakhunt.census.growth import growing

PROGRAM = """
    import gc, os, sys, tracemalloc
    from leakhunt.capture.heap.checkpoint import start_checkpoint

    def census(number, turns, since=None):
        start_checkpoint(out_path=f"{sys.argv[1]}/{number:04d}.json", number=number, loop="loop", turns=turns,
                         previous=[], project_root=os.path.dirname(__file__), born_since=since,
                         every=True)  # such copies do not stand back for other programs

    class Node:
        pass

    def make(number):
        return bytearray(30_000 + number)  # makes

    def cycle():
        node = Node()
        node.me, node.load = node, bytearray(20_000)  # closes

    def main():
        kept, spare = [make(0)], {}
        census(1, 3)
        gc.disable()
        tracemalloc.start(10)
        for turn in range(4):
            kept.append(make(turn))
            spare["last"] = bytes(10_000)
            for _ in range(5):
                cycle()
        census(2, 7, since=3)
        tracemalloc.stop()
        census(3, 9)

    main()
"""
#: Copies stand back for everybody: on a busy machine they take their time.
_PATIENCE_SECONDS = 180.0


#: The fixture waits for the copies.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def censuses(tmp_path_factory):
    folder = tmp_path_factory.mktemp("births")
    program = folder / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    subprocess.run([sys.executable, str(program), str(folder)], check=True, timeout=100)
    files = [folder / f"{number:04d}.json" for number in (1, 2, 3)]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    # The first file of a census has the walk alone; what nobody reaches comes with the second.
    while not all(file.exists() for file in files) or load_census(files[1]).garbage is None:
        assert time.monotonic() < deadline, "the censuses did not come"
        time.sleep(0.05)
    return program, [load_census(file) for file in files]


def line_of(program: Path, mark: str) -> int:
    return next(
        at for at, line in enumerate(program.read_text().splitlines(), start=1) if line.endswith(f"# {mark}")
    )


def test_new_objects_have_their_line_at_the_path_that_holds_them(censuses):
    program, taken = censuses

    (kept,) = [found for found in growing(taken[:2]) if found.path.endswith("local kept")]

    (place,) = kept.births
    assert place.stack[0] == (str(program), line_of(program, "makes"))
    assert place.objects == 4
    assert 4 * 30_000 <= place.bytes <= 4 * 31_000
    assert kept.birth_turns == 4


def test_what_nobody_reaches_has_its_line_too(censuses):
    program, taken = censuses

    places, turns = births_unreached(taken, "cycles")

    assert turns == 4
    assert places[0].stack[0] == (str(program), line_of(program, "closes"))
    assert places[0].bytes >= 20 * 20_000


def test_without_a_window_a_census_has_no_births(censuses):
    _, (first, _, last) = censuses

    for plain in (first, last):
        assert plain.born_since is None
        assert plain.stacks == {}
        assert all(not row.born for row in plain.rows)


def census_of(turns, names, born=None, since=None):
    rows = [Row(-1, "results", "Results", 1, 0, 50)]
    rows += [
        Row(0, name, "bytes", 1, 20_000, 20_000, born={0: [1, 20_000]} if name == born else {})
        for name in names
    ]
    census = Census(turns, "loop", turns, 0.0, 9, True, rows, born_since=since, stacks={0: [("job.py", 7)]})
    census.add_up()
    return census


@pytest.mark.parametrize(
    ("born", "stacks"), [(".run_3", [[("job.py", 7)]]), (".other", [])], ids=["its like", "something else"]
)
def test_what_was_not_there_yet_has_the_line_of_its_like(born, stacks):
    window = census_of(4, [".run_2", ".run_3", ".other"], born, since=3)
    later = census_of(9, [".run_2", ".run_3", ".other", ".run_8"])

    places, _ = births_below(4, [None, later.rows[4]], [window, later])

    assert [place.stack for place in places] == stacks
