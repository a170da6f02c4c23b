"""Why the collector does not free cycles, and that a collector which only lags is not accused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from described import MB, described, looked, loop_text, written_before_the_run

from leakhunt.analysis.diagnose import diagnose
from leakhunt.findings.diagnosis import Finding

READ_AT = (3, 6, 10, 16, 24, 36, 40)


def rising(turn: int) -> float:
    return 100 * MB + turn * 20_000


def piling_up(
    collector: Callable[[int], list[int]],
    file: Path,
    source: str = "for i in range(40): pass\n",
    read_at: Sequence[int] = READ_AT,
) -> Finding:
    """The finding about garbage that rises by an object a turn, while the collector is in these states."""
    file.write_text(source)
    written_before_the_run(file)
    loop = f"{file}:5:main"
    states = [looked("surroundings", turn, loop=loop, collector=collector(turn)) for turn in read_at]
    run = described(loop_text(40, rising, in_use=rising, file=str(file)) + "".join(states))
    seen = [
        dataclasses.replace(
            one,
            garbage={"app.Node": (one.turns, one.turns * 20_000)},
            # with what was loaded for the first
            frozen=collector(one.turns)[2] + (9_000 if one is run.checkpoints[0] else 0),
        )
        for one in run.checkpoints
    ]
    (found,) = [
        one
        for one in diagnose(dataclasses.replace(run, checkpoints=seen)).findings
        if one.kind == "reference-cycle"
    ]
    return found


def test_a_heap_that_is_frozen_in_every_turn_leaks_its_cycles(tmp_path: Path) -> None:
    found = piling_up(lambda turn: [1, 700, 5_000 + 20 * turn], tmp_path / "a.py", "import gc\ngc.freeze()\n")

    assert found.verdict == "leak"
    assert found.evidence[1] == (
        "gc.freeze() puts more objects out of the collector's sight again and again (a.py:2): "
        "5,060 were frozen at first, 5,800 at the last reading."
    )


def test_the_censuses_tell_of_it_where_the_surroundings_were_hardly_read(tmp_path: Path) -> None:
    text = "import gc\ngc.freeze()\n"

    again = piling_up(lambda turn: [1, 700, 5_000 + 20 * turn], tmp_path / "a.py", text, read_at=(3,))
    once = piling_up(lambda turn: [1, 700, 5_000], tmp_path / "b.py", text, read_at=(3,))

    assert (again.verdict, once.verdict) == ("leak", "cannot-tell")


def test_a_few_frozen_objects_that_were_freed_meanwhile_change_nothing(tmp_path: Path) -> None:
    fallen = {READ_AT[4]: 5_000 + 20 * READ_AT[3] - 3}

    found = piling_up(
        lambda turn: [1, 700, fallen.get(turn, 5_000 + 20 * turn)],
        tmp_path / "a.py",
        "import gc\ngc.freeze()\n",
    )

    assert found.verdict == "leak"


def test_what_was_freed_before_the_last_reading_hides_nothing(tmp_path: Path) -> None:
    found = piling_up(
        lambda turn: [1, 700, 5_000 + 20 * turn - (300 if turn == 40 else 0)],
        tmp_path / "a.py",
        "import gc\ngc.freeze()\n",
    )

    assert found.verdict == "leak"


def test_a_heap_that_is_thawed_at_the_end_is_no_reason(tmp_path: Path) -> None:
    found = piling_up(
        lambda turn: [1, 700, 5_000 + 20 * turn * (turn < 40)], tmp_path / "a.py", "import gc\n"
    )

    assert found.verdict == "cannot-tell"


def test_a_heap_that_was_frozen_and_thawed_is_no_reason(tmp_path: Path) -> None:
    found = piling_up(
        lambda turn: [1, 700, 5_000 + 20 * min(turn, 40 - turn)], tmp_path / "a.py", "import gc\n"
    )

    assert found.verdict == "cannot-tell"


def test_a_heap_that_was_frozen_once_is_no_reason(tmp_path: Path) -> None:
    found = piling_up(lambda turn: [1, 700, 5_000], tmp_path / "a.py", "import gc\ngc.freeze()\n")

    assert found.verdict == "cannot-tell"
    assert found.evidence[1] == "The collector has not run on them yet; it may free them later."


def test_a_collector_that_waits_for_a_billion_objects_is_as_good_as_off(tmp_path: Path) -> None:
    source = "import gc\ngc.set_threshold(1_000_000_000)\n"

    found = piling_up(lambda turn: [1, 10**9, 0], tmp_path / "a.py", source)

    assert found.verdict == "leak"
    assert found.evidence[1] == "The collector waits for 1,000,000,000 new objects before it runs (a.py:2)."


def test_a_collector_that_is_off_at_every_reading_was_turned_off(tmp_path: Path) -> None:
    found = piling_up(lambda turn: [0, 700, 0], tmp_path / "a.py")

    assert (found.verdict, found.evidence[1]) == ("leak", "The program turned the collector off.")


def test_a_collector_that_is_off_now_and_then_is_no_reason(tmp_path: Path) -> None:
    found = piling_up(lambda turn: [turn % 2, 700, 0], tmp_path / "a.py", "import gc\ngc.disable()\n")

    assert found.verdict == "cannot-tell"


def test_garbage_that_came_with_one_import_is_no_pile() -> None:
    run = described(loop_text(40, rising, in_use=rising))
    counts = {8: 880, 14: 881, 20: 882, 26: 1_100, 32: 1_101, 40: 1_102}
    seen = [
        dataclasses.replace(one, garbage={"app.Node": (counts[one.turns], 48 * 900_000)})
        for one in run.checkpoints
    ]

    found = diagnose(dataclasses.replace(run, checkpoints=seen)).findings

    assert [one.kind for one in found if one.kind == "reference-cycle"] == []


def test_a_few_small_objects_in_garbage_are_not_blamed_for_memory_that_they_do_not_hold() -> None:
    run = described(loop_text(40, rising, in_use=rising))
    seen = [
        dataclasses.replace(one, garbage={"tuple": (3 * one.turns, 150 * one.turns)})
        for one in run.checkpoints
    ]

    found = diagnose(dataclasses.replace(run, checkpoints=seen)).findings

    assert [one.kind for one in found if one.kind == "reference-cycle"] == []
