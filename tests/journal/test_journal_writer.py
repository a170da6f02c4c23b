"""What a program writes arrives, and writing never disturbs the program."""

from __future__ import annotations

import errno
import math
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.journal import writer as writer_module
from leakhunt.journal.codec import MAX_LINE, decode_line, encode_line
from leakhunt.journal.reader import read_journal
from leakhunt.journal.writer import JournalWriter


@pytest.fixture
def journal(tmp_path):
    return JournalWriter(tmp_path / "agent-1.jsonl", {"writer": "agent", "target": "sweep.py"})


def test_records_come_back_as_they_were_written(journal):
    journal.write("leave", 1, 30, "exhausted")
    journal.write("event", name="a", detail={"b": [1, None, 2.5]})
    journal.sample(1, 2, [3e-08, "ü\n"], 400, None, 0, 5, [1, 2], [0, 0, 0], 3, 1, None)
    journal.close()

    read = read_journal(journal.path)

    assert read.losses == []
    assert [record.kind for record in read.records] == ["header", "leave", "event", "sample"]
    assert read.header["target"] == "sweep.py"
    assert read.header["pid"] == os.getpid()
    assert read.records[1].fields == {"instance": 1, "completed": 30, "how": "exhausted"}
    assert read.records[2].fields == {"name": "a", "detail": {"b": [1, None, 2.5]}}
    assert read.records[3].fields["values"] == [3e-08, "ü\n"]
    assert read.records[3].wall == pytest.approx(read.records[2].wall, abs=60)


def test_a_forked_child_writes_nothing(journal):
    pid = os.fork()
    if pid == 0:
        written = journal.write("event", "child", None) or journal.sample(1, 2, [3])
        journal.close()
        os._exit(1 if written else 0)
    _, status = os.waitpid(pid, 0)
    journal.write("event", "parent", None)

    assert os.waitstatus_to_exitcode(status) == 0
    assert [r.fields["name"] for r in read_journal(journal.path).of("event")] == ["parent"]


class Disk:
    """A disk that takes `room` bytes more; a reserve that is given up is room again."""

    def __init__(self, monkeypatch, room):
        self.room = room
        write, unlink = os.write, os.unlink

        def limited_write(descriptor, data):
            if self.room <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = write(descriptor, data[: self.room])
            self.room -= written
            return written

        def giving_back(path):
            unlink(path)
            self.room += writer_module.RESERVE

        monkeypatch.setattr(writer_module, "write", limited_write)
        monkeypatch.setattr(writer_module.os, "unlink", giving_back)


def dropped(read):
    return sum(
        record.fields["count"] for record in read.of("loss") if record.fields["slug"] == "journal-full"
    )


@pytest.mark.parametrize("room", [0, 20])
def test_a_full_disk_costs_samples_and_not_the_end_of_the_story(journal, monkeypatch, room):
    Disk(monkeypatch, room)

    assert [journal.sample(1, turn, [turn]) for turn in range(50)] == [False] * 50
    assert journal.write("end", "completed", 0)
    journal.close()

    read = read_journal(journal.path)
    assert [record.kind for record in read.records] == ["header", "loss", "end", "loss"]
    assert dropped(read) == 50
    assert {loss.slug for loss in read.losses} <= {"journal-damaged"}


def test_sampling_goes_on_once_there_is_room_again(journal, monkeypatch):
    disk = Disk(monkeypatch, 0)
    journal.sample(1, 1, [1])
    disk.room = 10**6
    monkeypatch.setattr(writer_module, "boot_clock", lambda: 1e9)

    assert journal.sample(1, 2, [2])
    journal.close()

    read = read_journal(journal.path)
    assert [record.fields["completed"] for record in read.of("sample")] == [2]
    assert dropped(read) == 1


def test_a_disk_that_stays_full_is_borne_in_silence(journal, monkeypatch):
    Disk(monkeypatch, -writer_module.RESERVE)

    assert [journal.write("event", "lost", None), journal.sample(1, 2, [3])] == [False, False]
    journal.close()

    assert journal.dropped >= 2
    assert [record.kind for record in read_journal(journal.path).records] == ["header"]


def test_nothing_is_left_beside_a_closed_journal(journal, tmp_path):
    assert (tmp_path / "agent-1.jsonl.reserve").stat().st_size == writer_module.RESERVE

    journal.close()

    assert [path.name for path in tmp_path.iterdir()] == ["agent-1.jsonl"]


def test_a_target_that_closes_every_descriptor_does_not_get_the_journal_into_its_own_file(journal, tmp_path):
    os.close(journal._fd)
    own = os.open(tmp_path / "own.txt", os.O_CREAT | os.O_RDWR)
    os.dup2(own, journal._fd)

    journal.write("event", "after", None)
    taken = journal._fd
    journal.write("event", "again", None)

    assert os.fstat(own).st_size == 0
    assert taken == journal._fd
    assert [r.fields["name"] for r in read_journal(journal.path).of("event")] == ["after", "again"]


def test_the_journal_follows_no_change_of_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = JournalWriter("here.jsonl", {"writer": "agent"})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    os.close(journal._fd)

    journal.write("event", "kept", None)

    assert len(read_journal(tmp_path / "here.jsonl").of("event")) == 1


def test_threads_write_at_once_without_a_loss(journal):
    def work(number):
        for turn in range(300):
            journal.sample(number, turn, [turn])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    read = read_journal(journal.path)

    assert len(read.of("sample")) == 1_800
    assert read.losses == [] or {loss.slug for loss in read.losses} == {"journal-reordered"}


def test_writing_after_closing_is_counted_and_not_raised(journal):
    journal.close()

    assert journal.write("event", "late", None) is False
    assert journal.dropped == 1


def test_sampling_gets_rarer_as_the_journal_grows_and_events_never_stop(journal, monkeypatch):
    assert journal.thinning == 1
    journal._frequent = 3 * writer_module.THIN_EVERY
    assert journal.thinning == 8

    monkeypatch.setattr(writer_module, "MAX_JOURNAL", journal.size)
    journal.write("event", "past the limit", None)

    assert journal.sample(1, 1, [1]) is False
    assert journal.write("enter", 1, "a.py:1:f") is False
    assert journal.write("event", "story", None) is True


def test_ten_hours_of_sampling_stay_under_sixty_megabytes(journal):
    def size_after(seconds, base, line):
        now = written = 0.0
        while now < seconds:
            interval = base * 2 ** (written // writer_module.THIN_EVERY)
            now += 1_000 * interval
            written += 1_000 * line
        return written

    assert size_after(36_000, 0.005, 160) + size_after(36_000, 0.1, 100) < 60e6


class Hostile(str):
    def __str__(self):
        raise RuntimeError("code of the target ran")

    __repr__ = __len__ = __iter__ = encode = __str__


class HostileNumber(float):
    def __repr__(self):
        raise RuntimeError("code of the target ran")

    __float__ = __str__ = __repr__


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        ([math.nan, math.inf], ["nan", "inf"]),
        ("\ud800x", "\\ud800x"),
        (2**70, str(2**70)),
        (1 << 20_000, "<integer of 20001 bits>"),
        (object, "<type>"),
        ({1: 2}, {"<int>": 2}),
        ((1, (2, 3)), [1, [2, 3]]),
        ({"a"}, "<set>"),
        (b"x", "<bytes>"),
        (Hostile("quiet"), "quiet"),
        (HostileNumber(2.5), 2.5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_data_becomes_text(value, expected):
    items = decode_line(encode_line(["event", 0, 1.0, None, "name", value]))

    assert items[5] == expected


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, ["ü" * 1_000] * 1_000, list(range(10**6)), {str(n): "y" * 99 for n in range(9_999)}],
    ids=["text", "texts", "numbers", "names"],
)
def test_no_record_is_longer_than_its_limit(value):
    line = encode_line(["event", 7, 1.0, None, "name", value])

    assert len(line) <= MAX_LINE
    assert decode_line(line)[:2] == ["event", 7]


recursive = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=50)
    | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)


@given(st.lists(recursive, max_size=6))
def test_anything_can_be_written_and_writing_what_was_read_changes_nothing(fields):
    once = decode_line(encode_line(["event", 0, 1.0, None, *fields]))

    assert len(once) == 4 + len(fields)
    assert decode_line(encode_line(once)) == once


def test_a_list_inside_itself_is_written_as_far_as_it_goes():
    value: list = []
    value.append(value)

    assert decode_line(encode_line(["event", 0, 1.0, None, value]))[:1] == ["event"]
