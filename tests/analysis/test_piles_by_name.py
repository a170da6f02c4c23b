"""Files, sockets and threads that pile up are named; what opens and closes stays silent."""

from __future__ import annotations

import pytest
from described import MB, described, looked, loop_text

from leakhunt.analysis.diagnose import diagnose
from leakhunt.analysis.open_names import Pile, descriptor_names, thread_names

READ_AT = (3, 6, 10, 16, 24, 36, 40)


def level(turn: int) -> float:
    return 100 * MB


def opened(turn: int, **groups: object) -> str:
    return looked("surroundings", turn, **groups)


def test_open_files_are_named_by_their_pattern_and_the_line_that_opens_them() -> None:
    files = [opened(turn, descriptors={"/app/data/chunk-*.csv": turn, "pipe": 2}) for turn in READ_AT]
    lines = [
        looked("bracket", turn, meter="descriptors", places=[["/app/sweep.py", 9, "load", 1, []]], net=1)
        for turn in (20, 21)
    ]
    journal = loop_text(40, level, fds=lambda turn: 8 + turn) + "".join(files + lines)

    (found,) = diagnose(described(journal)).findings

    assert (found.kind, found.verdict, found.confidence) == ("handle-growth", "leak", "high")
    assert found.title == "open files pile up: +1 per iteration"
    assert "40 files like /app/data/chunk-*.csv" in " ".join(found.evidence)
    assert [(site.line, site.function) for site in found.sites] == [(9, "load")]


def test_sockets_are_named_by_whom_they_are_connected_to() -> None:
    sockets = [opened(turn, descriptors={"tcp socket to 10.0.0.7:5432": turn}) for turn in READ_AT]
    journal = loop_text(40, level, fds=lambda turn: 8 + turn) + "".join(sockets)

    (found,) = diagnose(described(journal)).findings

    assert found.title == "open sockets pile up: +1 per iteration"
    assert "40 tcp sockets to 10.0.0.7:5432" in " ".join(found.evidence)


def test_threads_are_named_by_name_and_target() -> None:
    threads = [opened(turn, threads={"MainThread": 1, "Thread-* (listen)": turn}) for turn in READ_AT]
    journal = loop_text(40, level, threads=lambda turn: 1 + turn) + "".join(threads)

    (found,) = diagnose(described(journal)).findings

    assert (found.kind, found.verdict) == ("thread-growth", "leak")
    assert "40 named Thread-* (listen)" in " ".join(found.evidence)


def test_files_that_are_closed_again_are_silent_whatever_they_are_called() -> None:
    files = [opened(turn, descriptors={"/app/data/chunk-*.csv": turn % 4}) for turn in READ_AT]

    journal = loop_text(40, level, fds=lambda turn: 8 + turn % 4) + "".join(files)

    assert diagnose(described(journal)).findings == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/app/data/part-*.bin", "7 files like data/part-*.bin"),
        ("/tmp/other.bin", "7 files like /tmp/other.bin"),
        ("unix socket", "7 unix sockets"),
        ("tcp socket listening on 0.0.0.0:80", "7 tcp sockets listening on 0.0.0.0:80"),
        ("socket", "7 sockets"),
        ("pipe", "7 pipes"),
        ("eventpoll", "7 epoll objects"),
    ],
)
def test_a_group_of_descriptors_is_said_as_a_person_would(name: str, said: str) -> None:
    assert descriptor_names([Pile(name, 1.0, 7)], "/app") == said


def test_threads_of_native_code_are_said_to_be_that() -> None:
    assert thread_names([Pile("", 1.0, 12)]) == "12 that Python did not start"
    assert thread_names([]) is None
