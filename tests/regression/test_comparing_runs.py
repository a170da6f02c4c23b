"""Two runs beside one another: what is new, gone, worse, better."""

from __future__ import annotations

from recorded import leak, run

from leakhunt.regression.compare import compare_runs, course


def test_a_run_against_itself_has_no_difference() -> None:
    one = run(findings=[leak("ROWS", 20_000.0), leak("CACHE", None, verdict="cannot-tell")])

    comparison = compare_runs(one, one)

    assert not comparison.differs
    assert {change.standing for change in comparison.changes} == {"same"}
    assert {finding.standing for finding in comparison.findings} == {"same"}


def test_a_leak_that_was_fixed_is_gone() -> None:
    comparison = compare_runs(run(findings=[leak("ROWS", 20_000.0)]), run())

    assert [(one.title, one.standing) for one in comparison.findings] == [("ROWS grows", "gone")]
    assert comparison.differs


def test_findings_are_matched_by_fingerprint_and_not_by_title_or_line() -> None:
    before = run(findings=[leak("ROWS", 20_000.0, id_="same-bug", line=7)])
    after = run(findings=[leak("rows", 40_000.0, id_="same-bug", line=9), leak("LOG", 900.0)])

    found = {one.id: one for one in compare_runs(before, after).findings}

    assert found["same-bug"].standing == "worse"
    assert (found["same-bug"].before, found["same-bug"].after) == (20_000.0, 40_000.0)
    assert found["id-of-LOG"].standing == "new"


def test_a_rate_that_moves_by_less_than_a_tenth_is_the_same() -> None:
    before, after = (run(findings=[leak("ROWS", rate)]) for rate in (20_000.0, 21_900.0))

    assert compare_runs(before, after).findings[0].standing == "same"


def test_growth_that_is_no_leak_is_not_compared() -> None:
    comparison = compare_runs(run(), run(findings=[leak("CACHE", 500.0, verdict="no-leak")]))

    assert comparison.findings == []


def test_what_cannot_be_compared_is_said() -> None:
    notes = compare_runs(run(iterations=40), run(iterations=80, target="other.py")).notes

    assert "these are runs of different targets: job.py and other.py" in notes
    assert any(note.startswith("40 iterations before and 80 now") for note in notes)


def test_a_course_has_the_known_points_only() -> None:
    assert course(run()).points[:2] == [(0, 50_000_000), (1, 51_000_000)]
