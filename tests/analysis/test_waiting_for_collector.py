"""Memory that objects in cycles keep until the collector runs is no leak of native code; what rises without them is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from described import MB, described, looked, loop_text, written_before_the_run

from leakhunt.analysis.diagnose import diagnose
from leakhunt.findings.diagnosis import Finding

CENSUSES = (8, 14, 20, 26, 32, 36, 40)


def level(turn: int) -> float:
    return 100 * MB


def judged(
    tmp_path: Path, in_use: Callable[[int], float], waiting: Callable[[int], int], source: str = ""
) -> Finding:
    """The finding about malloc's use, metered at a line; `waiting` objects in cycles are found at each census."""
    file = tmp_path / "sweep.py"
    file.write_text(source or "for i in range(40): pass\n")
    written_before_the_run(file)
    places = [[str(file), 1, "main", 100_000, []]]
    lines = "".join(
        looked("bracket", turn, loop=f"{file}:5:main", meter="malloc", places=places, net=100_000)
        for turn in (20, 21)
    )
    journal = loop_text(
        40, level, in_use=in_use, blocks=lambda turn: 40_000, censuses=CENSUSES, file=str(file)
    )
    run = described(journal + lines)
    seen = [
        dataclasses.replace(
            one, garbage={"app.Figure": (waiting(one.turns), 1_000)}, in_use=int(in_use(one.turns))
        )
        for one in run.checkpoints
    ]
    found = diagnose(dataclasses.replace(run, checkpoints=seen)).findings
    return next(one for one in found if one.kind == "native-growth")


def test_what_rises_and_falls_with_them_is_none(tmp_path: Path) -> None:
    found = judged(
        tmp_path,
        lambda turn: 50 * MB + turn * 100_000 if turn < 18 else 49 * MB + turn * 100_000,
        lambda turn: 100 * turn if turn < 18 else 100 * turn - 1_000,
    )

    assert (found.verdict, found.title) == (
        "no-leak",
        "memory of native code rises until the collector runs: objects in cycles keep it",
    )


def test_what_rises_however_many_wait_is_a_leak(tmp_path: Path) -> None:
    found = judged(tmp_path, lambda turn: 50 * MB + turn * 100_000, lambda turn: 100 * (turn % 18))

    assert found.verdict == "leak"


def test_what_rises_while_as_many_wait_as_ever_is_a_leak(tmp_path: Path) -> None:
    found = judged(tmp_path, lambda turn: 50 * MB + turn * 100_000, lambda turn: 300)

    assert found.verdict == "leak"


def test_nobody_can_tell_while_more_and_more_wait(tmp_path: Path) -> None:
    found = judged(tmp_path, lambda turn: 50 * MB + turn * 100_000, lambda turn: 100 * turn)

    assert found.verdict == "cannot-tell"
    assert "More and more objects in cycles wait for the collector" in " ".join(found.evidence)


def test_a_collector_that_will_not_come_is_no_excuse(tmp_path: Path) -> None:
    source = "import gc\ngc.disable()\n"

    found = judged(tmp_path, lambda turn: 50 * MB + turn * 100_000, lambda turn: 100 * turn, source)

    assert found.verdict == "leak"
