"""The committed baseline: the same text for the same levels, clear words for a file that is no baseline."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import HERE, TODAY, leak, run

from leakhunt.errors import LeakhuntError
from leakhunt.regression.baseline import (
    Baseline,
    baseline_text,
    parse_baseline,
    read_baseline,
    write_baseline,
)
from leakhunt.regression.measures import measured
from leakhunt.regression.update import updated

LEAKING = [
    run(peak=size, findings=[leak("ROWS", 20_000.0)]) for size in (100_100_000, 100_000_000, 100_200_000)
]


def written(target: str = "job.py", into: Baseline | None = None, until: dt.date | None = None) -> Baseline:
    return updated(
        into or Baseline(),
        target,
        HERE,
        measured(LEAKING),
        today=TODAY,
        packages={"numpy": "1.26.4"},
        until=until,
    )[0]


def test_a_baseline_reads_like_this(tmp_path: Path) -> None:
    assert json.loads(baseline_text(written(until=dt.date(2026, 12, 31)))) == {
        "format": 1,
        "targets": {
            "job.py": {
                "accepted": {"id-of-ROWS": {"title": "ROWS grows", "until": "2026-12-31", "why": None}},
                "environments": {
                    HERE: {
                        "findings": {
                            "id-of-ROWS": {
                                "bytes_per_iteration": 20000,
                                "kind": "growing-container",
                                "leak": True,
                                "title": "ROWS grows",
                            }
                        },
                        "iterations": 40,
                        "levels": {
                            "block-growth": [0, 0, 0],
                            "malloc-growth": [0, 0, 0],
                            "peak": [100000000, 100100000, 100200000],
                            "resident-growth": [0, 0, 0],
                            "seconds": [0.1, 0.1, 0.1],
                        },
                        "measured": "2026-05-01",
                        "packages": {"numpy": "1.26.4"},
                        "python": "CPython 3.11.7",
                        "runs": 3,
                        "verdict": "leak",
                    }
                },
            }
        },
    }


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    text = baseline_text(written("b.py", written("a.py")))
    (tmp_path / "base.json").write_text(text)

    assert baseline_text(read_baseline(tmp_path / "base.json")) == text


def test_targets_and_tests_share_a_file_and_leave_each_other_alone(tmp_path: Path) -> None:
    tests = {"test_job.py::test_a": written().of("job.py")}
    both = replace(written(), tests=tests)
    write_baseline(both, tmp_path / "deep" / "base.json")

    again = read_baseline(tmp_path / "deep" / "base.json")

    assert baseline_text(again) == baseline_text(both)
    assert baseline_text(replace(written("other.py", again), targets={})) == baseline_text(
        Baseline(tests=tests)
    )
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["base.json"]


def test_a_baseline_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "base.json").mkdir()

    with pytest.raises(LeakhuntError, match="cannot write"):
        write_baseline(written(), tmp_path / "base.json")

    assert [path.name for path in tmp_path.iterdir()] == ["base.json"]


@given(st.data())
def test_a_file_with_any_wrong_value_is_read_or_refused_in_one_line(data: st.DataObject) -> None:
    content = json.loads(baseline_text(replace(written(), tests={"test": written().of("job.py")})))
    holder: Any = content
    while True:
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        if not isinstance(holder[key], (dict, list)) or not holder[key] or data.draw(st.booleans()):
            break
        holder = holder[key]
    holder[key] = data.draw(
        st.sampled_from([None, True, -1, 1e400, "", "x", "2026-02-30", [], [[]], {}, {"x": 1}])
    )

    refused = ""
    try:
        baseline_text(parse_baseline(json.dumps(content), Path("base.json")))
    except LeakhuntError as problem:
        refused = str(problem)
    assert "\n" not in refused


def test_targets_stand_in_order_whatever_was_measured_first() -> None:
    one, other = written("b.py", written("a.py")), written("a.py", written("b.py"))

    assert baseline_text(one) == baseline_text(other)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[]", "it is no baseline of leakhunt"),
        ('{"verdict": "leak", "format": 1}', "it is no baseline of leakhunt"),
        ('{"format": 99, "targets": {}}', "its format is 99 and this leakhunt reads 1"),
        ('{"format": 1, "targets": []}', "a field is missing or wrong"),
        (
            '{"format": 1, "targets": {"a": {"environments": {"x": {"runs": 3}}}}}',
            "a field is missing or wrong",
        ),
        (
            '{"format": 1, "targets": {"a": {"accepted": {"x": {"title": "t", "until": "soon"}}}}}',
            "a field is",
        ),
        ('{\n<<<<<<< HEAD\n"format": 1\n', "line 2 is an unresolved merge"),
    ],
)
def test_a_file_that_is_no_baseline_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "base.json"
    path.write_text(text)

    with pytest.raises(LeakhuntError) as refused:
        read_baseline(path)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_missing_baseline_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LeakhuntError, match="write it with --update"):
        read_baseline(tmp_path / "none.json")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "base.json").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(LeakhuntError, match="cannot be read"):
        read_baseline(tmp_path / "base.json")


def test_an_unknown_measure_is_refused(tmp_path: Path) -> None:
    text = baseline_text(written()).replace('"peak"', '"pique"')
    (tmp_path / "base.json").write_text(text)

    with pytest.raises(LeakhuntError, match="no measure is called 'pique'"):
        read_baseline(tmp_path / "base.json")


def test_an_update_says_what_changes() -> None:
    before = written()

    _, said = updated(before, "job.py", HERE, measured([run(peak=120_000_000)] * 3), today=TODAY, packages={})

    assert said == [
        "peak memory: 100 MB → 120 MB, +19.9 MB (+19.9%)",
        "gone: ROWS grows",
        "no longer needed: ROWS grows is gone",
    ]


def test_an_update_that_changes_nothing_says_so() -> None:
    _, said = updated(written(), "job.py", HERE, measured(LEAKING), today=TODAY, packages={})

    assert said == ["nothing that matters changed; the levels of today's runs replace the old ones"]


def test_an_accepted_leak_keeps_its_date_unless_it_has_passed() -> None:
    before = written(until=dt.date(2026, 12, 31))

    again = written(into=before, until=dt.date(2027, 6, 30))
    assert again.of("job.py").accepted["id-of-ROWS"].until == dt.date(2026, 12, 31)

    expired = written(until=dt.date(2026, 1, 1))
    renewed = written(into=expired, until=dt.date(2027, 6, 30))
    assert renewed.of("job.py").accepted["id-of-ROWS"].until == dt.date(2027, 6, 30)
