"""A full cache may change what is in it and holds no more for that; what its entries gather is another thing."""

from __future__ import annotations

from pathlib import Path

from census_programs import observe

EXCHANGED = """
    import functools
    from census_boundaries import boundary
    @functools.lru_cache(maxsize=64)
    def parse(key):
        return [len(key)]
    for k in range(64):
        parse((str(k),))
    for turn in range(1, 41):
        parse((type("Row%d" % turn, (), {}),))
        boundary(turn)
"""
GATHERING = """
    import functools
    from census_boundaries import boundary
    @functools.lru_cache(maxsize=4)
    def history(key):
        return ([],)
    for turn in range(1, 41):
        for key in range(4):
            history(key)[0].append([turn])
        boundary(turn)
"""


def test_entries_of_another_kind_that_push_out_others_are_bounded_by_the_cache(tmp_path: Path) -> None:
    run = observe(tmp_path, {"program.py": EXCHANGED})

    (growth,) = run.growths
    assert (growth.type, growth.objects[-1]) == ("type", 40)
    assert growth.bound is not None
    assert (growth.bound.limit, growth.bound.size) == (64, 64)


def test_what_the_entries_of_a_full_cache_gather_has_no_bound(tmp_path: Path) -> None:
    run = observe(tmp_path, {"program.py": GATHERING})

    (growth,) = run.growths
    assert growth.grows
    assert growth.bound is None
