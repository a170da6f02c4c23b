"""What must not change an answer, and what must change it by as much: checks that need no known answer.

Whole runs of programs of the suite and of changed copies of them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from advice_applied import applied
from known_answers import CLEANS, LEAKS, Clean, Leak, allowed_verdicts, owner_path, suspects
from profiled import profile

pytestmark = pytest.mark.timeout(600)

#: One for each way of holding that is read differently.
SHAPES = ("list_append", "dict_by_id", "closure_variable", "lru_cache_unbounded", "class_attribute")
LOOKALIKES = ("list_append", "bounded_keys", "flush_every_ten", "small_cache_fills")


def leak_named(name: str) -> Leak:
    return next(leak for leak in LEAKS if leak.name == name)


def clean_named(name: str) -> Clean:
    return next(clean for clean in CLEANS if clean.name == name)


def written(directory: Path, leak: Leak | Clean, text: str) -> Path:
    """Return a changed copy of a program, under the same name: its name is part of the owner's path."""
    directory.mkdir()
    copy = directory / leak.program.name
    copy.write_text(text)
    return copy


def worst(report: dict[str, Any]) -> dict[str, Any]:
    found = suspects(report)
    assert found, report["reasons"]
    return found[0]


def answers(report: dict[str, Any]) -> set[tuple[str, str | None]]:
    """Return (fingerprint, owner) of what is, or may be, a leak."""
    return {(finding["id"], owner_path(finding)) for finding in suspects(report)}


def renamed(text: str) -> str:
    """The program with other names for what has nothing to do with the leak, on other lines, and more globals."""
    text = re.sub(r"\bwork\b", "exercise", text)
    text = re.sub(r"\btotal\b", "summed", text)
    head, _, rest = text.partition("\n\n")
    return f"{head}\n\nUNRELATED = {{'a': 1}}\nALSO_UNRELATED = [0] * 1000\n\n{rest}"


@pytest.mark.slow
def test_unrelated_names_and_lines_leave_the_fingerprint(tmp_path: Path) -> None:
    leak = leak_named("dict_by_id")
    text = leak.program.read_text()

    plain = profile(written(tmp_path / "plain", leak, text), "40")
    other = profile(written(tmp_path / "other", leak, renamed(text)), "40")

    assert renamed(text) != text
    assert answers(plain) == answers(other)


def test_fewer_than_six_turns_are_refused() -> None:
    for case in (leak_named("list_append"), clean_named("list_append")):
        report = profile(case.program, "5")

        assert report["verdict"] == "cannot-tell"
        assert report["more_iterations"] >= 1
        assert suspects(report) == [] or suspects(report)[0]["verdict"] == "cannot-tell"


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_a_program_that_runs_again_is_told_the_same(name: str) -> None:
    leak = leak_named(name)

    first, second = (profile(leak.program, "40") for _ in range(2))

    assert first["verdict"] == second["verdict"] == "leak"
    assert answers(first) == answers(second)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_twice_the_payload_is_twice_the_rate(name: str, tmp_path: Path) -> None:
    leak = leak_named(name)
    text = leak.program.read_text()
    assert "20_000)" in text.replace("range(20_000)", "")
    doubled = re.sub(r"urandom\(20_000\)", "urandom(40_000)", text)

    once = worst(profile(leak.program, "40"))
    twice = worst(profile(written(tmp_path / "doubled", leak, doubled), "40"))

    assert twice["bytes_per_iteration"] == pytest.approx(2 * once["bytes_per_iteration"], rel=0.05)
    assert twice["id"] == once["id"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_twice_the_turns_leave_a_leak_a_leak(name: str) -> None:
    leak = leak_named(name)

    once, twice = profile(leak.program, "40"), profile(leak.program, "80")

    assert once["verdict"] == twice["verdict"] == "leak"
    assert worst(once)["id"] == worst(twice)["id"]
    assert worst(twice)["bytes_per_iteration"] == pytest.approx(worst(once)["bytes_per_iteration"], rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOKALIKES)
def test_twice_the_turns_accuse_no_clean_program(name: str) -> None:
    clean = clean_named(name)

    assert profile(clean.program, "40")["verdict"] == "no-leak"
    assert profile(clean.program, "80")["verdict"] == "no-leak"


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [leak_named("list_append"), leak_named("closure_variable"), *map(clean_named, LOOKALIKES)],
    ids=lambda case: case.program.stem,
)
def test_tracemalloc_changes_no_verdict(case: Leak | Clean) -> None:
    report = profile(case.program, "40", environment={"PYTHONTRACEMALLOC": "1"})

    assert report["verdict"] in allowed_verdicts(case, 40)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["list_append", "dict_by_id", "lru_cache_unbounded", "exceptions_kept"])
def test_the_advised_change_ends_the_leak(name: str, tmp_path: Path) -> None:
    leak = leak_named(name)
    text = leak.program.read_text()
    report = profile(written(tmp_path / "before", leak, text), "40")
    first = next(one for one in report["recommendations"] if worst(report)["id"] in one["findings"])

    changed = profile(written(tmp_path / "after", leak, applied(text, first)), "40")

    assert report["verdict"] == "leak"
    assert changed["verdict"] == "no-leak", applied(text, first)


@pytest.mark.slow
def test_two_owners_of_the_same_objects_share_them() -> None:
    report = profile(leak_named("two_owners").program, "40")

    found = {finding["owner"]["path"]: finding["owner"] for finding in report["findings"] if finding["owner"]}
    owners = [owner for path, owner in found.items() if path.endswith(("BY_NUMBER", "local in_order"))]

    assert len(suspects(report)) == 1  # the blocks are counted once
    assert len(owners) == 2
    for owner, other in zip(owners, reversed(owners), strict=True):
        assert other["path"] in owner["others"]
        assert owner["exclusive_bytes"] < 0.1 * owner["retained_bytes"]
        # Half of the blocks that were there when shares were last counted: on a busy machine not the last census.
        assert owner["retained_bytes"] == pytest.approx(other["retained_bytes"], rel=0.1)
        assert 8 * 20_000 / 2 < owner["retained_bytes"] < 1.35 * 40 * 20_000 / 2
