"""The hooks, fixture and options that pytest loads. Whatever they need is imported when it is needed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from leakhunt.pytest_plugin.fixture import AssertNoGrowth

_MARKERS = (
    "no_growth(iterations='auto', tolerance=None, max_seconds=10, strict=False): repeat the body of the test and "
    "fail when it leaves more behind each time (leakhunt)",
    "memory_budget(peak): fail when the body of the test takes more memory than this at any moment (leakhunt)",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a sweep, its reports and a baseline."""
    group = parser.getgroup("leakhunt", "memory that tests leave behind")
    group.addoption(
        "--leakhunt", metavar="FILE", default=None, dest="leakhunt_json",
        help="write what was found of growing tests to this file, as JSON",
    )  # fmt: skip
    group.addoption(
        "--leakhunt-html", metavar="FILE", default=None, dest="leakhunt_html",
        help="write the same as one self-contained page",
    )  # fmt: skip
    group.addoption(
        "--leakhunt-all", action="store_true", default=False, dest="leakhunt_all",
        help="repeat the body of every test that passes, and list what grows; no test fails for it",
    )  # fmt: skip
    group.addoption(
        "--leakhunt-baseline", metavar="FILE", default=None, dest="leakhunt_baseline",
        help="fail a measured test that is worse than its entry in this baseline; what it accepts may grow",
    )  # fmt: skip
    group.addoption(
        "--leakhunt-update", action="store_true", default=False, dest="leakhunt_update",
        help="write what was measured into the baseline, accept what grows, and say what that changes",
    )  # fmt: skip
    group.addoption(
        "--leakhunt-accept-until", metavar="DATE", default=None, dest="leakhunt_accept_until",
        help="with --leakhunt-update: accept what grows up to this day, as 2027-01-31",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known; load what collects and reports only when it is asked for."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    if config.option.leakhunt_all or config.option.leakhunt_json or config.option.leakhunt_html:
        from leakhunt.pytest_plugin.reporting import SuiteReport

        config.pluginmanager.register(SuiteReport(config), "leakhunt-report")
    option = config.option
    if option.leakhunt_baseline is not None:
        if option.leakhunt_accept_until and not option.leakhunt_update:
            raise pytest.UsageError("--leakhunt-accept-until goes with --leakhunt-update: give both")
        from leakhunt.pytest_plugin.baseline import BaselineCheck

        config.pluginmanager.register(BaselineCheck(config), "leakhunt-baseline")
    elif option.leakhunt_update or option.leakhunt_accept_until:
        raise pytest.UsageError(
            "--leakhunt-update is about a baseline: name it with --leakhunt-baseline=FILE"
        )


@pytest.fixture
def assert_no_growth(request: pytest.FixtureRequest) -> Iterator[AssertNoGrowth]:
    """Fail when a callable leaves more behind each time: `assert_no_growth(work, *arguments)`."""
    from leakhunt.pytest_plugin.fixture import AssertNoGrowth

    asserting = AssertNoGrowth(request)
    yield asserting
    asserting.finish()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Run the body; where it is marked, or the suite is swept, repeat it or measure its peak."""
    marked = swept = False
    for marker in item.iter_markers():
        if marker.name in ("no_growth", "memory_budget"):
            marked = True
            break
    if not marked:
        swept = item.config.option.leakhunt_all
        if not swept:
            return (yield)
    from leakhunt.pytest_plugin.marked import around_call

    return (yield from around_call(item))
