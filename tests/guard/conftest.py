"""Targets under a supervisor, without and with the agent in them."""

from __future__ import annotations

import contextlib
import os

import pytest
from guarding import Guarding, memory_group
from supervision import Supervised


@pytest.fixture
def supervised(tmp_path):
    started = Supervised(tmp_path, agent=False)
    yield started
    _end(started)


@pytest.fixture
def profiled(tmp_path):
    started = Supervised(tmp_path, agent=True)
    yield started
    _end(started)


def _end(started: Supervised) -> None:
    if started.process is not None:
        if started.process.poll() is None:
            os.kill(started.process.pid, 9)
        started.process.communicate()


@pytest.fixture
def guarding(tmp_path):
    started = Guarding(tmp_path)
    yield started
    started.end()


@pytest.fixture
def machine():
    """Give what makes memory control groups: `machine(size)` is the whole memory of what runs in it."""
    with contextlib.ExitStack() as groups:

        def make(size):
            group = groups.enter_context(memory_group(size))
            if group is None:
                pytest.skip("no memory control group can be made here")
            return group

        yield make
