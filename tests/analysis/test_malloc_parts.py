"""A counter that rises although neither what Python objects hold nor the rest of it does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from described import MB, described, looked, loop_text

from leakhunt.analysis.diagnose import diagnose
from leakhunt.findings.diagnosis import Finding

ROW = 20_000.0
TABLE = 209_000.0
CENSUSES = (8, 14, 20, 26, 32, 38, 40)
Bytes = Callable[[int], float]


def rows_cleared_at_half(turn: int) -> float:
    """A list that gets a row in each of 40 turns and is emptied in the 21st."""
    return ROW * (turn if turn <= 20 else turn - 20)


def table_made_larger(turn: int) -> float:
    return TABLE if turn > 20 else 0.0


def found(held: Bytes, rest: Bytes, *, arrived: int = len(CENSUSES)) -> list[Finding]:
    """What is found when Python objects hold `held` and something else the `rest` of what malloc has in use."""

    def in_use(turn: int) -> float:
        return 3 * MB + held(turn) + rest(turn)

    places = [["/app/sweep.py", 9, "main", int(ROW), []]]
    metered = [
        looked("bracket", turn, meter="malloc", places=places, net=int(ROW), via="settrace", complete=True)
        for turn in (12, 13)
    ]
    journal = loop_text(
        40, lambda turn: 100 * MB, in_use=in_use, blocks=lambda turn: 40_000, censuses=CENSUSES
    )
    run = described(journal + "".join(metered))
    checkpoints = [
        dataclasses.replace(one, in_use=int(in_use(one.turns)), in_malloc=int(MB + held(one.turns)))
        if at < arrived
        else dataclasses.replace(one, in_use=int(in_use(one.turns)))
        for at, one in enumerate(run.checkpoints)
    ]
    return diagnose(dataclasses.replace(run, checkpoints=checkpoints)).findings


def test_a_list_that_is_emptied_while_a_table_grows_once_is_no_growth() -> None:
    assert found(rows_cleared_at_half, table_made_larger) == []


def test_native_memory_that_grows_beside_a_list_that_is_emptied_is_still_a_leak() -> None:
    (growth,) = found(rows_cleared_at_half, lambda turn: ROW * turn)

    assert (growth.kind, growth.verdict) == ("native-growth", "leak")


def test_objects_that_pile_up_by_a_way_no_path_shows_are_reported_but_not_as_native_memory() -> None:
    (growth,) = found(lambda turn: ROW * turn, lambda turn: 0.0)

    assert growth.verdict == "cannot-tell"
    assert "it is not native code that keeps it" in growth.evidence[-1]


def test_what_few_censuses_contradict_is_not_called_a_leak() -> None:
    (growth,) = found(rows_cleared_at_half, table_made_larger, arrived=3)

    assert growth.verdict == "cannot-tell"
