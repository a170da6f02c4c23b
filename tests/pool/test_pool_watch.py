"""What the pool's watch knows of units between two looks: a worker may be done, and at another, meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leakhunt.pool.cards import Card, CardWriter
from leakhunt.pool.watch import Limits, Running, Watch

MB = 1_000_000
#: Units 1 and 2 are batch 1, the others batches of their own.
BATCH_OF = {1: 1, 2: 1, 3: 2, 4: 3}


def watch_that_saw(directory: Path, unit: int) -> Watch:
    """A watch that has seen this process at a unit, 75 MB into it, half a second ago."""
    card = Card(os.getpid(), 1, unit, 0.0, 0, 20 * MB)
    seen = [Running(card, 0.5, 95 * MB, ())]
    return Watch(str(directory), Limits(), tell=lambda *_: None, running=seen)


@pytest.mark.parametrize(
    ("at", "ended", "running"),
    [
        (3, 0, [(0.5, 75 * MB)]),
        (None, 1, []),
        (4, 1, []),
    ],
    ids=["still at it", "done, and idle", "done, and at the next"],
)
def test_a_unit_that_was_seen_counts_while_its_worker_is_at_it(
    tmp_path: Path, at: int | None, ended: int, running: list[tuple[float, int]]
) -> None:
    CardWriter(str(tmp_path), 1).write(at, 1, 20 * MB)

    assert watch_that_saw(tmp_path, 3).at_work(BATCH_OF) == (ended, running)


def test_a_batch_has_not_ended_with_its_first_unit(tmp_path: Path) -> None:
    CardWriter(str(tmp_path), 1).write(2, 1, 20 * MB)

    assert watch_that_saw(tmp_path, 1).at_work(BATCH_OF) == (0, [])


def test_units_of_another_iteration_are_nobodys_here(tmp_path: Path) -> None:
    CardWriter(str(tmp_path), 1).write(9, 1, 20 * MB)

    assert watch_that_saw(tmp_path, 9).at_work(BATCH_OF) == (0, [])
