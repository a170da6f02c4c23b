"""A holder that rose and stopped does not hide what goes on growing below it."""

from __future__ import annotations

from leakhunt.census.format import Census, Row
from leakhunt.census.growth import growing


def census_of(turns: int, names: int, kept: int) -> Census:
    rows = [
        Row(-1, "job", "module", names, names, 100 * names),
        Row(0, ".kept", "list", 1, kept, 8 * kept, leaves={"str": [kept, 3_000 * kept]}),
    ]
    census = Census(turns, "loop", turns, 0.0, 9, True, rows)
    census.add_up()
    return census


def paths(levels: list[tuple[int, int, int]]) -> list[tuple[str, bool]]:
    return [
        (growth.path.rpartition(".")[2], growth.grows)
        for growth in growing([census_of(*one) for one in levels])
    ]


def test_a_module_that_got_its_names_early_and_a_list_in_it_that_grows():
    levels = [(3, 10, 3), (6, 12, 6), (9, 14, 9), (20, 14, 20), (40, 14, 40)]

    assert ("kept", True) in paths(levels)


def test_a_list_in_it_that_stopped_as_well_is_not_told_beside_it():
    levels = [(3, 10, 3), (6, 12, 6), (9, 14, 9), (20, 14, 9), (40, 14, 9)]

    assert "kept" not in dict(paths(levels))
