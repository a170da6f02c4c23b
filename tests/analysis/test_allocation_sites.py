"""Allocation sites of a window, joined to the findings that they explain."""

import dataclasses

import pytest

from leakhunt.analysis.allocation import with_allocation_sites
from leakhunt.analysis.cases import Case
from leakhunt.analysis.holders import Judgement
from leakhunt.analysis.stacks import user_frame
from leakhunt.findings.diagnosis import Finding, Frame, Process, Site
from leakhunt.model.run import AllocationSite, Capture

LOOP = type("Loop", (), {"id": "sweep.py:4:main", "iterations": 40, "kind": "for"})()
MAKE = [("sweep.py", 2, "make"), ("sweep.py", 9, "main")]
PARSE = [
    ("lib.c", 7, "xmalloc"),
    ("/env/lib/python3.11/site-packages/lib/api.py", 3, "parse"),
    ("sweep.py", 8, "main"),
]


def run_with(*sites):
    capture = Capture(list(range(9)), list(sites), 0, python_allocators=True, native=False)
    return type("Run", (), {"captures": {LOOP.id: [capture]}, "started": None, "options": {}})()


def every_turn(stack, size, turns=range(8)):
    return AllocationSite(stack, {turn: [1, size] for turn in turns}, "MALLOC")


def case(kind, rate, sites=(), verdict="leak"):
    finding = Finding(
        "f1", kind, verdict, "it grows", rate, Process("main", [1]), None, list(sites), ["It rises."], []
    )
    return Case(finding, Judgement(kind, verdict, [], rate))


INSERTED = Site("sweep.py", 9, "main", 100_000.0, None, "census", [Frame("sweep.py", 9, "main")])


def test_what_is_allocated_below_the_inserting_line_is_the_findings_allocation():
    (joined,) = with_allocation_sites(
        run_with(every_turn(MAKE, 100_000), every_turn(PARSE, 50_000)), LOOP,
        [case("growing-container", 100_000.0, [INSERTED])],
    )  # fmt: skip

    added = [site for site in joined.finding.sites if site.role == "allocation"]
    assert [(site.file, site.line, site.function, site.share, site.source) for site in added] == [
        ("sweep.py", 2, "make", 1.0, "memray")
    ]


def test_growth_that_nobody_holds_is_pinned_on_the_site_that_explains_it():
    (pinned,) = with_allocation_sites(
        run_with(every_turn(PARSE, 50_000)),
        LOOP,
        [case("unexplained-growth", 52_000.0, verdict="cannot-tell")],
    )

    finding = pinned.finding
    assert (finding.kind, finding.verdict) == ("native-growth", "leak")
    assert (finding.sites[0].file, finding.sites[0].line) == ("sweep.py", 8)
    assert [frame.function for frame in finding.sites[0].stack] == ["xmalloc", "parse", "main"]


@pytest.mark.parametrize(
    "site",
    [
        every_turn(PARSE, 50_000, turns=[7]),  # the last result
        every_turn(PARSE, 50_000, turns=[0, 1]),  # warm-up
        every_turn(PARSE, 1_000),  # too little to explain the growth
        every_turn(PARSE, 150_000),  # more than memory grows by: arenas, freed later
    ],
)
def test_growth_is_not_pinned_on_a_site_that_does_not_explain_it(site):
    unexplained = case("unexplained-growth", 52_000.0, verdict="cannot-tell")

    assert with_allocation_sites(run_with(site), LOOP, [unexplained]) == [unexplained]


def test_a_finding_that_is_no_leak_gets_no_site():
    quiet = case("saturating-cache", 100_000.0, [INSERTED], verdict="no-leak")

    assert with_allocation_sites(run_with(every_turn(MAKE, 100_000)), LOOP, [quiet]) == [quiet]


def test_without_a_window_nothing_changes():
    quiet = case("growing-container", 100_000.0, [INSERTED])
    nothing = dataclasses.make_dataclass("Run", ["captures"])({})

    assert with_allocation_sites(nothing, LOOP, [quiet]) == [quiet]


def test_the_users_line_is_the_innermost_that_is_in_no_library():
    assert user_frame(PARSE) == ("sweep.py", 8, "main")
    assert user_frame(PARSE[:2]) is None


def test_a_site_below_one_findings_line_is_not_given_to_another_in_the_same_function():
    other = Site("sweep.py", 12, "main", 50_000.0, None, "census", [Frame("sweep.py", 12, "main")])
    first, second = with_allocation_sites(
        run_with(every_turn(MAKE, 100_000)), LOOP,
        [case("growing-container", 100_000.0, [INSERTED]), case("growing-container", 50_000.0, [other])],
    )  # fmt: skip

    assert [site.role for site in first.finding.sites] == ["insertion", "allocation"]
    assert [site.role for site in second.finding.sites] == ["insertion"]


def test_where_the_held_objects_were_allocated_goes_before_what_passes_by_the_line():
    held = {"rows": [([("sweep.py", 30, "build")], 5)]}
    build = every_turn([("sweep.py", 30, "build"), ("sweep.py", 40, "elsewhere")], 90_000)
    capture = Capture(list(range(9)), [every_turn(MAKE, 100_000), build], 0, True, False, "tracemalloc", held)
    run = type("Run", (), {"captures": {LOOP.id: [capture]}, "started": None, "options": {}})()
    growth = type("Growth", (), {"key": "rows", "births": [], "birth_turns": 0, "scaled": False})()
    asked = dataclasses.replace(case("growing-container", 100_000.0, [INSERTED]), growth=growth)

    (joined,) = with_allocation_sites(run, LOOP, [asked])

    added = [site for site in joined.finding.sites if site.role == "allocation"]
    assert [(site.line, site.function, site.source) for site in added] == [(30, "build", "tracemalloc")]
    assert added[0].share == pytest.approx(0.9)


def test_sites_of_one_line_are_one_with_their_bytes_added():
    deeper = [("lib.py", 1, "inner"), *MAKE]
    (joined,) = with_allocation_sites(
        run_with(every_turn(MAKE, 60_000), every_turn(deeper, 40_000)), LOOP,
        [case("growing-container", 100_000.0, [INSERTED])],
    )  # fmt: skip

    added = [site for site in joined.finding.sites if site.role == "allocation"]
    assert sum(site.bytes_per_iteration for site in added) == 100_000
    assert added[0].line in (1, 2)


def test_the_window_that_names_a_site_is_used_whichever_it_was():
    blind = Capture(list(range(9)), [every_turn(PARSE, 100)], 0, True, False)
    seeing = Capture(list(range(9)), [every_turn(MAKE, 100_000)], 0, False, False)
    run = type("Run", (), {"captures": {LOOP.id: [blind, seeing]}, "started": None, "options": {}})()

    (joined,) = with_allocation_sites(run, LOOP, [case("growing-container", 100_000.0, [INSERTED])])

    assert [site.line for site in joined.finding.sites if site.role == "allocation"] == [2]


def test_growth_that_nobody_holds_stays_open_in_a_short_run():
    short = type("Loop", (), {"id": LOOP.id, "iterations": 12, "kind": "for"})()
    (pinned,) = with_allocation_sites(
        run_with(every_turn(PARSE, 50_000)),
        short,
        [case("unexplained-growth", 52_000.0, verdict="cannot-tell")],
    )

    assert (pinned.finding.kind, pinned.finding.verdict) == ("native-growth", "cannot-tell")
    assert pinned.finding.sites


APPENDED = Site(
    "sweep.py", 30, "Pool.close", 100_000.0, None, "census", [Frame("sweep.py", 30, "Pool.close")]
)


def test_the_only_line_that_leaves_as_much_behind_is_taken_for_what_a_finalizer_hands_on():
    (joined,) = with_allocation_sites(
        run_with(every_turn(MAKE, 99_000), every_turn(PARSE, 500)), LOOP,
        [case("growing-container", 100_000.0, [APPENDED])],
    )  # fmt: skip

    assert [site.line for site in joined.finding.sites if site.role == "allocation"] == [2]
    assert joined.finding.evidence[-1] == (
        "Only sweep.py:2 leaves behind as much as that in every recorded iteration."
    )


@pytest.mark.parametrize(
    "sites",
    [
        [every_turn(MAKE, 99_000), every_turn(PARSE, 60_000)],  # either may be it
        [every_turn(MAKE, 80_000)],  # another rate
    ],
    ids=["two large ones", "another rate"],
)
def test_no_line_is_taken_for_a_holders_where_it_may_be_another(sites):
    asked = case("growing-container", 100_000.0, [APPENDED])

    assert with_allocation_sites(run_with(*sites), LOOP, [asked]) == [asked]


THREAD = "/usr/lib/python3.11/threading.py"


@pytest.mark.parametrize(("function", "lines"), [("listen", [14]), ("watch", [])])
def test_what_the_threads_that_pile_up_allocate_is_theirs(function, lines):
    started = Site("sweep.py", 9, "main", 21_000.0, None, "static", [Frame("sweep.py", 9, "main")])
    growth = type(
        "Growth", (), {"key": "t", "path": "threads running listen()", "births": [], "birth_turns": 0, "scaled": False}
    )()  # fmt: skip
    grows = dataclasses.replace(case("thread-growth", 21_000.0, [started]), growth=growth)
    inside = every_turn(
        [("sweep.py", 14, function), (THREAD, 982, "run"), (THREAD, 1002, "_bootstrap")], 9_000
    )

    (joined,) = with_allocation_sites(run_with(inside), LOOP, [grows])

    assert [site.line for site in joined.finding.sites if site.role == "allocation"] == lines
