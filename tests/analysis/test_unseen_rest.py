"""A run whose records stopped for want of room: what was not written was not judged."""

from __future__ import annotations

from described import MB, described, exit_text, loop_text

from leakhunt.analysis.diagnose import diagnose

FULL = (
    '\nloss t={at} slug=journal-full what="records could not be written (/runs full): free space" count=900\n'
)


def flat(turns: int, *, full_at: float | None, seconds: float):
    end = "" if full_at is not None else "end how=completed exit_code=0"
    agent = loop_text(turns, lambda turn: 100 * MB, end=end, left=full_at is None)
    if full_at is not None:
        agent += FULL.format(at=full_at)
    return diagnose(described(agent, supervisor=exit_text(seconds)))


def test_a_flat_run_that_was_seen_to_its_end_has_no_leak():
    assert flat(40, full_at=None, seconds=4.1).verdict == "no-leak"


def test_a_flat_run_of_which_a_long_rest_was_not_recorded_is_left_open():
    diagnosis = flat(40, full_at=4.05, seconds=60.0)

    assert diagnosis.verdict == "cannot-tell"
    assert "disk was full: nothing was seen after 4.0" in diagnosis.reasons[0]


def test_a_flat_run_with_a_hole_says_so_beside_its_verdict():
    diagnosis = flat(40, full_at=4.05, seconds=4.1)

    assert diagnosis.verdict == "no-leak"
    assert any("not all of the run was seen" in reason for reason in diagnosis.reasons)
