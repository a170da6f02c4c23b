"""Loops that are over at once run on their own iterator, and are followed now and then to see if they still are."""

from __future__ import annotations

from leakhunt.capture.sites import LoopSite


def site_after(*entries: tuple[float, int]) -> LoopSite:
    site = LoopSite("/app/a.py", 3, "main", ["k"], "for")
    for seconds, turns in entries:
        site.note(seconds, turns)
    return site


TIGHT = (0.002, 20_000)


def test_a_loop_whose_entries_were_tight_and_short_is_over_at_once() -> None:
    assert site_after(*[TIGHT] * 5).is_over_at_once(20_000)


def test_a_loop_that_was_entered_seldom_is_followed() -> None:
    assert not site_after(*[TIGHT] * 3).is_over_at_once(20_000)


def test_an_entry_of_many_more_turns_than_before_is_followed() -> None:
    assert not site_after(*[TIGHT] * 5).is_over_at_once(2_000_000)


def test_a_loop_whose_turns_take_their_time_is_followed() -> None:
    assert not site_after(*[(0.002, 20)] * 5).is_over_at_once(20)


def test_a_tight_loop_is_followed_now_and_then() -> None:
    site = site_after(*[TIGHT] * 5)
    followed = 0
    for _ in range(64):
        followed += not site.is_over_at_once(20_000)
        site.entries += 1

    assert followed == 4


def test_a_tight_loop_that_turned_slow_is_followed_from_then_on() -> None:
    site = site_after(*[TIGHT] * 5)
    site.note(2.0, 20_000)

    assert not site.is_over_at_once(20_000)
