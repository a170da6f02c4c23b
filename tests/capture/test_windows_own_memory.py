"""What an allocation window holds itself is taken out of the gauges before growth is looked for."""

from __future__ import annotations

from leakhunt.capture.gauges import Gauges
from leakhunt.capture.windows import AllocationWindows


def test_gauges_are_less_by_what_windows_hold_and_what_was_not_read_stays_unread(tmp_path):
    windows = AllocationWindows(None, tmp_path, {}, Gauges(), lambda loop: {})
    windows._owned = [10, 20, 30, 40, 50, 60, 1, 2, 70]

    assert windows.without_own((1000, 1000, None, 1000, [1000, 1000], [1, 2, 3], 9, 9, None, 1000)) == (
        990, 980, None, 960, [950, 940], [1, 2, 3], 8, 7, None, 930,
    )  # fmt: skip
    assert windows.without_own((None,) * 10) == (None,) * 10
