"""Whatever happened to the lines of the journals, a story is told and what is missing is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from described_journals import HERE, KERNEL, SUPERVISOR, run_directory, sweep, trees
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stories import LAMS, _end

from leakhunt.errors import LeakhuntError
from leakhunt.findings.timeline import Timeline
from leakhunt.report.timeline_html import timeline_body
from leakhunt.report.timeline_json import timeline_json
from leakhunt.report.timeline_terminal import timeline_text
from leakhunt.timeline.story import tell

JOURNALS = ("supervisor.jsonl", "agent-101.jsonl", "work-101.jsonl")
WORK = "header t=1 writer=work pid=101\n" + "".join(
    f"unit t={60 + at} ledger=/srv/job/r.csv key=[{at}]\n" for at in range(20)
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    supervisor = SUPERVISOR + trees(range(1, 400, 20), 500, 1.0) + _end(400, KERNEL, (0, 1), "SIGKILL")
    return run_directory(
        tmp_path_factory.mktemp("whole"), supervisor, sweep(LAMS, 60, 500, 60), work_101=WORK
    )


def damaged(whole: Path, place: Path, name: str, lines: list[bytes]) -> Timeline:
    """Tell the story of a copy of the run in which one journal has other lines; draw it, too."""
    shutil.rmtree(place / "runs", ignore_errors=True)
    copy = place / "runs" / whole.name
    shutil.copytree(whole, copy)
    (copy / name).write_bytes(b"".join(lines))
    timeline = tell(copy, machine=HERE)
    assert timeline_text(timeline)
    assert timeline_body(timeline)
    assert timeline_json(timeline)
    return timeline


def slugs(timeline: Timeline) -> set[str]:
    return {loss.slug for loss in timeline.losses}


def lines_of(whole: Path, name: str) -> list[bytes]:
    return (whole / name).read_bytes().splitlines(keepends=True)


SLOWLY = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
any_journal = st.sampled_from(JOURNALS)


def test_the_whole_story_has_no_damage_to_tell(whole: Path, tmp_path: Path) -> None:
    timeline = damaged(whole, tmp_path, JOURNALS[0], lines_of(whole, JOURNALS[0]))

    assert not {slug for slug in slugs(timeline) if slug.startswith("journal-")}
    assert (timeline.death.certainty, timeline.death.cause) == ("proven", "kernel-oom")
    assert timeline.kept is not None
    assert [one.units for one in timeline.kept.units] == [20]


@SLOWLY
@given(any_journal, st.data())
def test_a_journal_that_was_cut_off(whole: Path, tmp_path: Path, name: str, data: st.DataObject) -> None:
    text = (whole / name).read_bytes()
    length = data.draw(st.integers(0, len(text) - 1))

    timeline = damaged(whole, tmp_path, name, text[:length].splitlines(keepends=True))

    torn = bool(text[:length].rpartition(b"\n")[2]) and length != text.rfind(b"\n", 0, length) + 1
    whole_but_for_newline = text[length : length + 1] == b"\n"
    if torn and not whole_but_for_newline:
        assert slugs(timeline) & {"journal-torn", "journal-empty"}
    assert timeline.death.cause in ("kernel-oom", "supervisor-lost", "unknown")


@SLOWLY
@given(any_journal, st.data())
def test_a_bit_that_flipped(whole: Path, tmp_path: Path, name: str, data: st.DataObject) -> None:
    text = bytearray((whole / name).read_bytes())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= 1 << data.draw(st.integers(0, 7))

    timeline = damaged(whole, tmp_path, name, bytes(text).splitlines(keepends=True))

    assert slugs(timeline) & {"journal-damaged", "journal-torn"}
    assert timeline.death.cause in ("kernel-oom", "supervisor-lost", "unknown")


@SLOWLY
@given(any_journal, st.data())
def test_lines_that_are_there_twice(whole: Path, tmp_path: Path, name: str, data: st.DataObject) -> None:
    lines = lines_of(whole, name)
    for at in sorted(
        data.draw(st.sets(st.integers(0, len(lines) - 1), min_size=1, max_size=10)), reverse=True
    ):
        lines.insert(at, lines[at])

    timeline = damaged(whole, tmp_path, name, lines)

    assert "journal-duplicate" in slugs(timeline)
    assert timeline.death.cause == "kernel-oom"
    assert timeline.kept is not None
    assert [one.units for one in timeline.kept.units] == [20]


@SLOWLY
@given(any_journal, st.randoms(use_true_random=False))
def test_lines_in_another_order(whole: Path, tmp_path: Path, name: str, chance: object) -> None:
    lines = lines_of(whole, name)
    chance.shuffle(lines)  # type: ignore[attr-defined]

    timeline = damaged(whole, tmp_path, name, lines)

    assert timeline.death.cause == "kernel-oom"
    assert [event.seconds for event in timeline.events] == sorted(
        event.seconds or 0.0 for event in timeline.events
    )


@SLOWLY
@given(any_journal, st.binary(max_size=200))
def test_foreign_bytes_in_between(whole: Path, tmp_path: Path, name: str, noise: bytes) -> None:
    lines = lines_of(whole, name)
    lines.insert(len(lines) // 2, noise.replace(b"\n", b"") + b"\n")

    assert damaged(whole, tmp_path, name, lines).death.cause == "kernel-oom"


@pytest.mark.parametrize("name", JOURNALS)
def test_a_journal_that_is_gone(whole: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "runs" / whole.name
    shutil.copytree(whole, copy)
    (copy / name).unlink()

    timeline = tell(copy, machine=HERE)

    assert timeline.events
    if name != "work-101.jsonl":
        assert slugs(timeline) & {"supervisor-journal-missing", "agent-journal-missing"}


def test_damage_is_named_in_a_journal_too_long_to_be_held_whole(
    whole: Path, tmp_path: Path, monkeypatch
) -> None:
    from leakhunt.model import records
    from leakhunt.timeline import journals

    monkeypatch.setattr(records, "STREAM_ABOVE", 100)
    monkeypatch.setattr(journals, "STREAM_ABOVE", 100)
    name = "supervisor.jsonl"
    lines = lines_of(whole, name)
    twice, gone, torn = [*lines, lines[5]], lines[:8] + lines[9:], [*lines[:-1], lines[-1][:20]]

    assert "journal-duplicate" in slugs(damaged(whole, tmp_path, name, twice))
    assert "journal-gap" in slugs(damaged(whole, tmp_path, name, gone))
    assert "journal-torn" in slugs(damaged(whole, tmp_path, name, torn))


def test_a_journal_of_a_newer_format_is_refused_in_one_line(whole: Path, tmp_path: Path) -> None:
    from leakhunt.journal.text import encode_text

    copy = tmp_path / "runs" / whole.name
    shutil.copytree(whole, copy)
    (copy / "work-7.jsonl").write_bytes(encode_text("header format=99 leakhunt=9.0"))

    with pytest.raises(LeakhuntError, match="update leakhunt") as caught:
        tell(copy, machine=HERE)
    assert "\n" not in str(caught.value)


def test_a_journal_of_noise_alone_is_nothing_to_tell(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "noise"
    path.mkdir(parents=True)
    (path / "supervisor.jsonl").write_bytes(bytes(range(256)) * 100)

    with pytest.raises(LeakhuntError, match="nothing can be read"):
        tell(path, machine=HERE)
