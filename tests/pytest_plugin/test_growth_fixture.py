"""What `assert_no_growth` fails, what it lets pass, and what it says."""

from __future__ import annotations

import pytest
from inner_sessions import run_session

GROWING = """
    import pytest

    class Registry:
        def __init__(self):
            self.seen = {}

    registry = Registry()

    def remember(document):
        registry.seen[len(registry.seen)] = document.upper()

    def test_remembers(assert_no_growth):
        assert_no_growth(remember, "x" * 200)
"""


def test_a_growing_dict_fails_with_its_owner_its_line_its_rate_and_what_to_do(
    pytester: pytest.Pytester,
) -> None:
    session = run_session(pytester, GROWING, "--leakhunt-html=told.html")

    assert session.outcomes == {"test_remembers": "FAILED"}
    story = session.story("test_remembers")
    assert "remember grows: " in story
    assert "test_inner.registry.seen grows: +1 item" in story
    assert "Held by   test_inner.registry.seen" in story
    assert "Added at  test_inner.py:10 in remember" in story
    assert "registry.seen[len(registry.seen)] = document.upper()" in story
    assert "Because   • It rises to the last census" in story
    assert "Change    " in story
    # Where it was asked for is shown, and nothing of what happens inside leakhunt.
    assert '>       assert_no_growth(remember, "x" * 200)' in story
    assert "leakhunt/repeat" not in story
    # The whole story is in the reports.
    assert session.report is not None
    assert session.report["verdict"] == "leak"
    finding = session.report["findings"][0]
    assert (finding["kind"], finding["owner"]["path"]) == ("growing-container", "test_inner.registry.seen")
    assert finding["evidence"][-1].startswith("Seen in test_inner.py::test_remembers (")
    assert {site["role"] for site in finding["sites"]} == {"insertion", "allocation"}
    (test,) = session.report["tests"]
    assert (test["test"], test["verdict"]) == ("test_inner.py::test_remembers", "leak")
    assert test["findings"][0] == finding["id"]
    assert "test_inner.registry.seen" in (pytester.path / "told.html").read_text()


def test_what_keeps_nothing_passes_at_any_scope_and_in_any_kind_of_test(pytester: pytest.Pytester) -> None:
    session = run_session(
        pytester,
        """
        import functools, re, typing, unittest
        from abc import ABC

        import pytest

        @pytest.fixture(scope="module")
        def shared():
            return {"text": "a b c"}

        def test_plain(assert_no_growth):
            assert_no_growth(lambda: [object() for _ in range(50)])

        def test_cycles_are_collected(assert_no_growth):
            def cycle():
                ring = []
                ring.append(ring)
            assert_no_growth(cycle)

        def test_a_cache_that_is_full(assert_no_growth):
            numbers = iter(range(10**9))
            @functools.lru_cache(maxsize=8)
            def cached(number):
                return str(number) * 10
            assert_no_growth(lambda: cached(next(numbers)))

        def test_caches_of_the_standard_library(assert_no_growth):
            def fill():
                re.compile("a+b")
                typing.List[int]
                isinstance([], ABC)
            assert_no_growth(fill)

        @pytest.mark.parametrize("size", [1, 1000])
        def test_parametrised(assert_no_growth, shared, size):
            assert_no_growth(shared["text"].split)

        class TestClass:
            def test_method(self, assert_no_growth):
                assert_no_growth(dict, [(1, 2)])

        class Work:
            def __call__(self):
                return 1

        def test_callable_object(assert_no_growth):
            assert_no_growth(Work())
            assert_no_growth(functools.partial(int, "12"))
        """,
        "-W", "error", "-p", "no:cacheprovider",
    )  # fmt: skip

    assert set(session.outcomes.values()) == {"PASSED"}, session.output
    assert len(session.outcomes) == 8
    assert session.report is not None
    assert {test["verdict"] for test in session.report["tests"]} == {"no-leak"}


def test_coroutine_functions_are_awaited_in_the_loop_that_runs(pytester: pytest.Pytester) -> None:
    session = run_session(
        pytester,
        """
        import asyncio
        import pytest

        kept = []

        async def keep():
            await asyncio.sleep(0)
            kept.append(object())

        async def let_go():
            await asyncio.sleep(0)

        @pytest.mark.asyncio
        async def test_asyncio_grows(assert_no_growth):
            await assert_no_growth(keep)

        @pytest.mark.asyncio
        async def test_asyncio_does_not(assert_no_growth):
            await assert_no_growth(let_go)
            await assert_no_growth(lambda: let_go())

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_anyio_does_not(assert_no_growth):
            await assert_no_growth(let_go)

        def test_forgotten(assert_no_growth):
            assert_no_growth(let_go)
        """,
    )

    assert session.outcomes["test_asyncio_grows"] == "FAILED"
    assert "test_inner.kept grows: +1 item" in session.story("test_asyncio_grows")
    assert session.outcomes["test_asyncio_does_not"] == "PASSED"
    assert session.outcomes["test_anyio_does_not"] == "PASSED"
    assert session.outcomes["test_forgotten"] == "ERROR"
    assert "write `await assert_no_growth(let_go)` in an async test" in session.output


def test_bad_input_is_told_in_a_sentence(pytester: pytest.Pytester) -> None:
    session = run_session(
        pytester,
        """
        def generate():
            yield 1

        def parse(document):
            raise ValueError("broken " + document)

        def test_no_function(assert_no_growth):
            assert_no_growth(12)

        def test_generator_function(assert_no_growth):
            assert_no_growth(generate)

        def test_generator(assert_no_growth):
            assert_no_growth(lambda: generate())

        def test_arguments_missing(assert_no_growth):
            assert_no_growth(parse)

        def test_raises(assert_no_growth):
            assert_no_growth(parse, "file")

        def test_tolerance(assert_no_growth):
            assert_no_growth(list, tolerance="much")

        def test_iterations(assert_no_growth):
            assert_no_growth(list, iterations=3)

        def test_seconds(assert_no_growth):
            assert_no_growth(list, max_seconds=0)
        """,
    )

    assert set(session.outcomes.values()) == {"FAILED"}
    told = {name: session.story(name) for name in session.outcomes}
    assert "Failed: 12 cannot be called: hand in the function itself" in told["test_no_function"]
    assert (
        "generate is a generator function: calling it runs nothing of it" in told["test_generator_function"]
    )
    assert "returns a generator: nothing of it ran" in told["test_generator"]
    assert "parse(document) cannot be called with 0 arguments" in told["test_arguments_missing"]
    assert "ValueError: broken file" in told["test_raises"]
    assert "tolerance is 'much': write a size" in told["test_tolerance"]
    assert 'iterations is 3: write "auto" or a whole number of at least 12' in told["test_iterations"]
    assert "max_seconds is 0: write seconds" in told["test_seconds"]
    assert "leakhunt/" not in "".join(told.values())


def test_what_cannot_be_told_passes_with_a_warning_and_fails_when_strict(pytester: pytest.Pytester) -> None:
    session = run_session(
        pytester,
        """
        import time

        kept = []

        def slow():
            time.sleep(0.1)
            kept.append(bytes(3_000_000))

        def test_warned(assert_no_growth):
            assert_no_growth(slow, max_seconds=0.9)

        def test_strict(assert_no_growth):
            assert_no_growth(slow, max_seconds=0.9, strict=True)
        """,
    )

    assert session.outcomes == {"test_warned": "PASSED", "test_strict": "FAILED"}
    assert "GrowthUndecided: slow: " in session.output
    assert "too few to tell a leak from a cache that fills" in session.story("test_strict")
