"""Named containers that get longer turn by turn are watched before any census has named them."""

import pytest

from leakhunt.capture.slots import Slots

MODULE_LIST = []


def mine(file):
    return file == __file__


def named_after(turns, turn, slots=None):
    """Return the paths that are suspected after so many turns of `turn`, without the module's name."""
    slots = slots or Slots(mine)
    found = []
    for number in range(turns):
        turn(number)
        found = slots.look()
    return {suspect.path.removeprefix(f"{__name__}.") for suspect in found}


def test_a_local_list_that_gets_longer_every_turn_is_named_as_a_census_would():
    slots = Slots(mine)
    kept = []
    found = []
    for number in range(5):
        kept.append(number)
        found = slots.look()

    suspect = next(one for one in found if one.steps == ["=kept"])
    assert suspect.key.endswith(
        "test_a_local_list_that_gets_longer_every_turn_is_named_as_a_census_would() local kept"
    )
    assert (suspect.type, suspect.length) == ("list", 5)


def test_what_is_suspected_is_found_again_in_the_running_program():
    from leakhunt.capture.heap.resolve import resolve

    slots = Slots(mine)
    kept = {}
    found = []
    for number in range(5):
        kept[number] = number
        found = slots.look()

    assert resolve(next(one for one in found if one.steps == ["=kept"])) is kept


def test_a_list_of_the_module_and_one_in_an_object_are_named():
    class Store:
        def __init__(self):
            self.rows = []

    store = Store()

    def turn(number):
        MODULE_LIST.append(number)
        store.rows.append(number)

    slots = Slots(mine)
    found = []
    for number in range(5):
        turn(number)
        found = slots.look()
    paths = {suspect.path for suspect in found}
    MODULE_LIST.clear()

    assert f"{__name__}.MODULE_LIST" in paths
    assert any(path.startswith("store.rows") for path in paths)


@pytest.mark.parametrize(
    "turn",
    [
        lambda number, kept=MODULE_LIST: None,  # as long as before
        lambda number, kept=MODULE_LIST: kept.clear() if number % 3 == 2 else kept.append(number),
    ],
)
def test_what_is_emptied_or_stays_is_not_suspected(turn):
    assert "MODULE_LIST" not in named_after(12, turn)
    MODULE_LIST.clear()


def test_a_list_that_is_made_anew_longer_each_time_is_not_watched():
    slots = Slots(mine)
    for number in range(6):
        made = list(range(number))
        found = slots.look()
    del made

    assert not any(suspect.steps == ["=made"] for suspect in found)


def test_looking_keeps_nothing_alive():
    import gc
    import weakref

    class Big(list):
        pass

    slots = Slots(mine)
    big = Big([1])
    gone = weakref.ref(big)
    for _ in range(4):
        big.append(1)
        slots.look()
    del big
    gc.collect()

    assert gone() is None


def test_no_code_of_the_program_runs():
    class Lying(dict):
        def __len__(self):
            raise RuntimeError("user code ran")

        def __getattribute__(self, name):
            raise RuntimeError("user code ran")

    lying = Lying()
    slots = Slots(mine)
    found = []
    for number in range(5):
        dict.__setitem__(lying, number, number)
        found = slots.look()

    assert any(suspect.steps == ["=lying"] for suspect in found)
