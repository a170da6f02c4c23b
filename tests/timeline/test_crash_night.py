"""The night of three crashes and 951 brakes: what its own authors found out by hand is told from the logs alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign_stories import MAKE_LOGS, clock, clocks_in, story_text, write_night

from leakhunt.findings.timeline import Timeline
from leakhunt.timeline.foreign import tell_logs

GOLDEN = MAKE_LOGS.parent / "story.txt"


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    with clocks_in("UTC"):
        return tell_logs(write_night(tmp_path_factory.mktemp("night")))


def at(night: Timeline, instant: str) -> str:
    """Return all that is told of an instant, at the beginning or the end of what happened."""
    with clocks_in("UTC"):
        return "\n".join(
            f"{event.source} {event.kind}: {event.text}"
            for event in night.events
            if instant in (clock(event.wall), clock(event.until))
        )


def test_the_story_is_the_accepted_one(night: Timeline, accept: bool) -> None:
    with clocks_in("UTC"):
        drawn = story_text(night)

    if accept:
        GOLDEN.write_text(drawn, encoding="utf-8")
    assert drawn == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(("instant", "facts"), [
    ("2026-02-14 23:30:41", ["the machine started again without an orderly shutdown"]),
    ("2026-02-15 00:05:33", ["the machine started again without an orderly shutdown"]),
    ("2026-02-15 00:59:39", ["Worker 1 PID 11858 died", "Worker 2 PID 11944 died", "Worker 1 restarted as PID 77107",
                             "Worker 2 restarted as PID 77180"]),
    ("2026-02-15 01:14:14", ["watchdog.log stops, and is silent for 9 min 3 s, while the machine started again"]),
    ("2026-02-15 01:14:52", ["the machine started again without an orderly shutdown"]),
    ("2026-02-15 01:23:17", ["Worker watchdog started (PID 17588)", "Worker 1 PID 77107 is dead",
                             "Worker 2 PID 77180 is dead", "Worker 1 restarted as PID 17650",
                             "Worker 2 restarted as PID 17734"]),
    ("2026-02-15 01:24:31", ["the last line of watchdog.log: “✅ Worker 2 PID 17734 healthy", "nothing more from it"]),
    ("2026-02-15 02:46:17", ["worker_safe_1.log:2430 done: INFO - Completed 500 trials",
                             "worker_safe_2.log:2427 done: INFO - Completed 500 trials"]),
    ("2026-02-15 11:53:04", ["worker_watchdog.sh: not running", "1_optimize_unified.py: not running", "24Gi"]),
])  # fmt: skip
def test_every_dated_fact_of_the_night_is_told_with_its_time(
    night: Timeline, instant: str, facts: list[str]
) -> None:
    told = at(night, instant)

    assert [fact for fact in facts if fact not in told] == []


def test_the_brakes_are_counted_and_the_memory_that_stayed_is_told(night: Timeline) -> None:
    brakes = [event for event in night.events if event.kind == "brake"]
    memory = [event.text for event in night.events if event.kind == "memory"]

    assert sum(event.count for event in brakes if event.count > 1) == 951
    assert any("fired 951 times" in event.text for event in brakes)
    assert any("29.41 GB / 31.23 GB (94.2%)" in text for text in memory)


def test_the_machine_went_down_three_times(night: Timeline) -> None:
    assert len([event for event in night.events if event.kind == "boot"]) == 3
    assert night.death.cause == "power-loss"
    assert "3 times" in night.death.words
    assert night.death.certainty == "probable"


def test_the_root_causes_are_the_ones_that_people_found(night: Timeline) -> None:
    causes = {cause.title: cause for cause in night.causes}

    unwatched = causes["Watchdog not running"]
    assert "2026-02-15 01:24:31" in unwatched.why
    assert any("worker_watchdog.sh: not running" in line for line in unwatched.evidence)
    in_vain = causes["The brake can't release memory held by the worker"]
    assert "951 times" in in_vain.why
    assert in_vain.bytes == 29_410_000_000


def test_the_plan_says_what_to_do_and_how_to_see_that_it_helped(night: Timeline) -> None:
    commands = [step.command for step in night.plan if step.command]

    assert commands[0].startswith("leakhunt run --max-rss 11.8G")
    assert commands[-1].startswith("leakhunt timeline --log watchdog.log")


def test_the_same_story_is_told_in_another_time_zone(night: Timeline, tmp_path: Path) -> None:
    with clocks_in("America/New_York"):
        elsewhere = story_text(tell_logs(write_night(tmp_path)))
    with clocks_in("UTC"):
        here = story_text(night)

    assert elsewhere == here
