"""Which owners hold more or less in one census than in another."""

from __future__ import annotations

from leakhunt.analysis.diff_owners import owner_changes
from leakhunt.census.format import Census, Row

MODULE = {"kind": "module", "shown": "app"}


def census(turns: int, *rows: Row) -> Census:
    module = Row(-1, "app", "module", 1, None, 100, note=dict(MODULE))
    found = Census(turns, "app.py:3:main", turns, 0.0, 10, True, [module, *rows])
    found.add_up()
    return found


def held(name: str, length: int, size: int, *, type: str = "list", parent: int = 0, **more: object) -> Row:
    return Row(parent, f".{name}", type, 1, length, size, **more)  # type: ignore[arg-type]


def test_a_list_that_grew_is_named_with_items_and_bytes_before_and_after():
    changes = owner_changes(census(2, held("rows", 2, 2_000)), census(8, held("rows", 8, 8_000)))

    (change,) = changes
    assert change.path == "app.rows"
    assert (change.items_before, change.items_after) == (2, 8)
    assert (change.bytes_before, change.bytes_after) == (2_000, 8_000)


def test_what_stayed_the_same_is_not_named():
    same = held("rows", 5, 5_000)

    assert owner_changes(census(2, same), census(8, same)) == []


def test_a_list_that_shrank_counts_as_much_as_one_that_grew():
    (change,) = owner_changes(census(2, held("rows", 9, 9_000)), census(8, held("rows", 1, 1_000)))

    assert change.bytes_after - change.bytes_before == -8_000


def test_what_appeared_was_nothing_before():
    (change,) = owner_changes(census(2), census(8, held("rows", 3, 3_000)))

    assert (change.items_before, change.bytes_before) == (0, 0)


def test_what_went_is_nothing_after():
    (change,) = owner_changes(census(2, held("rows", 3, 3_000)), census(8))

    assert (change.path, change.items_after, change.bytes_after) == ("app.rows", 0, 0)


def test_the_topmost_changed_path_stands_for_all_below_it():
    def at(turns: int) -> Census:
        return census(
            turns, held("rows", turns, 100 * turns), Row(1, "[*]", "dict", turns, 3 * turns, 900 * turns)
        )

    (change,) = owner_changes(at(2), at(8))

    assert change.path == "app.rows"
    assert change.bytes_after == 8_000


def test_one_list_inside_a_dict_that_accounts_for_it_all_is_named_itself():
    def at(turns: int) -> Census:
        return census(
            turns, held("state", turns, 100, type="dict"),
            Row(1, "['requests']", "list", 1, 100 * turns, 90_000 * turns),
        )  # fmt: skip

    (change,) = owner_changes(at(2), at(8))

    assert change.path == "app.state['requests']"


def test_an_estimate_that_moved_by_chance_is_no_change():
    def at(turns: int, objects: int) -> Census:
        return census(
            turns, held("rows", 1000, 8_000), Row(1, "[*]", "tuple", objects, None, objects * 50, scaled=True)
        )

    assert owner_changes(at(2, 980), at(8, 1010)) == []


def test_bookkeeping_of_the_standard_library_comes_last_with_the_reason():
    def at(turns: int) -> Census:
        cache = Row(-1, "linecache", "module", 1, None, 0, note={"kind": "module", "shown": "linecache"})
        found = census(turns, held("rows", turns, turns * 100), cache)
        found.rows.append(Row(2, ".cache", "dict", 1, turns, 50_000 * turns))
        for row in found.rows:
            row.deep = 0
        found.add_up()
        return found

    changes = owner_changes(at(2), at(8))

    assert [change.noise is not None for change in changes] == [False, True]
    assert "https://docs.python.org/3/library/linecache.html" in (changes[1].noise or "")
