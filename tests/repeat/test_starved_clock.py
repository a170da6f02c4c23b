"""The clock of repetitions: beside neighbours that use the processor a test has the same time as alone."""

from __future__ import annotations

import time

import pytest

from leakhunt.repeat import clock


def test_time_spent_waiting_for_a_processor_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, waited = iter([100.0, 130.0]), iter([5.0, 25.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(wall))
    monkeypatch.setattr(clock, "_waited", lambda: next(waited))

    began = clock.seconds()

    assert clock.seconds() - began == pytest.approx(10.0)


def test_where_the_kernel_does_not_tell_all_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_file(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", no_such_file)

    assert clock._waited() == 0.0
