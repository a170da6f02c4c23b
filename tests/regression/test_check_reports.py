"""The outcome of a check, drawn whole for people and machines, is what a person accepted (golden/)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from recorded import HERE, TODAY, leak, run

from leakhunt.findings.comparison import Checked
from leakhunt.regression.baseline import Baseline
from leakhunt.regression.check import check_runs
from leakhunt.regression.compare import compare_runs, courses
from leakhunt.regression.measures import measured
from leakhunt.regression.update import updated
from leakhunt.report.ci import github_annotations, junit_xml, sarif_json, step_summary
from leakhunt.report.comparison import checked_json, print_checked, print_comparisons
from leakhunt.report.comparison_html import comparison_html
from leakhunt.report.console import PlainConsole

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m::error::%0A|`[x](y)@all"


def checked(runs_before: list, runs_now: list, *, target: str = "job.py") -> Checked:
    known, _ = updated(Baseline(), target, HERE, measured(runs_before), today=TODAY, packages={})
    outcome = check_runs(
        runs_now, known.of(target), HERE, fail_on=("leak", "regression"), today=TODAY, target=target
    )
    return replace(outcome, seconds=12.5)


def failed() -> Checked:
    before = [run(peak=100_000_000 + extra) for extra in (0, 100_000, 200_000)]
    now = [
        run(peak=120_000_000 + extra, resident=20_500.0, malloc=20_100.0, blocks=1.0,
            findings=[leak("main() local rows", 20_033.0)])
        for extra in (0, 100_000, 200_000)
    ]  # fmt: skip
    return checked(before, now)


def passed() -> Checked:
    return checked([run()] * 3, [run()] * 3)


def hostile() -> Checked:
    return checked([run(target=HOSTILE)] * 3, [run(target=HOSTILE, findings=[leak(HOSTILE, 20_000.0)])] * 3,
                   target=HOSTILE)  # fmt: skip


def terminal(outcome: Checked) -> str:
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = PlainConsole(nowhere, width=100)
        with console.capture() as captured:
            print_checked(outcome, console)
    return captured.get()


CASES: dict[str, Callable[[], Checked]] = {"failed": failed, "passed": passed, "hostile": hostile}
DRAWN: dict[str, Callable[[Checked], str]] = {
    "terminal.txt": terminal,
    "annotations.txt": github_annotations,
    "summary.md": step_summary,
    "junit.xml": lambda outcome: junit_xml([outcome]),
    "sarif.json": lambda outcome: sarif_json([outcome]),
    "checked.json": lambda outcome: checked_json(outcome) + "\n",
}


@pytest.mark.parametrize("drawing", DRAWN)
@pytest.mark.parametrize("case", CASES)
def test_an_outcome_is_drawn_as_accepted(case: str, drawing: str, accept: bool) -> None:
    path = GOLDEN / case / drawing

    drawn = DRAWN[drawing](CASES[case]())

    if accept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(drawn, encoding="utf-8", newline="\n")
    assert drawn == path.read_text(encoding="utf-8"), (
        "python -m pytest tests/regression --accept, read the diff"
    )


def test_a_hostile_name_is_one_annotation_and_no_command() -> None:
    lines = github_annotations(hostile()).splitlines()

    assert all(line.startswith("::error ") for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert all(line.split("::", 2)[1].count("::") == 0 for line in lines)


def test_junit_counts_its_failures() -> None:
    suite = ElementTree.fromstring(junit_xml([failed()])).find("testsuite")

    assert suite is not None
    failures = [case for case in suite.findall("testcase") if case.find("failure") is not None]
    assert suite.get("failures") == str(len(failures)) == "4"
    assert suite.get("tests") == str(len(suite.findall("testcase")))


@pytest.mark.parametrize("case", CASES)
def test_the_log_is_sarif(case: str) -> None:
    sarif = pytest.importorskip("sarif_pydantic", reason="needs sarif-pydantic")

    log = sarif.Sarif.model_validate_json(sarif_json([CASES[case]()]))

    rules = {rule.id for rule in log.runs[0].tool.driver.rules}
    assert log.version == "2.1.0"
    assert {result.rule_id for result in log.runs[0].results} <= rules


def test_the_same_problem_has_the_same_fingerprint_in_every_log() -> None:
    first, second = (json.loads(sarif_json([failed()]))["runs"][0]["results"] for _ in range(2))

    assert [one["partialFingerprints"] for one in first] == [one["partialFingerprints"] for one in second]
    assert first[0]["partialFingerprints"] == {"leakhunt/v1": "id-of-main() local rows"}


def comparison() -> tuple[list, list]:
    before = run(id_="before", findings=[leak("ROWS", 20_000.0)], peak=300_000_000)
    after, other = run(id_="after"), run(id_="other", findings=[leak(HOSTILE, 9_000.0)])
    return (
        [compare_runs(before, after), compare_runs(before, other)],
        courses([before, after, other], ["before", "after", "other"]),
    )


def test_a_comparison_is_printed_as_accepted(accept: bool) -> None:
    path = GOLDEN / "comparison" / "terminal.txt"
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = PlainConsole(nowhere, width=100)
        with console.capture() as captured:
            print_comparisons(*comparison(), console)

    if accept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(captured.get(), encoding="utf-8", newline="\n")
    assert captured.get() == path.read_text(encoding="utf-8")


def test_a_page_of_a_comparison_holds_hostile_text_as_text() -> None:
    page = comparison_html(*comparison())

    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert page.count("</script>") == 3
