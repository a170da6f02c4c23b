"""What single records are told as, and how many alike become one event."""

from __future__ import annotations

import pytest
from described_journals import SUPERVISOR

from leakhunt.findings.timeline import Event
from leakhunt.journal.text import read_text
from leakhunt.timeline.events import Clock, drafts_of
from leakhunt.timeline.grouping import FEW, counted
from leakhunt.timeline.journals import Told


def told(text: str, source: str = "supervisor.jsonl") -> list[Told]:
    return [Told(source, 100, one.kind, one.boot, one.wall, one.fields) for one in read_text(text).records]


def events(text: str) -> list[Event]:
    records = told(text)
    return counted(drafts_of(records, Clock(records), ["sweep.py"]))


def texts(text: str) -> list[str]:
    return [event.text for event in events(text)]


def pool(kind: str, at: float, **fields: object) -> Told:
    return Told("work-1.jsonl", 1, kind, at, 1_000.0 + at, fields)


def test_a_few_alike_are_told_one_by_one_and_more_as_one() -> None:
    few = "".join(f"brake t={at} how=braked available=1GB\n" for at in range(FEW))
    many = few + f"brake t={FEW} how=braked available=2GB\n"

    assert len(texts(few)) == FEW
    assert texts(many) == [f"memory brake fired {FEW + 1} times (1 GB available at first, 2 GB at last)"]


def test_what_happened_before_a_restart_is_not_counted_with_what_came_after() -> None:
    half = "".join("unit ledger=r.csv key=[1]\n" for _ in range(5))

    found = events(f"{half}restart t=10 attempt=2 why=died\n{half}")

    assert [event.count for event in found] == [5, 1, 5]


def test_an_event_that_happened_often_says_until_when() -> None:
    (event,) = events("".join(f"brake t={at} how=yielded\n" for at in range(10)))

    assert (event.count, event.seconds) == (10, 0.0)
    assert event.until is not None
    assert event.wall is not None
    assert event.until - event.wall == 9


def test_copies_of_a_guarded_program_are_told_apart() -> None:
    started = "start t=1 pid=1 copy=1\nstart t=2 pid=2 copy=2\nstart t=9 pid=3 copy=2\n"

    assert texts(started)[1:] == ["started (copy 2): sweep.py", "started again, attempt 2 (copy 2): sweep.py"]


def test_a_clock_that_was_set_is_told_and_does_not_disturb_the_order() -> None:
    found = events(
        "header t=0\nsignal t=5 name=SIGTERM forwarded=true\nsignal t=6 wall=1700003606 name=SIGHUP\n"
    )

    assert [event.kind for event in found] == ["signal", "signal", "clock"]
    assert "set forward by 1 h" in found[-1].text


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (
            "hard-limit what=cgroup-v2 size=250MB",
            "hard limit set by leakhunt: 250 MB for all its processes (cgroup-v2)",
        ),
        ("hard-limit what=rlimit size=250MB", "hard limit set by leakhunt: 250 MB of data for each process (rlimit)"),
        ("orphans pids=[1,2]", "2 processes that were left behind were killed"),
        (
            'intent why=hung what="quiet for 5 min" pid=7',
            "leakhunt asks it to end: no sign of life for too long (quiet for 5 min)",
        ),
        ('circuit why="it is no use"', "no other attempt: it is no use"),
    ],
)  # fmt: skip
def test_what_a_record_is_told_as(record: str, said: str) -> None:
    assert texts(record.replace("size=250MB", "size=250000000")) == [said]


def test_no_hard_limit_and_notes_of_our_own_are_not_told() -> None:
    assert (
        texts("hard-limit what=none\nevent name=preflight detail={}\nevent name=versions detail={}\n") == []
    )


def test_the_first_line_of_a_story_is_its_start() -> None:
    assert texts(SUPERVISOR)[0] == "started: sweep.py"


def test_what_a_pool_did_is_told() -> None:
    records = [
        pool("pool", 0, backend="loky", workers=4, max_in_flight=None),
        pool("pool-window", 1, window=2, why="no-room", used=10**9),
        *(pool("recycle", 2 + at, pid=at, why="tasks", resident=2 * 10**8) for at in range(5)),
        pool("quarantine", 9, unit="7", causes=["SIGKILL", "SIGKILL", "SIGSEGV"]),
    ]

    assert [event.text for event in counted(drafts_of(records, Clock(records), []))] == [
        "pool of 4 workers began (loky), as many units in flight as memory allows",
        "pool: 2 units in flight from here on, there is no room for more",
        "pool: 5 workers replaced, it had done its number of units",
        "pool: unit 7 was given up: SIGKILL; SIGKILL; SIGSEGV",
    ]
