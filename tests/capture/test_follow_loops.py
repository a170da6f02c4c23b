"""What the follower tells its listener about the loops of a program."""

from __future__ import annotations

import pickle
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leakhunt.capture.rewrite import rewrite
from leakhunt.capture.turns import Follower
from leakhunt.journal.position import PositionPage, read_position


class Recorder:
    """A listener that keeps what it was told, and may take its time."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.sites: dict[str, Any] = {}

    def loop_found(self, site: Any, parent: Any) -> None:
        self.sites[site.id] = site
        self.told.append(("found", site.line, parent.line if parent else None))

    def entered(self, instance: Any) -> None:
        self.told.append(("entered", instance.site.line, instance.total))

    def boundary(self, instance: Any, values: list[Any] | None) -> None:
        self.told.append(("boundary", instance.site.line, instance.completed, values))

    def left(self, instance: Any, how: str) -> None:
        self.told.append(("left", instance.site.line, instance.completed, how))

    def of(self, what: str, line: int) -> list[tuple[Any, ...]]:
        return [entry[2:] for entry in self.told if entry[0] == what and entry[1] == line]


class Clock:
    """A clock that the program itself moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float = 0.01) -> None:
        self.now += seconds


def followed(
    source: str, position: PositionPage | None = None, **names: Any
) -> tuple[Recorder, dict[str, Any]]:
    """Run `source` with its loops followed; `work()` in it passes ten milliseconds."""
    recorder, clock = Recorder(), Clock()
    follower = Follower(recorder, position, clock)
    code = rewrite(source, "/project/program.py", follower.new_site)
    assert code is not None
    namespace = {"work": clock.work, "__name__": "program", "follower": follower, **names}
    exec(code, namespace)
    return recorder, namespace


def test_each_slow_turn_is_a_boundary_with_the_values_of_the_turn_that_begins() -> None:
    recorder, _ = followed("for a, (b, c) in [(1, (2.5, 'x')), (3, (4, None))]:\n    work()\n")

    assert recorder.told == [
        ("found", 1, None),
        ("entered", 1, 2),
        ("boundary", 1, 0, [1, 2.5, "x"]),
        ("boundary", 1, 1, [3, 4, None]),
        ("left", 1, 2, "exhausted"),
    ]
    assert recorder.sites["/project/program.py:1:<module>"].variables == ["a", "b", "c"]


def test_the_outer_loop_has_its_boundaries_although_inner_ones_were_just_sampled() -> None:
    recorder, _ = followed("for a in range(3):\n    for b in range(4):\n        work()\n")

    assert recorder.of("boundary", 1) == [(0, [0]), (1, [1]), (2, [2])]
    assert recorder.of("found", 2) == [(1,)]
    assert len(recorder.of("left", 2)) == 3


def test_break_return_and_exceptions_leave_the_loop() -> None:
    recorder, _ = followed(
        "for a in range(9):\n    work()\n    if a == 2: break\n"
        "def f():\n    for b in range(9):\n        work()\n        if b == 1: return\n"
        "f()\nwork()\n"
        "try:\n    for c in range(9):\n        work()\n        1 / 0\nexcept ZeroDivisionError: pass\n"
    )

    assert recorder.of("left", 1) == [(2, "left")]
    assert recorder.of("left", 5) == [(1, "left")]
    assert recorder.of("left", 11) == [(0, "left")]


def test_a_while_loop_that_ends_by_its_condition_is_exhausted() -> None:
    recorder, _ = followed(
        "n = 0\nwhile n < 3:\n    n += 1\n    work()\nwork()\nwhile True:\n    work()\n    break\n"
    )

    assert recorder.of("left", 2) == [(3, "exhausted")]
    assert recorder.of("left", 6) == [(0, "left")]
    assert recorder.sites["/project/program.py:2:<module>"].loop_kind == "while"


def test_comprehensions_and_generators_that_drive_loops_are_followed() -> None:
    recorder, _ = followed(
        "def source():\n    for i in range(3):\n        work()\n        yield i\n"
        "for x in source():\n    work()\n"
        "[work() for y in range(2)]\n"
    )

    assert recorder.of("left", 2) == [(3, "exhausted")]
    assert recorder.of("left", 5) == [(3, "exhausted")]
    assert recorder.of("left", 7) == [(2, "exhausted")]
    assert "/project/program.py:2:source" in recorder.sites


def test_async_loops_are_followed_and_tell_their_end() -> None:
    recorder, _ = followed(
        "import asyncio\n"
        "async def source():\n    for i in range(3):\n        yield i\n"
        "async def main():\n"
        "    async for x in source():\n        work()\n"
        "    work()\n    async for x in source():\n        work()\n        break\n"
        "asyncio.run(main())\n"
    )

    assert recorder.of("boundary", 6) == [(0, [0]), (1, [1]), (2, [2])]
    assert recorder.of("left", 6) == [(3, "exhausted")]
    assert recorder.of("left", 9) == [(0, "left")]


def test_the_function_of_a_loop_is_its_qualified_name() -> None:
    recorder, _ = followed(
        "class A:\n    def m(self):\n        def inner():\n            for self.x in [1]: work()\n"
        "        inner()\nA().m()\n"
    )

    assert list(recorder.sites) == ["/project/program.py:4:A.m.<locals>.inner"]
    assert recorder.sites["/project/program.py:4:A.m.<locals>.inner"].variables == ["self.x"]


@pytest.mark.parametrize(
    ("iterable", "total"),
    [("[1, 2]", 2), ("range(5)", 5), ("enumerate([1, 2, 3])", 3), ("zip([1, 2], range(9))", 2),
     ("zip(itertools.count(), [1, 2])", 2), ("map(str, [1])", 1), ("{1: 2, 3: 4}.items()", 2),
     ("reversed([1, 2])", 2), ("(x for x in [1])", None), ("iter([1, 2, 3])", 3),
     ("Liar()", None), ("zip(Liar(), [1])", None)],
)  # fmt: skip
def test_totals_come_from_builtin_iterators_only(iterable: str, total: int | None) -> None:
    class Liar:
        def __init__(self) -> None:
            self.items = iter([1])

        def __iter__(self) -> Iterator[int]:
            return self

        def __next__(self) -> int:
            return next(self.items)

        def __len__(self) -> int:
            raise AssertionError("asked")

        __length_hint__ = __len__

    recorder, _ = followed(f"import itertools\nfor x in {iterable}: work()\n", Liar=Liar)

    assert recorder.of("entered", 2)[-1:] == [(total,)]


def test_values_never_run_code_of_the_target() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise AssertionError("asked")

        __str__ = __len__ = __getattribute__ = __eq__ = __hash__ = __repr__  # type: ignore[assignment]

    class Text(str):
        __repr__ = __str__ = Hostile.__repr__

    items = [Hostile(), Text("t"), "s" * 99, (1, "a"), 1 << 80]
    recorder, _ = followed("for x in items: work()\n", items=items)

    values = [entry[1][0] for entry in recorder.of("boundary", 1)]
    assert values == ["<Hostile>", "<Text>", "s" * 79 + "…", "(1, 'a')", "<int of 81 bits>"]


def test_numpy_scalars_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")

    items = [numpy.float64(0.5), numpy.int32(7), numpy.zeros(3)]
    recorder, _ = followed("for x in items: work()\n", items=items)

    assert [entry[1] for entry in recorder.of("boundary", 1)] == [[0.5], [7], ["<ndarray>"]]


def test_time_spent_in_the_listener_does_not_make_a_fast_loop_slow() -> None:
    clock = Clock()

    class Slow(Recorder):
        def boundary(self, instance: Any, values: list[Any] | None) -> None:
            super().boundary(instance, values)
            clock.work(1.0)

    follower = Follower(Slow(), None, clock)
    code = rewrite("for x in range(100): tiny()\n", "p.py", follower.new_site)
    assert code is not None

    exec(code, {"tiny": lambda: clock.work(1e-6)})

    assert follower.sites[0].turn_seconds == pytest.approx(1e-6, rel=0.1)


def test_a_loop_that_skips_done_units_fast_and_then_turns_slow_is_followed_again() -> None:
    recorder, _ = followed(
        "follower.cost_seconds = 1e9\n"  # nothing left in the budget
        "for x in range(2000):\n    work(1e-6 if x < 1000 else 0.01)\n"
    )

    slow_turns_seen = [completed for completed, _ in recorder.of("boundary", 2) if completed > 1000]
    assert len(slow_turns_seen) > 800


def test_a_fast_inner_loop_is_handed_through_when_the_budget_is_spent_and_taken_up_again() -> None:
    recorder, names = followed(
        "follower.cost_seconds = 1e9\n"
        "for x in range(40):\n    for y in range(3): work(1e-6)\n"
        "    work(0.1)\n    fs.append(follower.sites[1].f)\n",
        fs=[],
    )

    from leakhunt.capture.sites import hand_through

    assert hand_through in names["fs"]
    assert names["fs"][0] is not hand_through
    assert len(recorder.of("boundary", 2)) == 40


def test_an_error_in_the_listener_stays_there() -> None:
    class Broken(Recorder):
        def boundary(self, instance: Any, values: list[Any] | None) -> None:
            raise ValueError("ours")

    clock = Clock()
    follower = Follower(Broken(), None, clock)
    code = rewrite("done = []\nfor x in range(5): work(); done.append(x)\n", "p.py", follower.new_site)
    assert code is not None
    names: dict[str, Any] = {"work": clock.work}

    exec(code, names)

    assert names["done"] == [0, 1, 2, 3, 4]


def test_loops_inside_the_listener_are_not_followed() -> None:
    clock = Clock()
    follower = Follower(Recorder(), None, clock)
    source = "def again():\n    for y in range(3): work()\nfor x in range(3): work()\n"
    code = rewrite(source, "p.py", follower.new_site)
    assert code is not None
    names: dict[str, Any] = {"work": clock.work}

    class Nosy(Recorder):
        def boundary(self, instance: Any, values: list[Any] | None) -> None:
            super().boundary(instance, values)
            names["again"]()

    follower.listener = nosy = Nosy()

    exec(code, names)

    assert {entry[1] for entry in nosy.told} == {3}


def test_the_position_page_says_which_turn_runs_and_with_which_values(tmp_path: Path) -> None:
    page = PositionPage(tmp_path / "position.bin")
    seen: list[Any] = []

    followed(
        "for lam in [0.1, 0.2, 0.3]:\n    for beta in (7, 8):\n        work()\n        look()\n",
        page,
        look=lambda: seen.append([level[1:] for level in read_position(tmp_path / "position.bin")]),
    )

    assert seen[3] == [(1, 3, "0.2"), (1, 2, "8")]
    assert len(seen) == 6
    assert read_position(tmp_path / "position.bin") == []


def test_a_damaged_position_page_is_read_as_no_position(tmp_path: Path) -> None:
    path = tmp_path / "position.bin"

    assert read_position(path) == []
    path.write_bytes(b"\xff" * 8192)
    assert read_position(path) == []
    path.write_bytes(b"LKHPOS1\n" + b"\x07" + bytes(20))
    assert read_position(path) == []


def test_a_stale_text_is_not_taken_for_the_current_turn(tmp_path: Path) -> None:
    page = PositionPage(tmp_path / "position.bin")
    page.enter(0, 5, 1, 10)
    page.write_text(0, 1, "first")

    page.slots[page.offset(0)] = 2

    assert read_position(tmp_path / "position.bin") == [(5, 1, 10, None)]


def test_an_outermost_loop_of_few_turns_has_a_boundary_at_every_turn() -> None:
    recorder, _ = followed("for x in range(150): work(0.0005)\n")

    assert [entry[0] for entry in recorder.of("boundary", 1)] == list(range(150))


def test_a_loop_that_is_entered_often_has_not_a_boundary_at_every_turn_for_ever() -> None:
    recorder, _ = followed("def f():\n    for x in range(100): work(0.0005)\nf(); f(); f(); f()\n")

    boundaries = len(recorder.of("boundary", 2))
    assert 200 <= boundaries <= 200 + 2 * 10 + 2


def test_an_inner_loop_of_few_turns_keeps_the_distance_between_boundaries() -> None:
    recorder, _ = followed("for x in range(3):\n    for y in range(100): work(0.0005)\n")

    assert len(recorder.of("boundary", 2)) <= 3 * 11


def test_recursion_is_told_only_so_deep() -> None:
    recorder, _ = followed(
        "def f(n):\n    for x in range(2 if n else 0):\n        work()\n        f(n - 1) if x else None\nf(100)\n"
    )

    assert 30 <= len(recorder.of("entered", 2)) <= 40


def test_the_child_of_a_fork_writes_nothing(tmp_path: Path) -> None:
    page = PositionPage(tmp_path / "position.bin")
    recorder, clock = Recorder(), Clock()
    follower = Follower(recorder, page, clock)
    code = rewrite("for x in range(50):\n    work()\n    if x == 3: stop()\n", "p.py", follower.new_site)
    assert code is not None

    exec(code, {"work": clock.work, "stop": follower.stop})

    assert [entry[0] for entry in recorder.of("boundary", 1)] == [0, 1, 2, 3]
    assert read_position(tmp_path / "position.bin")[0][1] == 3


def test_code_pickled_by_value_runs_where_there_is_no_leakhunt() -> None:
    follower = Follower(Recorder())
    code = rewrite("for x in range(3): pass\n", "p.py", follower.new_site)
    assert code is not None
    data = pickle.dumps(follower.sites[0])

    program = (
        "import pickle, sys\n"
        f"site = pickle.loads({data!r})\n"
        "print([*site.f(site.i([1, 2]))], next(site.w()), [*site.a()], site.t(1), bool(site.e()))\n"
        "print(site.o, next(site.z))\n"
        "print('leakhunt' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[1, 2] () [()] 1 False\nFalse ()\nFalse\n"


def test_functions_for_bytecode_compilers_are_left_alone() -> None:
    follower = Follower(Recorder())
    loop = "(n):\n    for i in range(n): pass\n"
    source = f"@numba.njit(fastmath=True)\ndef f{loop}def g{loop}g = jit(g)\n"

    assert rewrite(source, "p.py", follower.new_site, like := compile(source, "p.py", "exec")) is like


def test_the_users_namespace_and_consts_hold_no_placeholder() -> None:
    follower = Follower(Recorder())
    code = rewrite("def f():\n    return [i for i in range(3)]\n", "p.py", follower.new_site)
    assert code is not None

    def constants(code: types.CodeType) -> Iterator[Any]:
        for constant in code.co_consts:
            yield constant
            if isinstance(constant, types.CodeType):
                yield from constants(constant)

    assert not [c for c in constants(code) if isinstance(c, str) and "leakhunt" in c]
    assert follower.sites[0] in list(constants(code))
