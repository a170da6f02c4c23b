"""Who holds sockets, maps and pools: the holder whose objects stand for what a counter shows."""

from __future__ import annotations

import dataclasses

from described import growth

from leakhunt.analysis.cases import Case
from leakhunt.analysis.holders import Judgement
from leakhunt.analysis.keepers import with_keepers
from leakhunt.findings.diagnosis import Finding, Owner, Process, Site

METERED = Site("sweep.py", 19, "main", None, None, "census", [], role="allocation")
ADDED = Site("sweep.py", 21, "main", None, 1.0, "census", [])


def counted(kind="handle-growth", layer=None, rate=2.0, verdict="leak"):
    finding = Finding(
        "f1", kind, verdict, "open sockets pile up", None, Process("main", [1]), None, [METERED], [], [],
        count_per_iteration=rate,
    )  # fmt: skip
    return Case(finding, Judgement(kind, verdict, [], None), layer=layer)


def holder(path="CONNECTIONS", kinds=None, items=1.0, noise=None):
    owner = Owner(path=path, root="module", type="dict")
    finding = Finding(
        "f2", "growing-container", "no-leak", f"{path} grows", 297.0, Process("main", [1]), owner, [ADDED], [], []
    )  # fmt: skip
    judged = Judgement("growing-container", "no-leak", [], 297.0, items_rate=items, negligible=True)
    return Case(finding, judged, growth(path, kinds=kinds or {"socket.socket": 80, "tuple": 40}, noise=noise))


def owner_of(found):
    return found[0].finding.owner.path if found[0].finding.owner else None


def test_sockets_are_held_by_the_one_container_that_takes_in_sockets():
    others = holder("rows", {"float": 40})

    (found,) = with_keepers([counted()], [others, holder()])

    assert owner_of([found]) == "CONNECTIONS"
    assert [(site.role, site.line) for site in found.finding.sites] == [("insertion", 21), ("allocation", 19)]
    assert found.growth.path == "CONNECTIONS"


def test_two_containers_that_could_be_meant_are_not_chosen_between():
    assert owner_of(with_keepers([counted()], [holder(), holder("SEEN")])) is None


def test_what_a_library_notes_for_itself_steps_back_behind_the_users_holder():
    library = holder("weakrefs", {"socket.socket": 160}, noise="the library's own list")

    assert owner_of(with_keepers([counted()], [library, holder()])) == "CONNECTIONS"


def test_a_container_of_other_things_or_of_too_few_is_not_the_holder():
    assert owner_of(with_keepers([counted()], [holder(kinds={"tuple": 40})])) is None
    assert owner_of(with_keepers([counted()], [holder(items=0.1)])) is None
    assert owner_of(with_keepers([counted(rate=100.0)], [holder(kinds={"socket.socket": 40})])) is None


def test_maps_and_pools_have_holders_of_their_own_kind():
    maps = counted("native-growth", layer="files", rate=1.0)
    pools = counted("process-growth", rate=1.0)

    assert owner_of(with_keepers([maps], [holder("tiles", {"mmap.mmap": 40})])) == "tiles"
    assert owner_of(with_keepers([pools], [holder("POOLS", {"multiprocessing.pool.Pool": 40})])) == "POOLS"
    assert owner_of(with_keepers([pools], [holder("tiles", {"mmap.mmap": 40})])) is None


def test_a_finding_that_has_an_owner_or_is_no_leak_is_left_as_it_is():
    clean = counted(verdict="no-leak")
    owned = dataclasses.replace(
        counted(), finding=dataclasses.replace(counted().finding, owner=Owner("theirs", "module", "list"))
    )

    assert with_keepers([clean, owned], [holder()]) == [clean, owned]
