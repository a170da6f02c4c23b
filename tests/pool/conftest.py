"""A pool that tests share as long as they do not break it: workers take a second to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import leakhunt


@pytest.fixture(scope="module")
def pool() -> Iterator[leakhunt.Pool]:
    pytest.importorskip("deadpool", reason="needs deadpool-executor")
    with leakhunt.Pool(2, backend="deadpool") as pool:
        yield pool
