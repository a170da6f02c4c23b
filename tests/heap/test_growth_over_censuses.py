"""What counts as growing, judged on censuses written by hand."""

from leakhunt.census.format import Census, Row, load_census, save_census
from leakhunt.census.growth import growing


def census(
    turns,
    length,
    *,
    objects=1,
    size=1000,
    complete=True,
    own=False,
    extra=(),
    label=".CACHE",
    note=None,
    user=True,
):
    rows = [
        Row(-1, "app", "", 1, 5, 0, note={"kind": "module", "file": "/p/app.py", "user": user}),
        *([] if length is None else [Row(0, label, "dict", objects, length, size, note=note or {})]),
        *extra,
    ]
    made = Census(turns, "loop", turns, 0.1, 100, complete, rows, own_complete=own)
    made.add_up()
    return made


def grown(lengths, **more):
    return growing([census(10 * (at + 1), length, **more) for at, length in enumerate(lengths)])


def test_a_dict_that_gains_an_item_a_turn_grows():
    (growth,) = grown([10, 20, 30, 40])

    assert (growth.path, growth.grows, growth.lengths) == ("app.CACHE", True, [10, 20, 30, 40])


def test_a_dict_that_never_changes_is_not_mentioned():
    assert grown([10, 10, 10, 10]) == []


def test_a_cache_that_filled_up_is_returned_but_does_not_grow():
    (growth,) = grown([10, 20, 25, 25])

    assert growth.grows is False
    assert growth.lengths == [10, 20, 25, 25]


def test_a_container_that_is_emptied_now_and_then_does_not_grow():
    assert grown([10, 20, 5, 15]) == []


def test_a_path_may_appear_after_the_first_census():
    (growth,) = grown([None, 10, 20, 30])

    assert growth.grows
    assert growth.objects == [0, 1, 1, 1]
    assert growth.lengths == [None, 10, 20, 30]


def test_a_path_that_is_gone_at_the_end_does_not_grow():
    assert grown([10, 20, 30, None]) == []


def test_a_census_that_ran_out_of_time_says_nothing_about_what_it_did_not_reach():
    censuses = [census(10, 10), census(20, None, complete=False), census(30, 30), census(40, 40)]

    (growth,) = growing(censuses)

    assert growth.grows
    assert growth.turns == [10, 30, 40]


def test_a_census_that_left_libraries_out_tells_what_the_program_itself_had_not_yet():
    def grown_at_the_end(user):
        lengths = [(10, None), (20, None), (30, 50), (40, 50)]
        return growing([census(*each, complete=False, own=True, user=user) for each in lengths])

    (own,) = grown_at_the_end(user=True)

    assert own.turns == [10, 20, 30, 40]
    assert own.lengths == [None, None, 50, 50]
    assert grown_at_the_end(user=False) == []


def test_keys_that_take_the_place_of_others_are_no_growth():
    def of_size(turns, size):
        keys = [Row(1, f"['tile {key}']", "bytes", 1, None, 20_000) for key in range(turns - size, turns)]
        return census(turns, size, extra=keys)

    bounded = growing([of_size(turns, 10) for turns in (11, 17, 23, 29, 35, 40)])
    filled = growing([of_size(turns, turns) for turns in (11, 17, 23, 29, 35, 40)])

    assert bounded == []
    assert [growth.path for growth in filled] == ["app.CACHE"]


def test_what_grows_under_a_key_that_took_the_place_of_another_does():
    def under_new_key(turns, length):
        key = "['old']" if length is None else "['new']"
        return census(turns, 1, extra=[Row(1, key, "list", 1, length or 0, 50 * (length or 0))])

    (growth,) = growing([under_new_key(10, None), *(under_new_key(10 * at, 10 * at) for at in (2, 3, 4))])

    assert (growth.path, growth.lengths) == ("app.CACHE['new']", [20, 30, 40])


def test_many_texts_are_counted_and_one_that_gets_longer_is_measured():
    def held(number, objects):
        length = 20_000 * number
        text = Row(0, ".parts", "bytes", objects, length, length)
        return census(10 * number, None, extra=[text])

    (many,) = growing([held(number, number) for number in (1, 2, 3, 4)])
    (one,) = growing([held(number, 1) for number in (1, 2, 3, 4)])

    assert (many.lengths, many.objects) == ([None] * 4, [1, 2, 3, 4])
    assert one.lengths == [20_000, 40_000, 60_000, 80_000]


def test_two_types_of_one_name_make_two_rows_of_one_path_and_disturb_nothing():
    def with_twins(turns):
        twins = [Row(0, ".twin", "app.Node", 1, None, 50), Row(0, ".twin", "app.Node", 1, None, 50)]
        return census(turns, 1, extra=[*twins, Row(3, "['rows']", "list", 1, turns, 50 * turns)])

    (growth,) = growing([with_twins(turns) for turns in (10, 20, 30)])

    assert (growth.path, growth.lengths) == ("app.twin['rows']", [10, 20, 30])


def test_only_the_topmost_growing_path_of_a_branch_is_reported():
    def with_elements(turns):
        return census(turns, turns, extra=[Row(1, "[*]", "list", turns, turns * 3, turns * 80)])

    found = growing([with_elements(turns) for turns in (10, 20, 30)])

    assert [growth.path for growth in found] == ["app.CACHE"]
    assert found[0].contents[0] == ("list", 30, 2400)


def test_a_declared_limit_comes_with_the_growth():
    (growth,) = grown([10, 20, 30], note={"bound": ["deque maxlen", 100, 30]})

    assert growth.bound is not None
    assert (growth.bound.what, growth.bound.limit, growth.bound.size) == ("deque maxlen", 100, 30)


def test_known_noise_is_marked_with_its_reason():
    rows = [Row(-1, "linecache", "", 1, 5, 0, note={"kind": "module"})]
    censuses = []
    for turns in (10, 20, 30):
        censuses.append(
            Census(turns, "loop", turns, 0.1, 9, True, [*rows, Row(0, ".cache", "dict", 1, turns, 500)])
        )

    (growth,) = growing(censuses)

    assert growth.noise is not None


def test_one_census_shows_no_growth():
    assert growing([census(10, 10)]) == []
    assert growing([]) == []


def test_a_census_reads_back_as_it_was_written(tmp_path):
    written = census(10, 7, extra=[Row(1, "[*]", "str", 7, None, 350, {"int": [7, 196]}, {}, True)])
    save_census(written, str(tmp_path / "census.json"))

    assert load_census(tmp_path / "census.json") == written
    assert [path.name for path in tmp_path.iterdir()] == ["census.json"]


def test_shown_warnings_are_harmless_only_while_they_are_small():
    (small,) = grown([10, 20, 30, 40], label=".__warningregistry__")
    sizes = enumerate([50_000, 250_000, 450_000, 650_000], 1)
    (heavy,) = growing(
        [census(10 * at, 10 * at, size=size, label=".__warningregistry__") for at, size in sizes]
    )

    assert small.noise is not None
    assert heavy.noise is None


def test_a_bounded_cache_of_the_standard_library_is_harmless_whatever_its_size():
    sizes = enumerate([50_000, 250_000, 450_000, 650_000], 1)
    (growth,) = growing([census(10 * at, 10 * at, size=size, label="._abc_cache") for at, size in sizes])

    assert growth.noise is not None


def test_what_native_code_holds_is_kept_apart_from_cycles_of_the_same_type():
    made = []
    for at in range(1, 5):
        each = census(10 * at, 10)
        # [objects, bytes, objects and bytes that native code holds]
        each.garbage = {
            "dict": [500 + 10 * at, 50_000 + 200_000 * at, 500, 50_000],
            "Node": [10 * at, 400 * at, 0, 0],
        }
        made.append(each)

    (pile,) = growing(made)

    assert pile.path == "Node objects that only reference cycles hold"
    assert pile.bytes == [200_400, 400_800, 601_200, 801_600]


def test_a_pile_is_named_after_what_tells_most():
    made = []
    for at in range(1, 5):
        each = census(10 * at, 10)
        each.garbage = {name: [10 * at, 2_000 * at] * 2 for name in ("tuple", "cell", "function")}
        made.append(each)

    (pile,) = growing(made)

    assert pile.path == "function objects that only native code holds"
