"""Whatever is killed, and whenever: the run directory tells where the program stood."""

from __future__ import annotations

import sys

import pytest
from kills import kill_many

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="SIGKILL and /proc")


@pytest.mark.slow
def test_nine_kills_leave_a_readable_run_the_true_position_and_no_orphan(tmp_path):
    kills = list(kill_many(9, 20, tmp_path))

    assert [kill.line() for kill in kills if kill.wrong] == []
    assert any(kill.logged == kill.position for kill in kills)  # not always the step after


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_two_hundred_kills_leave_nothing_else(tmp_path):
    kills = list(kill_many(200, 7, tmp_path))

    assert [kill.line() for kill in kills if kill.wrong] == []
    assert any(kill.logged == kill.position for kill in kills)
