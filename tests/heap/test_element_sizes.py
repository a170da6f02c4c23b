"""The newest items of a suspect, sized by pympler: plain data only."""

from collections import OrderedDict, deque

import numpy as np
import pytest

from leakhunt.capture.heap.elements import is_plain, newest_items, sized_by_pympler


class Record:
    def __getattr__(self, name):
        raise AssertionError("the program's code ran")


@pytest.mark.parametrize(
    "container",
    [
        list(range(9)),
        tuple(range(9)),
        deque(range(9)),
        dict(enumerate(range(9))),
        OrderedDict(enumerate(range(9))),
    ],
)
def test_the_newest_items_are_the_last_in_order(container):
    assert sorted(newest_items(container)) == [4, 5, 6, 7, 8]


def test_only_plain_data_is_sized():
    assert is_plain({"lam": 1.0, "grid": np.zeros(10)})
    assert is_plain([("a", b"x"), ("b", None)])
    assert not is_plain(Record())
    assert not is_plain({"fitter": Record()})
    assert not is_plain(np.array([None, "x"], dtype=object))
    assert not is_plain([[[[[1]]]]])


def test_pympler_sizes_arrays_and_bytes_as_the_census_does():
    pytest.importorskip("pympler")
    owners = {
        "grids": [{"lam": turn, "grid": np.zeros(25_000)} for turn in range(8)],
        "pages": {turn: bytes(20_000) for turn in range(8)},
        "records": [Record()],
    }

    sizes = sized_by_pympler(owners)

    assert set(sizes) == {"grids", "pages"}
    assert sizes["grids"] == [5, pytest.approx(200_000, rel=0.02)]
    assert sizes["pages"] == [5, pytest.approx(20_000, rel=0.02)]
