"""A journal that was cut, flipped, doubled or shuffled is read as far as it goes, and says what it lost."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.errors import LeakhuntError
from leakhunt.journal.reader import read_journal, read_lines
from leakhunt.journal.text import encode_text, read_text

TEXT = (
    """
header t=0 writer=agent pid=7 target=sweep.py
loop id=sweep.py:3:main file=sweep.py line=3 function=main variables=["lam"] loop_kind=for
enter t=0.1 instance=1 loop=sweep.py:3:main total=9
"""
    + "".join(
        f"sample t={1 + n / 4} instance=1 completed={n} values=[{n}.5] rss_anon={400 + n}MB\n"
        for n in range(30)
    )
    + """
leave t=9 instance=1 completed=30 how=exhausted
end t=9.5 how=completed exit_code=0
"""
)
WHOLE = encode_text(TEXT)
LINES = WHOLE.splitlines(keepends=True)
RECORDS = read_text(TEXT).records


def read(data: bytes):
    return read_lines(data.splitlines(keepends=True))


def slugs(journal) -> set[str]:
    return {loss.slug for loss in journal.losses}


def test_a_whole_journal_has_no_losses():
    journal = read(WHOLE)

    assert journal.records == RECORDS
    assert len(journal.records) == 35
    assert journal.losses == []


@given(st.integers(0, len(WHOLE) - 1))
def test_a_journal_cut_anywhere_keeps_every_whole_line(length):
    journal = read(WHOLE[:length])

    whole = WHOLE[:length].count(b"\n")
    rest = length - sum(map(len, LINES[:whole]))
    if rest == len(LINES[whole]) - 1:  # only the newline is missing: the record is whole
        whole, rest = whole + 1, 0
    assert [record.seq for record in journal.records] == list(range(whole))
    assert ("journal-torn" in slugs(journal)) == (rest > 0)
    assert ("journal-empty" in slugs(journal)) == (whole == 0)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 7))
def test_a_flipped_bit_costs_its_own_line_and_is_named(byte, bit):
    data = bytearray(WHOLE)
    data[byte] ^= 1 << bit

    journal = read(bytes(data))

    assert slugs(journal) & {"journal-damaged", "journal-torn"}
    assert len(journal.records) >= len(RECORDS) - 2  # a flipped newline joins two lines
    assert all(record in RECORDS for record in journal.records if journal.header)


@given(st.lists(st.integers(0, len(LINES) - 1), min_size=1, max_size=20))
def test_lines_that_are_there_twice_count_once(doubled):
    lines = list(LINES)
    for index in sorted(doubled, reverse=True):
        lines.insert(index, LINES[index])

    journal = read_lines(lines)

    assert journal.records == RECORDS
    assert [(loss.slug, loss.count) for loss in journal.losses] == [("journal-duplicate", len(doubled))]


@given(st.randoms(use_true_random=False))
def test_shuffled_lines_come_back_in_order(chance):
    lines = list(LINES)
    chance.shuffle(lines)

    journal = read_lines(lines)

    assert journal.records == RECORDS
    assert slugs(journal) <= {"journal-reordered"}


def test_lines_far_out_of_order_are_named():
    journal = read_lines(LINES[20:] + LINES[:20])

    assert journal.records == RECORDS
    assert slugs(journal) == {"journal-reordered"}


@given(st.sets(st.integers(1, len(LINES) - 2), min_size=1))
def test_missing_lines_are_counted(gone):
    journal = read_lines(line for number, line in enumerate(LINES) if number not in gone)

    assert [(loss.slug, loss.count) for loss in journal.losses] == [("journal-gap", len(gone))]


def test_any_bytes_at_all_are_read():
    chance = random.Random(5)

    for size in (1, 9, 10, 100, 5_000):
        assert slugs(read(chance.randbytes(size))) >= {"journal-empty"}


@given(st.binary(max_size=300))
def test_foreign_lines_between_are_skipped(noise):
    journal = read(WHOLE[: len(LINES[0])] + noise.replace(b"\n", b"") + b"\n" + WHOLE[len(LINES[0]) :])

    assert journal.records == RECORDS


def test_records_dropped_by_a_full_disk_are_told_once():
    journal = read_text(
        """
        header t=0 writer=agent
        event seq=4 name=later
        loss slug=journal-full what="3 records" count=3
        """
    )

    assert [record.fields["count"] for record in journal.of("loss")] == [3]
    assert journal.losses == []


def test_a_second_program_in_the_same_process_goes_on_in_the_same_journal():
    second = TEXT.replace("t=0 writer", "t=100 writer")

    journal = read_lines(LINES + encode_text(second).splitlines(keepends=True))

    assert len(journal.records) == 70
    assert journal.losses == []


def test_an_unknown_kind_of_record_is_a_loss_and_the_rest_is_read():
    from leakhunt.journal.codec import encode_line

    lines = [*LINES, encode_line(["hologram", len(LINES), 10.0, None, 1])]

    journal = read_lines(lines)

    assert journal.records == RECORDS
    assert [(loss.slug, loss.count) for loss in journal.losses] == [("journal-unknown-kind", 1)]


def test_a_newer_writer_may_append_fields_and_an_older_may_lack_them():
    from leakhunt.journal.codec import encode_line

    journal = read_lines(
        [
            encode_line(["header", 0, 0.0, 1.0, 1]),
            encode_line(["leave", 1, 1.0, 2.0, 5, 30, "exhausted", "new", "newer"]),
        ]
    )

    assert journal.records[0].fields["writer"] is None
    assert journal.records[1].fields == {"instance": 5, "completed": 30, "how": "exhausted"}
    assert journal.losses == []


def test_a_newer_format_is_refused_in_one_line():
    with pytest.raises(LeakhuntError, match="update leakhunt") as caught:
        read_text("header format=99 leakhunt=9.0")

    assert caught.value.slug == "journal-newer"
    assert "\n" not in str(caught.value)


def test_a_missing_journal_is_one_line(tmp_path):
    with pytest.raises(LeakhuntError, match="cannot read the journal"):
        read_journal(tmp_path / "none.jsonl")


def test_frequent_records_take_the_wall_clock_from_their_neighbours():
    journal = read_text(
        "header t=10 wall=1010\nsample t=12 instance=1\nevent t=20 wall=1025 name=jump\ntree t=21"
    )

    assert [record.wall for record in journal.records] == [1010, 1012, 1025, 1026]
