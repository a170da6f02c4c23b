"""Programs that die in eight ways are told right or as unknown, never wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from kinds import deaths

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="SIGKILL and /proc")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_deaths_of_each_kind(tmp_path: Path) -> None:
    died = list(deaths(2, tmp_path))

    assert [one.line() for one in died if one.wrong] == []
    assert sum("unknown" not in one.said for one in died) >= len(died) // 2  # it does not only say unknown
