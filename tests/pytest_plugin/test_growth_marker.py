"""The `no_growth` marker: the body of a test is what is repeated."""

from __future__ import annotations

import pytest
from inner_sessions import run_session


def test_a_body_that_grows_fails_whatever_holds_it(pytester: pytest.Pytester) -> None:
    session = run_session(
        pytester,
        """
        import pytest

        kept = []

        @pytest.fixture(scope="session")
        def store():
            return []

        @pytest.mark.no_growth
        def test_module_variable(monkeypatch):
            print("first")
            kept.append(object())

        @pytest.mark.no_growth
        def test_session_fixture(store):
            store.append(bytearray(100))
        """,
    )

    assert session.outcomes == {"test_module_variable": "FAILED", "test_session_fixture": "FAILED"}
    story = session.story("test_module_variable")
    assert "test_inner.kept grows: +1 item" in story
    assert "Added at  test_inner.py:12 in test_module_variable" in story
    assert story.count("first") == 1
    assert "fixture.store grows: +1 item" in session.story("test_session_fixture")
    assert "Added at  test_inner.py:16" in session.story("test_session_fixture")


def test_bodies_that_keep_nothing_pass_in_every_kind_of_test(pytester: pytest.Pytester) -> None:
    session = run_session(
        pytester,
        """
        import logging
        import unittest
        import warnings

        import pytest

        pytestmark = pytest.mark.no_growth

        @pytest.fixture(params=["a", "b"])
        def word(request):
            yield request.param

        def test_fixture_of_each_kind(word, tmp_path, monkeypatch, capsys, caplog, recwarn):
            monkeypatch.setenv("WORD", word)
            monkeypatch.setattr(logging, "word", word, raising=False)
            print(word)
            logging.getLogger("inner").warning(word * 50)
            warnings.warn(word)
            (tmp_path / "file").write_text(word)
            assert capsys.readouterr().out == word + "\\n"
            assert [record.message for record in caplog.records] == [word * 50]
            assert len(recwarn) == 1

        class TestMethods:
            def test_method(self):
                assert [1, 2, 3][::-1] == [3, 2, 1]

        class TestCase(unittest.TestCase):
            def setUp(self):
                self.items = []

            def test_unittest(self):
                self.items.append(1)
                self.assertEqual(self.items, [1])

        @pytest.mark.asyncio
        async def test_asyncio():
            assert await _answer() == 42

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_anyio():
            assert await _answer() == 42

        async def _answer():
            return 42
        """,
        "-W", "error::leakhunt.pytest_plugin.telling.GrowthUndecided",
    )  # fmt: skip

    assert set(session.outcomes.values()) == {"PASSED"}, session.output
    assert session.report is not None
    assert len(session.report["tests"]) == 6
    assert {test["verdict"] for test in session.report["tests"]} == {"no-leak"}
    assert all(test["calls"] > 10 for test in session.report["tests"])


@pytest.mark.slow
def test_at_the_tolerance_it_passes_and_one_step_over_it_fails(pytester: pytest.Pytester) -> None:
    session = run_session(
        pytester,
        """
        import itertools
        import pytest

        # One bytes object of 33 + n bytes for each call, in places that are there already.
        places = [None] * 100_000
        free = itertools.count()

        @pytest.mark.no_growth(tolerance="64 B")
        def test_at_the_limit():
            places[next(free)] = bytes(64 - 33)

        @pytest.mark.no_growth(tolerance="64 B")
        def test_one_step_over():
            places[next(free)] = bytes(65 - 33)
        """,
    )

    assert session.outcomes == {"test_at_the_limit": "PASSED", "test_one_step_over": "FAILED"}, session.output


def test_a_test_that_fails_anyway_shows_its_own_failure_and_is_not_repeated(
    pytester: pytest.Pytester,
) -> None:
    session = run_session(
        pytester,
        """
        import unittest
        import pytest

        pytestmark = pytest.mark.no_growth
        kept = []

        def test_fails():
            kept.append(1)
            assert len(kept) == 2, f"it ran {len(kept)} times"

        def test_skips():
            pytest.skip("not today")

        class TestCase(unittest.TestCase):
            def test_unittest_fails(self):
                self.assertEqual(1, 2)

        @pytest.mark.no_growth(tolernce="64 B")
        def test_misspelled():
            pass
        """,
    )

    assert "it ran 1 times" in session.story("test_fails")
    assert "1 != 2" in session.story("TestCase.test_unittest_fails")
    assert session.outcomes["test_fails"] == session.outcomes["test_unittest_fails"] == "FAILED"
    assert "1 skipped" in session.output
    assert "no_growth knows no 'tolernce': it takes iterations" in session.story("test_misspelled")
    assert session.report is not None
    assert session.report["tests"] == []


def test_a_body_that_passes_only_once_cannot_be_told(pytester: pytest.Pytester) -> None:
    session = run_session(
        pytester,
        """
        import pytest

        done = set()

        @pytest.mark.no_growth
        def test_warned(tmp_path):
            (tmp_path / "new").mkdir()

        @pytest.mark.no_growth(strict=True)
        def test_strict(tmp_path):
            (tmp_path / "new").mkdir()
        """,
    )

    assert session.outcomes == {"test_warned": "PASSED", "test_strict": "FAILED"}
    assert "run number 2 of its body did not pass (FileExistsError" in session.story("test_strict")
    assert "GrowthUndecided: test_warned: run number 2" in session.output


def test_each_subtest_is_reported_once(pytester: pytest.Pytester) -> None:
    if not hasattr(pytest, "Subtests"):
        pytest.skip("subtests came with pytest 9")
    session = run_session(
        pytester,
        """
        import unittest
        import pytest

        pytestmark = pytest.mark.no_growth

        def test_fixture(subtests):
            for number in range(3):
                with subtests.test(number=number):
                    assert number < 3

        class TestCase(unittest.TestCase):
            def test_unittest(self):
                for number in range(3):
                    with self.subTest(number=number):
                        self.assertLess(number, 3)
        """,
    )

    assert session.code == 0, session.output
    assert "2 passed" in session.output
    assert session.output.count("SUBPASSED") <= 6
    assert session.report is not None
    assert {test["verdict"] for test in session.report["tests"]} == {"no-leak"}


def test_censuses_that_are_lost_are_taken_again(pytester: pytest.Pytester) -> None:
    session = run_session(
        pytester,
        """
        import pytest

        history = ()

        @pytest.mark.no_growth
        def test_rebuilt():
            global history
            history = (*history, object())
        """,
        conftest="""
        import os, signal
        from leakhunt.repeat import censuses

        start, started = censuses.start_checkpoint, []

        def start_and_lose_some(**how):
            taken = start(**how)
            started.append(taken)
            if len(started) in (1, 2, 5) and taken.how == "fork":
                os.kill(taken.pid, signal.SIGKILL)
            return taken

        censuses.start_checkpoint = start_and_lose_some
        """,
    )

    assert session.outcomes == {"test_rebuilt": "FAILED"}
    assert "test_inner.history grows: +1 item" in session.story("test_rebuilt")
