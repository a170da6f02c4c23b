"""Journals and their text are the same thing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.errors import LeakhuntError
from leakhunt.journal.codec import plain
from leakhunt.journal.reader import Record, read_lines
from leakhunt.journal.records import FIELDS, FREQUENT
from leakhunt.journal.text import encode_text, parse_text, read_text, to_text

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.sampled_from(
        ["true", "null", "NaN", "#", "a=b", "412MB", "[412MB, 3kB]", "x 412MB", "=412MB", "\x1b[2J", "'", ""]
    ),
)
values = st.one_of(scalars, st.lists(scalars), st.dictionaries(st.text(), scalars))
clocks = st.floats(0, 1e9, allow_nan=False)


@st.composite
def records(draw):
    kind = draw(st.sampled_from(sorted(FIELDS)))
    names = draw(st.sets(st.sampled_from(FIELDS[kind])))
    fields = {name: plain(draw(values), depth=1) if name in names else None for name in FIELDS[kind]}
    if kind == "header":
        fields["format"] = 1
    boot = draw(clocks)
    wall = None if kind in FREQUENT else draw(st.one_of(st.just(1_700_000_000.0 + boot), st.none(), clocks))
    return Record(kind, draw(st.integers(0, 10**9)), boot, wall, fields)


@given(st.lists(records(), max_size=6))
def test_records_survive_the_way_to_text_and_back(written):
    text = to_text(written)

    assert parse_text(text) == written
    assert text.count("\n") == len(written)
    assert all(character.isprintable() or character == "\n" for character in text)


@given(st.lists(records(), max_size=6, unique_by=lambda record: record.seq))
def test_text_says_what_the_file_says(written):
    text = to_text(written)

    read = read_lines(encode_text(text).splitlines(keepends=True)).records

    if sum(record.kind == "header" for record in written) <= 1:
        expected = sorted(written, key=lambda record: record.seq)
        assert [record._replace(wall=None) for record in read] == [r._replace(wall=None) for r in expected]


def test_sizes_words_lists_and_comments_read_as_a_person_means_them():
    (record,) = parse_text(
        'sample t=1.25 instance=1 completed=3 values=[3e-08, "a b"] rss_anon=412MB native=[2MiB, 1.5kB]  # so'
    )

    assert record.boot == 1.25
    assert record.wall is None
    assert record.fields["values"] == [3e-08, "a b"]
    assert record.fields["rss_anon"] == 412_000_000
    assert record.fields["native"] == [2_097_152, 1_500]
    assert record.fields["gpu"] is None


def test_a_dump_reads_well():
    text = "leave t=2.5 instance=1 completed=30 how=exhausted\nsample t=3 instance=1 rss_anon=8.667136MB\n"

    assert to_text(read_text("header t=0\n" + text).records[1:]).replace("seq=1 ", "") == text.replace(
        "t=3 ", "t=3.0 "
    )


def test_time_and_number_run_on_by_themselves():
    first, second, third = parse_text("header t=5\n# pause\nevent name=a\nevent t=6 name=b")

    assert [(r.seq, r.boot, r.wall) for r in (first, second, third)] == [
        (0, 5.0, 1_700_000_005.0), (1, 5.0, 1_700_000_005.0), (2, 6.0, 1_700_000_006.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hologram t=1", "line 1: no kind 'hologram'"),
        ("\nsample colour=red", "line 2: a sample record has no 'colour'"),
        ("sample instance", "expected name=value at 'instance'"),
        ("sample instance=[1", "not a value"),
        ("sample t=soon", "t is a number"),
    ],
)
def test_a_mistake_in_a_text_names_its_line(text, message):
    with pytest.raises(LeakhuntError, match=message.replace("[", r"\[")):
        parse_text(text)
