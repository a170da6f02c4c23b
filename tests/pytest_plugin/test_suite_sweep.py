"""`--leakhunt-all`: every body of a suite is repeated, what grows is listed, and no test fails for it."""

from __future__ import annotations

import pytest
from inner_sessions import run_session

SUITE = '''
    """A module with a doctest.

    >>> number = 3
    >>> number + 1
    4
    """
    import pytest

    kept = []

    def test_grows():
        kept.append(object())

    def test_does_not():
        assert "a".upper() == "A"

    def test_fails():
        assert False

    def test_once(tmp_path):
        (tmp_path / "new").mkdir()

    @pytest.mark.xfail(reason="known")
    def test_known():
        assert False
'''


@pytest.mark.parametrize(
    "options",
    [pytest.param((), id="alone"), pytest.param(("-n", "2"), id="xdist", marks=pytest.mark.slow)],
)
def test_what_grows_is_listed_and_outcomes_stay(pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
    session = run_session(pytester, SUITE, "--leakhunt-all", "--doctest-modules", *options)

    assert session.outcomes["test_grows"] == "PASSED"
    assert session.outcomes["test_does_not"] == "PASSED"
    assert session.outcomes["test_fails"] == "FAILED"
    assert "4 tests repeated: 1 grow, 1 cannot be told, 2 do not grow" in session.output
    assert "GROWS       test_inner.py::test_grows: test_inner.kept grows: +1 item" in session.output
    assert "CANNOT TELL test_inner.py::test_once: run number 2 of its body did not pass" in session.output
    assert session.report is not None
    assert session.report["verdict"] == "leak"
    told = {test["test"]: test["verdict"] for test in session.report["tests"]}
    assert told == {
        "test_inner.py::test_inner": "no-leak",
        "test_inner.py::test_grows": "leak",
        "test_inner.py::test_does_not": "no-leak",
        "test_inner.py::test_once": "cannot-tell",
    }


def test_a_report_that_cannot_be_written_is_told_and_ends_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_fine(): pass")
    pytester.makefile(".txt", file="not a directory")

    done = pytester.runpytest_subprocess("--leakhunt-all", "--leakhunt=file.txt/told.json")

    assert done.ret == 0
    done.stdout.fnmatch_lines(["*1 tests repeated: 0 grow*", "leakhunt: cannot write *told.json*"])


def test_a_session_that_asks_for_nothing_loads_nothing_of_leakhunt(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_loaded():
            loaded = sorted(name for name in sys.modules if name.partition(".")[0] == "leakhunt")
            assert loaded == [
                "leakhunt", "leakhunt._version", "leakhunt.pytest_plugin", "leakhunt.pytest_plugin.plugin",
            ]
        """
    )

    assert pytester.runpytest_subprocess().ret == 0


def test_the_markers_and_options_are_known_to_pytest(pytester: pytest.Pytester) -> None:
    markers = pytester.runpytest_subprocess("--markers").stdout.str()
    options = pytester.runpytest_subprocess("--help").stdout.str()

    assert "@pytest.mark.no_growth(iterations='auto'" in markers
    assert "@pytest.mark.memory_budget(peak)" in markers
    assert "--leakhunt-all" in options
