"""The `memory_budget` marker: the most memory that the body of a test may take at any moment."""

from __future__ import annotations

import pytest
from inner_sessions import run_session


def test_at_the_budget_it_passes_and_one_step_over_it_fails(pytester: pytest.Pytester) -> None:
    session = run_session(
        pytester,
        """
        import pytest

        @pytest.mark.memory_budget(peak="10 MB")
        def test_at_the_limit():
            bytearray(9_950_000)

        @pytest.mark.memory_budget(peak="10 MB")
        def test_one_step_over():
            bytearray(10_050_000)

        @pytest.mark.memory_budget(peak="5 MB")
        def test_a_moment_counts_and_not_the_sum():
            for _ in range(5):
                bytearray(4_000_000)
        """,
    )

    assert session.outcomes == {
        "test_at_the_limit": "PASSED",
        "test_one_step_over": "FAILED",
        "test_a_moment_counts_and_not_the_sum": "PASSED",
    }
    story = session.story("test_one_step_over")
    assert "its budget is 10.0 MB" in story
    assert "measured by memray" in story
    assert "test_inner.py:9 in test_one_step_over" in story


def test_of_several_budgets_the_smallest_holds_and_each_parameter_has_its_own(
    pytester: pytest.Pytester,
) -> None:
    session = run_session(
        pytester,
        """
        import pytest

        pytestmark = pytest.mark.memory_budget(peak="20 MB")

        @pytest.mark.memory_budget(peak="5 MB")
        @pytest.mark.memory_budget(peak="50 MB")
        def test_three_budgets():
            bytearray(8_000_000)

        @pytest.mark.parametrize("size", [
            pytest.param(3_000_000, marks=pytest.mark.memory_budget(peak="4 MB")),
            pytest.param(6_000_000, marks=pytest.mark.memory_budget(peak="4 MB")),
            pytest.param(6_000_001, marks=pytest.mark.memory_budget(peak="7 MB")),
        ])
        def test_parameters(size):
            bytearray(size)

        @pytest.mark.no_growth
        @pytest.mark.memory_budget(peak="4 MB")
        def test_both():
            bytearray(3_000_000)
        """,
    )

    assert session.outcomes == {
        "test_three_budgets": "FAILED",
        "test_parameters[3000000]": "PASSED",
        "test_parameters[6000000]": "FAILED",
        "test_parameters[6000001]": "PASSED",
        "test_both": "PASSED",
    }
    assert "its budget is 5 MB" in session.story("test_three_budgets")


def test_where_memray_cannot_measure_the_budget_holds_all_the_same_and_says_by_what(
    pytester: pytest.Pytester,
) -> None:
    session = run_session(
        pytester,
        """
        import pytest

        @pytest.mark.memory_budget(peak="20 MB")
        def test_within():
            bytearray(1_000_000)

        @pytest.mark.memory_budget(peak="20 MB")
        def test_beyond():
            bytearray(b"x" * 30_000_000)

        @pytest.mark.memory_budget
        def test_no_size():
            pass

        @pytest.mark.memory_budget(peak="lots")
        def test_no_number():
            pass

        @pytest.mark.memory_budget(peak="1 MB")
        def test_fails_anyway():
            block = bytearray(9_000_000)
            assert block == 1
        """,
        greenlet="'''Stands for the package: with it loaded memray is not used.'''",
        conftest="import greenlet",
    )

    assert session.outcomes["test_within"] == "PASSED"
    assert session.outcomes["test_beyond"] == "FAILED"
    assert "the kernel's high-water mark" in session.story("test_beyond")
    assert "memray did not measure it: greenlet is loaded" in session.story("test_beyond")
    assert 'memory_budget needs a size: write @pytest.mark.memory_budget(peak="50 MB")' in session.output
    assert "peak is 'lots': write a size" in session.story("test_no_number")
    assert "assert block == 1" in session.story("test_fails_anyway")
    assert "its budget" not in session.story("test_fails_anyway")
