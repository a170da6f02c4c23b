"""What a test measured against its entry in the baseline: what is worse, what is written, what stays as it is."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

import pytest
from recorded import HERE, TODAY, leak, run

from leakhunt.findings.diagnosis import Diagnosis, Finding
from leakhunt.regression.baseline import Known, Recorded, plain_recorded, recorded
from leakhunt.regression.tested import check_test, recorded_test, update_test

ELSEWHERE = "linux-x86_64 cpython-3.13"
TEST = "test_job.py::test_job"


def growing(*findings: Finding, malloc: float = 0.0, blocks: float = 2.0) -> tuple[str, Diagnosis]:
    return ("leak", run(findings=findings, malloc=malloc, blocks=blocks))


def measuring(
    *grown: tuple[str, Diagnosis | None],
    peak: int | None = None,
    by: str = "memray",
    packages: dict[str, str] | None = None,
) -> Recorded:
    return recorded_test(grown, peak, by, today=TODAY, python="CPython 3.11.7", packages=packages or {})


def update(
    known: Known, now: Recorded, environment: str = HERE, until: dt.date | None = None
) -> tuple[Known, list[str]]:
    return update_test(TEST, known, now, environment, today=TODAY, until=until)


def known_after(*measurements: Recorded) -> Known:
    known = Known()
    for one in measurements:
        known, _ = update(known, one)
    return known


def failing(known: Known, now: Recorded, *, swept: bool = False, today: dt.date = TODAY) -> list[str]:
    checked = check_test(TEST, known, now, HERE, today=today, swept=swept, update="--leakhunt-update")
    return [problem.title for problem in checked.problems if problem.fails]


def notes(known: Known, now: Recorded, environment: str = HERE) -> list[str]:
    return check_test(
        TEST, known, now, environment, today=TODAY, swept=False, update="--leakhunt-update"
    ).notes


@pytest.mark.parametrize(
    ("before", "same", "worse"),
    [(20_000_000, 21_900_000, 22_100_000), (200_000_000, 211_000_000, 213_000_000)],
)
def test_a_peak_is_worse_by_two_megabytes_or_six_percent(before: int, same: int, worse: int) -> None:
    known = known_after(measuring(peak=before))

    assert failing(known, measuring(peak=same)) == []
    assert failing(known, measuring(peak=worse)) == ["Peak memory is higher"]


def test_growth_that_was_accepted_is_worse_by_its_rate() -> None:
    known = known_after(measuring(growing(leak("ROWS", 1_000.0))))

    assert failing(known, measuring(growing(leak("ROWS", 1_990.0)))) == []
    assert failing(known, measuring(growing(leak("ROWS", 2_010.0)))) == ["ROWS grows"]


def test_a_leak_that_is_not_in_the_baseline_fails_beside_one_that_is() -> None:
    known = known_after(measuring(growing(leak("ROWS", 1_000.0))))

    assert failing(known, measuring(growing(leak("ROWS", 1_000.0), leak("LOG", 100.0)))) == ["LOG grows"]


def test_an_acceptance_holds_to_its_last_day_in_marked_and_swept_tests() -> None:
    now = measuring(growing(leak("ROWS", 1_000.0)))
    known, _ = update(Known(), now, until=TODAY)

    for swept in (False, True):
        assert failing(known, now, swept=swept) == []
        assert failing(known, now, swept=swept, today=TODAY + dt.timedelta(1)) == ["ROWS grows"]


def test_an_acceptance_that_is_over_needs_another_day() -> None:
    now = measuring(growing(leak("ROWS", 1_000.0)))
    known, _ = update(Known(), now, until=dt.date(2026, 4, 30))

    assert update(known, now) == (
        known, ["ROWS grows fails until it is accepted up to another day: 2026-04-30 is over"],
    )  # fmt: skip
    renewed, said = update(known, now, until=TODAY)
    assert said == ["accepted until 2026-05-01 (was: 2026-04-30): ROWS grows"]
    assert failing(renewed, now) == []


def test_a_swept_test_fails_for_what_is_worse_than_its_own_entry_only() -> None:
    now = measuring(growing(leak("ROWS", 1_000.0)))

    assert failing(Known(), now, swept=True) == []
    assert failing(known_after(measuring(("no-leak", None))), now, swept=True) == ["ROWS grows"]


def test_another_environment_is_not_compared() -> None:
    known, _ = update(Known(), measuring(peak=20_000_000), ELSEWHERE)

    assert failing(known, measuring(peak=90_000_000)) == []
    assert notes(known, measuring(peak=90_000_000)) == [
        f"the baseline has no levels for {HERE} (it has {ELSEWHERE}): only leaks were judged; "
        "--leakhunt-update adds this one"
    ]


def test_peaks_of_two_instruments_are_not_compared() -> None:
    known = known_after(measuring(peak=20_000_000))

    assert failing(known, measuring(peak=90_000_000, by="tracemalloc")) == []
    assert notes(known, measuring(peak=90_000_000, by="tracemalloc")) == [
        "the peak was measured by memray in the baseline and by tracemalloc now: not compared"
    ]
    _, said = update(known, measuring(peak=90_000_000, by="tracemalloc"))
    assert said[0] == "the peak is measured by tracemalloc from now on (was: memray)"


def test_what_was_not_measured_is_neither_compared_nor_taken_out() -> None:
    known = known_after(measuring(growing(leak("ROWS", 1_000.0)), peak=20_000_000))

    for part in (measuring(peak=20_000_000), measuring(("cannot-tell", None), peak=20_000_000)):
        assert failing(known, part, today=dt.date(2099, 1, 1)) == []
        assert notes(known, part) == []
        assert update(known, part) == (known, [])
    assert update(known, measuring(growing(leak("ROWS", 1_000.0)))) == (known, [])


def test_a_new_test_of_which_nothing_could_be_told_is_not_written() -> None:
    assert update(Known(), measuring(("cannot-tell", None))) == (Known(), [])


def test_an_entry_stays_as_it_is_until_something_matters() -> None:
    known = known_after(measuring(growing(leak("ROWS", 1_000.0)), peak=20_000_000))
    later = dataclasses.replace(
        measuring(growing(leak("ROWS", 1_100.0)), peak=20_200_000), measured=dt.date(2026, 6, 1)
    )

    assert update(known, later) == (known, [])
    changed, said = update(known, measuring(growing(leak("ROWS", 2_500.0)), peak=30_000_000))
    assert said == [
        "peak memory: 20.0 MB → 30.0 MB, +10.0 MB (+50.0%)",
        "worse: ROWS grows, 1 kB → 2.5 kB per iteration",
    ]
    assert changed.environments[HERE].levels["peak"].values == [30_000_000]


def test_a_run_that_shows_more_noise_is_added_to_those_that_are_known() -> None:
    known = known_after(measuring(peak=20_000_000))

    _, said = update(known, measuring(peak=20_240_000))
    assert said == []
    changed, said = update(known, measuring(peak=20_260_000))
    assert said == ["peak memory: one run more to show its noise, 20.3 MB"]
    assert changed.environments[HERE].levels["peak"].values == [20_000_000, 20_260_000]


def test_versions_of_packages_are_told_when_they_change() -> None:
    known = known_after(measuring(("no-leak", None), packages={"numpy": "1.26.4"}))
    now = measuring(("no-leak", None), packages={"numpy": "2.0.0"})

    assert notes(known, now) == ["numpy was 1.26.4 in the baseline and is 2.0.0 now"]
    changed, said = update(known, now)
    assert said == ["numpy: 1.26.4 → 2.0.0"]
    assert changed.environments[HERE].packages == {"numpy": "2.0.0"}


def test_what_is_gone_is_accepted_no_longer_unless_another_environment_has_it() -> None:
    now = measuring(growing(leak("ROWS", 1_000.0)))
    here, _ = update(Known(), now)
    both, _ = update(here, now, ELSEWHERE)

    changed, said = update(here, measuring(("no-leak", None)))
    assert changed.accepted == {}
    assert said == ["gone: ROWS grows", "no longer needed: ROWS grows is gone"]
    changed, _ = update(both, measuring(("no-leak", None)))
    assert set(changed.accepted) == {"id-of-ROWS"}


def test_a_leak_that_is_found_under_another_name_is_the_same_where_the_counters_rise_as_before() -> None:
    typed = dataclasses.replace(leak("objects", 90.0), kind="growing-type")
    known = known_after(measuring(growing(typed, blocks=2.0)))

    assert failing(known, measuring(growing(leak("ROWS", 25.0), blocks=2.9))) == []
    assert notes(known, measuring(growing(leak("ROWS", 25.0), blocks=2.0))) == [
        "ROWS grows: the same growth as objects grows in the baseline"
    ]
    assert failing(known, measuring(growing(leak("ROWS", 25.0), blocks=3.1))) == ["ROWS grows"]
    other = dataclasses.replace(leak("ROWS", 25.0), kind="growing-type")
    assert failing(known, measuring(growing(other, blocks=2.0))) == ["ROWS grows"]
    assert failing(known, measuring(growing(typed, leak("ROWS", 25.0), blocks=2.0))) == ["ROWS grows"]


def test_of_several_repetitions_the_worst_counts() -> None:
    once = measuring(
        growing(leak("ROWS", 1_000.0), malloc=1_000.0), growing(leak("ROWS", 3_000.0), malloc=3_000.0)
    )

    assert once.levels["malloc-growth"].values == [3_000.0]
    assert once.findings["id-of-ROWS"].rate == 3_000.0


@pytest.mark.parametrize(
    "grown", [[("no-leak", None)], [("no-leak", run(malloc=5_000.0))]], ids=["level", "a cache that fills"]
)
def test_what_stops_is_no_growth(grown: Sequence[tuple[str, Diagnosis | None]]) -> None:
    assert measuring(*grown).levels["malloc-growth"].values == [0.0]


def test_what_was_measured_survives_the_way_between_processes() -> None:
    now = measuring(growing(leak("ROWS", 1_000.0)), peak=20_000_000, packages={"numpy": "2.0.0"})

    assert plain_recorded(recorded(plain_recorded(now))) == plain_recorded(now)
