"""The outcome of a check for machines that read it: GitHub's annotations and summary, JUnit, SARIF.

All text of the run is data: it is escaped for the language it stands in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree

from leakhunt._version import __version__
from leakhunt.findings.comparison import Checked, Problem
from leakhunt.report.comparison import MEASURES, change_cells, finding_cells, verdict_line
from leakhunt.report.markdown import code_span, escape
from leakhunt.report.text import SENTENCE, TITLE, drawable, one_line

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"leak": "error", "regression": "error", "cannot-tell": "warning"}
_RULES = {
    "leak": "Memory grows with every iteration and is not given back",
    "regression": "Memory is higher than in the baseline",
    "cannot-tell": "It could not be decided whether memory grows",
}


def github_annotations(checked: Checked) -> str:
    """Return workflow commands, one a line, that GitHub shows beside the lines of the change."""
    lines = []
    for problem in drawable(checked).problems:
        level = _LEVELS[problem.kind] if problem.fails else "notice"
        where = (
            {"file": _relative(problem.file), "line": str(problem.line)}
            if problem.file and problem.line
            else {}
        )
        properties = {**where, "title": f"leakhunt: {problem.kind}"}
        listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        text = f"{one_line(problem.title, TITLE)}: {one_line(problem.why, SENTENCE)}"
        lines.append(f"::{level} {listed}::{_data(text)}")
    return "".join(f"{line}\n" for line in lines)


def step_summary(checked: Checked) -> str:
    """Return the outcome as GitHub-flavoured Markdown."""
    shown = drawable(checked)
    blocks = [f"### {'🔴' if shown.failed else '🟢'} leakhunt: {escape(verdict_line(shown))}"]
    if shown.problems:
        blocks.append(
            "\n".join(
                f"- **{problem.kind}**{'' if problem.fails else ' (not failed on)'}: "
                f"{escape(one_line(problem.title, TITLE))}{_place(problem)}. {escape(one_line(problem.why, SENTENCE))}"
                for problem in shown.problems
            )
        )
    if shown.comparison is not None:
        rows = [(MEASURES[one.measure], change_cells(one)) for one in shown.comparison.changes]
        rows += [(one_line(one.title, TITLE), finding_cells(one)) for one in shown.comparison.findings]
        head = "| | baseline | now | difference | |\n|---|--:|--:|--:|---|"
        body = [
            f"| {escape(label)} | {' | '.join(escape(cell) for cell in cells)} |" for label, cells in rows
        ]
        blocks.append("\n".join((head, *body)))
    notes = [*shown.notes, *(f"accepted: {title}" for title in shown.accepted)]
    if notes:
        blocks.append("\n".join(f"- {escape(one_line(note, SENTENCE))}" for note in notes))
    return "\n\n".join(blocks) + "\n"


def junit_xml(checks: Sequence[Checked]) -> str:
    """Return checks as JUnit XML: a suite a target, a case for leaks and one for each measure compared."""
    root = ElementTree.Element("testsuites", name="leakhunt")
    for checked in map(drawable, checks):
        cases = _cases(checked)
        failures = sum(1 for _, problems in cases if any(one.fails for one in problems))
        suite = ElementTree.SubElement(
            root, "testsuite", name=_xml(checked.target), tests=str(len(cases)), failures=str(failures),
            errors="0", skipped="0", time=f"{checked.seconds or 0.0:.3f}",
        )  # fmt: skip
        for name, problems in cases:
            case = ElementTree.SubElement(
                suite, "testcase", classname=_xml(checked.target), name=name, time="0"
            )
            for problem in problems:
                text = f"{problem.title}: {problem.why}"
                if problem.fails:
                    failure = ElementTree.SubElement(case, "failure", type=problem.kind, message=_xml(text))
                    failure.text = _xml(
                        f"{text}\n{_relative(problem.file)}:{problem.line}" if problem.file else text
                    )
                else:
                    ElementTree.SubElement(case, "system-out").text = _xml(f"{problem.kind}: {text}")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def sarif_json(checks: Sequence[Checked]) -> str:
    """Return checks as a SARIF 2.1.0 log: one run, a result a problem, matched over time by fingerprint."""
    results = [_result(problem, checked) for checked in map(drawable, checks) for problem in checked.problems]
    rules = [{"id": name, "shortDescription": {"text": text}} for name, text in _RULES.items()]
    driver = {"name": "leakhunt", "version": __version__, "rules": rules}
    log = {"$schema": _SARIF, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return json.dumps(log, indent=1) + "\n"


def _cases(checked: Checked) -> list[tuple[str, list[Problem]]]:
    """The cases of a target and the problems of each; one for leaks, whatever was looked at besides."""
    cases: dict[str, list[Problem]] = {"nothing leaks": []}
    if checked.comparison is not None:
        cases |= {
            MEASURES[one.measure]: [] for one in checked.comparison.changes if one.standing != "unknown"
        }
    for problem in checked.problems:
        name = MEASURES.get(problem.slug, "nothing leaks")
        cases.setdefault(name, []).append(problem)
    return list(cases.items())


def _result(problem: Problem, checked: Checked) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": problem.kind,
        "level": _LEVELS[problem.kind] if problem.fails else "note",
        "message": {"text": f"{problem.title}: {problem.why} ({checked.target})"},
        "partialFingerprints": {"leakhunt/v1": problem.finding or f"{checked.target}:{problem.slug}"},
    }
    if problem.file:
        location: dict[str, Any] = {"artifactLocation": {"uri": _uri(problem.file)}}
        if problem.line:
            location["region"] = {"startLine": problem.line}
        result["locations"] = [{"physicalLocation": location}]
    return result


def _relative(file: str | None) -> str:
    """The path from the current directory on, which in CI is the repository's top; as it is where it lies elsewhere."""
    if not file:
        return ""
    path = PurePath(file)
    here = PurePath(os.getcwd())
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()


def _uri(file: str) -> str:
    from urllib.parse import quote

    path = _relative(file)
    return f"file://{quote(path)}" if path.startswith("/") else quote(path)


def _place(problem: Problem) -> str:
    return f" at {code_span(f'{_relative(problem.file)}:{problem.line}')}" if problem.file else ""


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _xml(text: str) -> str:
    """Text without what XML 1.0 cannot hold at all, not even escaped."""
    return "".join(
        sign
        if sign in "\t\n\r"
        or 0x20 <= ord(sign) <= 0xD7FF
        or 0xE000 <= ord(sign) <= 0xFFFD
        or ord(sign) > 0xFFFF
        else "?"
        for sign in text
    )
