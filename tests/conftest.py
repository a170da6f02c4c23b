"""What all tests share: the option that accepts golden files, and that CI skips nothing for want of a package.

Where CI=true, a test that was skipped for want of a package or a program has failed: CI must have them.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

#: How such a reason begins; other skips (another system, another Python) stay skips.
WANTING = ("needs ", "no browser")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith(WANTING):
            report.outcome = "failed"
            report.longrepr = f"skipped although CI must have it: {reason}"
    return report


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--accept", action="store_true", help="write the golden reports instead of comparing them"
    )


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("accept", False))
