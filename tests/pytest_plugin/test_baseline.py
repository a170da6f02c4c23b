"""`--leakhunt-baseline`: a measured test that is worse than its entry fails, and what was accepted may grow."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from inner_sessions import Session, run_session

from leakhunt.guard.interpreter import this_key
from leakhunt.pytest_plugin.baseline_telling import grouped
from leakhunt.regression.baseline import read_baseline

TODAY = dt.date.today()
GIVEN = "--leakhunt-baseline=base.json"
UPDATE = "--leakhunt-update"
PEAKS = """
    import os
    import pytest

    pytestmark = pytest.mark.memory_budget(peak="50 MB")

    def test_peak():
        bytearray(int(os.environ["PEAK"]))
"""
GROWING = """
    import os
    import pytest

    kept = []
    log = []

    def remember():
        kept.append(bytearray(1_000))
        if os.environ.get("ALSO"):
            log.append(bytearray(1_000))

    def test_fixture(assert_no_growth):
        assert_no_growth(remember)
"""


def base(pytester: pytest.Pytester) -> dict[str, Any]:
    return json.loads(Path(pytester.path, "base.json").read_text())


def write(pytester: pytest.Pytester, content: dict[str, Any]) -> None:
    Path(pytester.path, "base.json").write_text(json.dumps(content))


def summary(session: Session) -> str:
    return session.output.partition("leakhunt baseline =")[2].partition("short test summary")[0]


@pytest.mark.slow
def test_a_peak_within_twice_what_matters_passes_and_one_step_beyond_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEAK", "20000000")
    written = run_session(pytester, PEAKS, GIVEN, UPDATE)
    assert written.outcomes == {"test_peak": "PASSED"}
    assert f"test_inner.py::test_peak: new for {this_key()}: peak memory 20.0 MB" in summary(written)

    monkeypatch.setenv("PEAK", "21900000")
    assert run_session(pytester, PEAKS, GIVEN).outcomes == {"test_peak": "PASSED"}
    monkeypatch.setenv("PEAK", "22100000")
    worse = run_session(pytester, PEAKS, GIVEN)

    assert worse.outcomes == {"test_peak": "FAILED"}
    assert worse.code == 1
    story = worse.story("test_peak")
    assert "test_peak is worse than its baseline (base.json, measured " in story
    assert "Peak memory is higher: 20.0 MB → 22.1 MB, +2.1 MB (+10.5%)" in story
    assert "--leakhunt-update writes it into the baseline" in story
    assert "FAILED      test_inner.py::test_peak: Peak memory is higher: 20.0 MB" in summary(worse)

    before = Path(pytester.path, "base.json").read_text()
    monkeypatch.setenv("PEAK", "20100000")
    again = run_session(pytester, PEAKS, GIVEN, UPDATE)
    assert "nothing that matters changed" in summary(again)
    assert Path(pytester.path, "base.json").read_text() == before
    monkeypatch.setenv("PEAK", "30000000")
    moved = run_session(pytester, PEAKS, GIVEN, UPDATE)
    assert moved.outcomes == {"test_peak": "PASSED"}
    assert "test_peak: peak memory: 20.0 MB → 30.0 MB, +10.0 MB (+50.0%)" in summary(moved)
    assert run_session(pytester, PEAKS, GIVEN).outcomes == {"test_peak": "PASSED"}


@pytest.mark.slow
def test_growth_is_accepted_up_to_a_day_and_growth_of_something_else_is_not(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = run_session(pytester, GROWING, GIVEN, UPDATE, f"--leakhunt-accept-until={TODAY}")
    assert written.outcomes == {"test_fixture": "PASSED"}
    assert "accepted from now on: test_inner.kept grows: +1 item" in summary(written)

    accepted = run_session(pytester, GROWING, GIVEN)
    assert accepted.outcomes == {"test_fixture": "PASSED"}
    assert "ACCEPTED    test_inner.py::test_fixture: test_inner.kept grows: +1 item" in summary(accepted)
    assert f"(until {TODAY})" in summary(accepted)

    monkeypatch.setenv("ALSO", "yes")
    other = run_session(pytester, GROWING, GIVEN)
    assert other.outcomes == {"test_fixture": "FAILED"}
    assert "test_inner.log grows: +1 item" in other.story("test_fixture")
    assert "per iteration: not in base.json; --leakhunt-update accepts it" in other.story("test_fixture")
    assert "FAILED      test_inner.py::test_fixture: test_inner.log grows: +1 item" in summary(other)

    monkeypatch.delenv("ALSO")
    content = base(pytester)
    (entry,) = content["tests"]["test_inner.py::test_fixture"]["accepted"].values()
    entry["until"] = str(TODAY - dt.timedelta(1))
    write(pytester, content)
    expired = run_session(pytester, GROWING, GIVEN)
    assert expired.outcomes == {"test_fixture": "FAILED"}
    assert f"accepted in base.json until {entry['until']}, which is over" in expired.story("test_fixture")


@pytest.mark.slow
def test_accepted_growth_may_not_become_faster(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        import os
        import pytest

        kept = []

        @pytest.mark.no_growth
        def test_marked():
            kept.append(bytearray(int(os.environ["SIZE"])))
    """
    monkeypatch.setenv("SIZE", "2000")
    run_session(pytester, source, GIVEN, UPDATE)

    monkeypatch.setenv("SIZE", "2850")
    assert run_session(pytester, source, GIVEN).outcomes == {"test_marked": "PASSED"}
    monkeypatch.setenv("SIZE", "3150")
    faster = run_session(pytester, source, GIVEN)

    assert faster.outcomes == {"test_marked": "FAILED"}
    assert "test_marked is worse than its baseline" in faster.story("test_marked")
    assert "kB → 3." in faster.story("test_marked")


@pytest.mark.slow
def test_a_swept_test_is_held_to_its_own_entry(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        import os

        kept, log = [], []

        def test_known():
            if os.environ.get("GROWS"):
                kept.append(bytearray(500))

        if os.environ.get("GROWS"):
            def test_new():
                log.append(bytearray(500))
    """
    run_session(pytester, source, GIVEN, UPDATE, "--leakhunt-all")
    assert run_session(pytester, source, GIVEN, "--leakhunt-all").outcomes == {"test_known": "PASSED"}

    monkeypatch.setenv("GROWS", "yes")
    session = run_session(pytester, source, GIVEN, "--leakhunt-all")

    assert session.outcomes == {"test_known": "FAILED", "test_new": "PASSED"}
    assert "test_inner.kept grows" in session.story("test_known")
    assert "it is new" in session.story("test_known")
    assert "not in it: test_inner.py::test_new" in summary(session)


def test_the_same_change_of_many_tests_is_said_once() -> None:
    few = [(f"test_{number}", "does not grow") for number in range(5)]

    assert grouped([*few, ("test_x", "grows")]) == [*few, ("test_x", "grows")]
    assert grouped([*few, ("test_x", "grows"), ("test_5", "does not grow")]) == [
        ("6 tests", "does not grow"),
        ("test_x", "grows"),
    ]


@pytest.mark.slow
def test_levels_of_another_platform_or_python_are_not_compared(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEAK", "10000000")
    run_session(pytester, PEAKS, GIVEN, UPDATE)
    content = base(pytester)
    known = content["tests"]["test_inner.py::test_peak"]["environments"]
    known["plan9-mips cpython-3.10"] = known.pop(this_key())
    write(pytester, content)

    monkeypatch.setenv("PEAK", "30000000")
    session = run_session(pytester, PEAKS, GIVEN)

    assert session.outcomes == {"test_peak": "PASSED"}
    assert f"note: the baseline has no levels for {this_key()} (it has plan9-mips" in summary(session)
    assert "1 tests measured, 0 compared" in summary(session)
    run_session(pytester, PEAKS, GIVEN, UPDATE)
    assert set(base(pytester)["tests"]["test_inner.py::test_peak"]["environments"]) == {
        this_key(),
        "plan9-mips cpython-3.10",
    }


def test_one_file_is_shared_with_check_and_what_did_not_run_stays(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEAK", "10000000")
    target = {"accepted": {"x": {"title": "ROWS grows", "until": None, "why": "known"}}, "environments": {}}
    entry = {"accepted": {}, "environments": {}}
    gone = {"test_inner.py::test_other": entry, "test_removed.py::test_any": entry}
    write(pytester, {"format": 1, "targets": {"job.py": target}, "tests": gone})

    session = run_session(pytester, PEAKS, GIVEN, UPDATE)

    assert "test_removed.py::test_any: taken out: its file is gone" in summary(session)
    assert base(pytester)["targets"] == {"job.py": target}
    assert set(base(pytester)["tests"]) == {"test_inner.py::test_other", "test_inner.py::test_peak"}
    assert read_baseline(Path(pytester.path, "base.json")).of("job.py").accepted["x"].why == "known"


def test_a_test_that_fails_keeps_its_entry(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEAK", "10000000")
    run_session(pytester, PEAKS, GIVEN, UPDATE)
    before = base(pytester)
    monkeypatch.setenv("PEAK", "60000000")

    session = run_session(pytester, PEAKS, GIVEN, UPDATE)

    assert session.outcomes == {"test_peak": "FAILED"}
    assert base(pytester) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "there is none: write it with --leakhunt-update", id="missing"),
        pytest.param(
            '{"format": 99, "targets": {}}', "its format is 99 and this leakhunt reads 1", id="format"
        ),
        pytest.param(
            '{"format": 1, "tests": []}', "a field is missing or wrong ([] is no object)", id="edited"
        ),
        pytest.param('{"format": 1,', "it is not JSON", id="torn"),
        pytest.param('{\n<<<<<<< HEAD\n"format": 1\n', "line 2 is an unresolved merge", id="conflict"),
        pytest.param('{"verdict": "leak"}', "it is no baseline of leakhunt", id="another file"),
    ],
)
def test_a_file_that_is_no_baseline_is_an_error_of_usage_in_one_line(
    pytester: pytest.Pytester, text: str | None, said: str
) -> None:
    pytester.makepyfile("def test_fine(): pass")
    if text is not None:
        Path(pytester.path, "base.json").write_text(text)

    done = pytester.runpytest_subprocess(GIVEN)

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in done.errlines if line.startswith("ERROR")]
    assert "base.json: " in line
    assert said in line
    assert "Traceback" not in done.stderr.str() + done.stdout.str()
    assert "INTERNALERROR" not in done.stderr.str() + done.stdout.str()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((UPDATE,), "name it with --leakhunt-baseline=FILE"),
        ((GIVEN, "--leakhunt-accept-until=2027-01-31"), "goes with --leakhunt-update"),
        ((GIVEN, UPDATE, "--leakhunt-accept-until=soon"), "'soon' is not a day: write 2027-01-31"),
    ],
)
def test_options_that_say_nothing_that_could_be_done_are_refused(
    pytester: pytest.Pytester, options: tuple[str, ...], said: str
) -> None:
    done = pytester.runpytest_subprocess(*options)

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert said in done.stderr.str()


def test_a_baseline_that_cannot_be_written_is_told_and_no_success(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEAK", "10000000")
    pytester.makefile(".txt", file="not a directory")

    session = run_session(pytester, PEAKS, "--leakhunt-baseline=file.txt/base.json", UPDATE)

    assert session.code == pytest.ExitCode.USAGE_ERROR
    assert "leakhunt: cannot write" in summary(session)


def test_a_session_that_is_interrupted_writes_nothing(pytester: pytest.Pytester) -> None:
    source = """
        import pytest

        @pytest.mark.memory_budget(peak="50 MB")
        def test_peak():
            bytearray(10_000_000)

        def test_interrupted():
            raise KeyboardInterrupt
    """
    session = run_session(pytester, source, GIVEN, UPDATE)

    assert session.code == pytest.ExitCode.INTERRUPTED
    assert "nothing was written: the session did not come to its end" in session.output
    assert not Path(pytester.path, "base.json").exists()


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("groups", [(), ("--dist=loadgroup",)], ids=["each", "groups"])
def test_workers_judge_and_the_controller_writes(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, groups: tuple[str, ...]
) -> None:
    source = (
        PEAKS
        + """
    kept = []

    @pytest.mark.xdist_group("one")
    @pytest.mark.no_growth
    def test_grows():
        kept.append(bytearray(1_000))
    """
    )
    monkeypatch.setenv("PEAK", "20000000")
    run_session(pytester, source, GIVEN, UPDATE, "-n", "2", *groups)
    assert set(base(pytester)["tests"]) == {"test_inner.py::test_peak", "test_inner.py::test_grows"}

    monkeypatch.setenv("PEAK", "23000000")
    session = run_session(pytester, source, GIVEN, "-n", "2", *groups)

    assert session.outcomes["test_peak"] == "FAILED"
    assert "FAILED" not in session.outcomes.get("test_grows@one", session.outcomes.get("test_grows", ""))
    assert "2 tests measured, 2 compared, 1 failed, 1 grow as accepted" in summary(session)
