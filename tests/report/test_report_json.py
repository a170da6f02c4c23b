"""The JSON report: complete, strict, readable by the published contract, and the same when read back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from cases import CASES, clean, hostile, leaking_sweep
from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.errors import LeakhuntError
from leakhunt.findings.diagnosis import Cost, Memory
from leakhunt.report.json_report import from_json, to_json
from leakhunt.report.schema import report_schema, schema_text

CONTRACT = json.loads((Path(__file__).parent / "contract.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("schema", [CONTRACT, report_schema()], ids=["contract", "generated"])
@pytest.mark.parametrize("case", CASES)
def test_every_report_keeps_the_contract(case: str, schema: dict[str, object]) -> None:
    jsonschema.Draft202012Validator(schema).validate(json.loads(to_json(CASES[case]())))


@pytest.mark.parametrize("schema", [CONTRACT, report_schema()], ids=["contract", "generated"])
def test_a_broken_report_is_refused_by_both_schemas(schema: dict[str, object]) -> None:
    report = json.loads(to_json(leaking_sweep()))
    report["findings"][0]["verdict"] = "perhaps"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(report)


def test_the_committed_schema_is_the_generated_one() -> None:
    import leakhunt.report

    committed = Path(leakhunt.report.__file__).with_name("report.schema.json").read_text(encoding="utf-8")

    assert committed == schema_text(), "python -m leakhunt.report.schema > leakhunt/report/report.schema.json"


def test_the_schema_itself_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(report_schema())


@pytest.mark.parametrize("case", [case for case in CASES if case != "hostile"])
def test_a_report_read_back_is_the_same_diagnosis(case: str) -> None:
    diagnosis = CASES[case]()

    assert from_json(to_json(diagnosis)) == diagnosis


def test_a_number_that_is_none_is_written_as_null() -> None:
    memory = Memory(1, 2, 3, math.nan, [1.0, math.inf], None)
    diagnosis = replace(clean(), memory=memory, cost=Cost(math.inf, -math.inf, None))

    report = json.loads(to_json(diagnosis), parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))

    assert report["cost"]["seconds"] is None
    assert report["memory"]["bytes_per_iteration"] is None
    assert report["memory"]["bytes_per_iteration_ci"] is None


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    memory = Memory(np.int64(7), 2, 3, np.float64(1.5), [np.float32(1), 2.0], None)  # type: ignore[list-item]

    report = json.loads(to_json(replace(clean(), memory=memory)))

    assert report["memory"]["start"] == 7
    assert report["memory"]["bytes_per_iteration_ci"] == [1.0, 2.0]


def test_half_a_surrogate_pair_does_not_break_strict_readers() -> None:
    text = to_json(hostile())

    json.loads(text)["run"]["target"].encode("utf-8")
    assert "\\udcff" in json.loads(text)["run"]["target"]


@settings(deadline=None)
@given(st.text(st.characters(), max_size=30))
def test_any_text_survives_or_is_shown(text: str) -> None:
    diagnosis = replace(clean(), exception=text)

    read = from_json(to_json(diagnosis)).exception

    assert read == text.encode("utf-8", "backslashreplace").decode("utf-8")


def test_fields_of_a_newer_leakhunt_are_ignored_and_missing_ones_get_their_default() -> None:
    report = json.loads(to_json(clean()))
    report["invented"] = {"later": 1}
    report["loops"][0]["invented"] = True
    del report["loops"][0]["kind"], report["reasons"]

    read = from_json(json.dumps(report))

    assert read.loops[0].kind == "for"
    assert read.reasons == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "not JSON"),
        ("[]", "no verdict"),
        ('{"verdict": "leak", "format": 2}', "format is 2"),
        ('{"verdict": "leak", "format": 1}', "missing or wrong"),
        (to_json(clean()).replace('"no-leak"', '"no leak"'), "'no leak'"),
        (to_json(clean()).replace('"processes": 1', '"processes": "1"'), "'1' is not int"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(text: str, named: str) -> None:
    with pytest.raises(LeakhuntError, match=r"not a leakhunt report") as refused:
        from_json(text)

    assert named in str(refused.value)
    assert refused.value.slug == "report-unreadable"
    assert "\n" not in str(refused.value)
