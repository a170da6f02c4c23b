"""Run directories as they are found: whole, half, torn, empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leakhunt.journal.text import encode_text
from leakhunt.model import records
from leakhunt.model.load import load_run

AGENT = """
header t=0 writer=agent pid=5 target=a.py
loop t=0 id="/a.py:1:main" file="/a.py" line=1 function=main variables=["i"] loop_kind=for
enter t=0 instance=1 loop="/a.py:1:main" total=3
sample t=0 instance=1 completed=0 values=[0] rss_anon=10MB native=[5000000,1000] gc=[1,20,0]
sample t=1 instance=1 completed=1 values=[1] rss_anon=11MB
checkpoint t=1 number=1 loop="/a.py:1:main" instance=1 turns=1 file="checkpoints/1.json" how=fork
sample t=3 instance=1 completed=3 rss_anon=12MB
leave t=3 instance=1 completed=3 how=exhausted
loss t=3 slug=census-skipped what="a census was due"
end t=3 how=completed exit_code=0
"""
SUPERVISOR = """
header t=0 writer=supervisor target=a.py argv=["a.py"]
tree t=1 tree_rss=30MB main_rss=20MB processes=2
exit t=4 exit_code=0 peak_rss=31MB seconds=4
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "agent-5.jsonl").write_bytes(encode_text(AGENT))
    (tmp_path / "supervisor.jsonl").write_bytes(encode_text(SUPERVISOR))
    return tmp_path


def test_a_whole_run_is_read(directory: Path) -> None:
    run = load_run(directory)
    loop = run.loops["/a.py:1:main"]

    assert (run.target, run.seconds, loop.iterations, loop.total) == ("a.py", 4.0, 3, 3)
    assert loop.turns.tolist() == [0, 1, 3]
    assert loop.gauges["rss_anon"].tolist() == [10e6, 11e6, 12e6]
    assert loop.gauges["in_use"][0] == 5e6
    assert loop.seconds_per_iteration == 1.0


def test_a_gauge_that_was_not_read_is_unknown_not_zero(directory: Path) -> None:
    loop = load_run(directory).loops["/a.py:1:main"]

    assert np.isnan(loop.gauges["in_use"][1])
    assert np.isnan(loop.gauges["fds"]).all()


def test_a_loss_is_reported_once(directory: Path) -> None:
    assert [loss.slug for loss in load_run(directory).losses].count("census-skipped") == 1


def test_a_census_that_never_came_is_a_loss(directory: Path) -> None:
    run = load_run(directory)

    assert [one.arrived for one in run.checkpoints] == [False]
    assert "census-lost" in [loss.slug for loss in run.losses]


def test_turns_add_up_over_all_entries_of_a_loop(tmp_path: Path) -> None:
    text = "header t=0 writer=agent\n"
    text += 'loop id="/a.py:1:f" file="/a.py" line=1 function=f variables=["i"] loop_kind=for\n'
    for serial in (1, 2):
        text += f'enter t={serial} instance={serial} loop="/a.py:1:f" total=4\n'
        text += f"sample t={serial} instance={serial} completed=2 rss_anon=1MB\n"
        text += f"leave t={serial}.5 instance={serial} completed=4 how=exhausted\n"
    (tmp_path / "agent-5.jsonl").write_bytes(encode_text(text))

    loop = load_run(tmp_path).loops["/a.py:1:f"]

    assert loop.turns.tolist() == [2, 6]
    assert (loop.iterations, loop.total, loop.entries) == (8, 8, 2)


def test_without_the_supervisor_the_agent_is_enough(directory: Path) -> None:
    (directory / "supervisor.jsonl").unlink()

    run = load_run(directory)

    assert run.exit is None
    assert run.end is not None
    assert "supervisor-journal-missing" in [loss.slug for loss in run.losses]


def test_without_the_agent_the_tree_is_left(directory: Path) -> None:
    (directory / "agent-5.jsonl").unlink()

    run = load_run(directory)

    assert run.loops == {}
    assert run.tree.tree_rss.tolist() == [30e6]
    assert "agent-journal-missing" in [loss.slug for loss in run.losses]


def test_an_empty_directory_is_a_run_of_which_nothing_is_known(tmp_path: Path) -> None:
    run = load_run(tmp_path)

    assert (run.started, run.exit, run.loops) == (None, None, {})


@pytest.mark.parametrize("kind", ["end", "leave", "checkpoint", "enter"])
def test_a_torn_journal_is_read_up_to_the_tear(directory: Path, kind: str) -> None:
    file = directory / "agent-5.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[: whole.index(f'"{kind}"'.encode()) + 5])

    run = load_run(directory)

    assert "journal-torn" in [loss.slug for loss in run.losses]
    assert run.exit is not None


def test_a_long_journal_is_streamed_to_the_same_run(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_run(directory)
    monkeypatch.setattr(records, "STREAM_ABOVE", 10)

    streamed = load_run(directory)

    assert streamed.end == whole.end
    assert streamed.instances == whole.instances
    assert streamed.losses == whole.losses
    for name, column in whole.loops["/a.py:1:main"].gauges.items():
        assert np.array_equal(column, streamed.loops["/a.py:1:main"].gauges[name], equal_nan=True)


def test_a_streamed_journal_says_what_it_skipped(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = directory / "agent-5.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"leave"', b'"leafe"'))
    monkeypatch.setattr(records, "STREAM_ABOVE", 10)

    losses = {loss.slug: loss.count for loss in load_run(directory).losses}

    assert losses["journal-damaged"] == 1
