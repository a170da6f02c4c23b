"""Sites read off the objects that a traced window saw: merged by line, with their share of the growth."""

from __future__ import annotations

import dataclasses

import pytest
from described import growth

from leakhunt.analysis.birthplaces import with_birthplaces
from leakhunt.analysis.cases import Case
from leakhunt.analysis.holders import Judgement
from leakhunt.census.births import Birthplace
from leakhunt.findings.diagnosis import Finding, Process, Site
from leakhunt.model.run import Checkpoint

LOOP = type("Loop", (), {"id": "sweep.py:5:main"})()
RUN = type("Run", (), {"started": None})()
USER, LIBRARY = ("sweep.py", 12), ("/x/site-packages/numpy/core.py", 7)


def case(births, kind="growing-container", verdict="leak", sites=()):
    finding = Finding(
        "f1", kind, verdict, "it grows", 10_000.0, Process("main", [1]), None, list(sites), [], []
    )  # fmt: skip
    judged = Judgement(kind, verdict, [], 10_000.0)
    return Case(finding, judged, growth("sweep.main() local kept", births=births, birth_turns=2))


def sites(joined):
    return [(one.line, one.share, one.bytes_per_iteration) for one in joined.finding.sites]


def test_the_users_line_is_named_and_the_librarys_frame_is_kept_inside_it():
    joined = with_birthplaces(RUN, LOOP, case([Birthplace([LIBRARY, USER, ("sweep.py", 40)], 5, 15_000)]))

    (site,) = joined.finding.sites
    assert (site.file, site.line, site.role, site.source) == ("sweep.py", 12, "allocation", "tracemalloc")
    assert [(frame.file, frame.line) for frame in site.stack] == [LIBRARY, USER, ("sweep.py", 40)]
    assert site.share == 1.0
    assert site.bytes_per_iteration == 10_000.0


def test_places_of_one_line_are_one_site_and_the_growth_is_shared_out():
    joined = with_birthplaces(
        RUN, LOOP,
        case([
            Birthplace([LIBRARY, USER], 5, 4_000), Birthplace([USER], 5, 3_500),
            Birthplace([("sweep.py", 20)], 5, 2_000), Birthplace([("sweep.py", 30)], 5, 500),
        ]),
    )  # fmt: skip

    assert sites(joined) == [
        (12, pytest.approx(0.75), pytest.approx(7_500.0)),
        (20, pytest.approx(0.2), pytest.approx(2_000.0)),
    ]
    assert "75% of what was added to it" in joined.finding.evidence[-1]


def test_what_only_libraries_allocate_has_no_line_of_the_users():
    assert with_birthplaces(RUN, LOOP, case([Birthplace([LIBRARY], 5, 14_000)])).finding.sites == []


def test_a_window_that_did_not_see_it_grow_names_no_line():
    assert sites(with_birthplaces(RUN, LOOP, case([Birthplace([USER], 5, 3_000)]))) == []


def test_growth_that_is_no_leak_and_lines_that_were_metered_are_left_alone():
    births = [Birthplace([USER], 5, 14_000)]
    metered = Site("sweep.py", 3, "main", None, None, "census", [], role="allocation")

    assert with_birthplaces(RUN, LOOP, case(births, verdict="no-leak")).finding.sites == []
    assert with_birthplaces(RUN, LOOP, case(births, sites=[metered])).finding.sites == [metered]


def test_cycles_have_the_places_of_what_nobody_reaches():
    ended = Checkpoint(
        1,
        LOOP.id,
        8,
        1.0,
        None,
        "fork",
        None,
        True,
        cycle_births=[Birthplace([USER], 5, 14_000)],
        birth_turns=2,
    )
    run = type("Run", (), {"started": None, "checkpoints": [ended]})()
    cycles = dataclasses.replace(case([], kind="reference-cycle"), growth=None)

    assert sites(with_birthplaces(run, LOOP, cycles)) == [(12, 1.0, 10_000.0)]
