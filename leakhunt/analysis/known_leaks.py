"""Joins what is publicly known of leaks in packages to the findings of a run, and advises to upgrade.

Adds a sentence with its reference; changes no verdict.
"""

from __future__ import annotations

import dataclasses
import re

from leakhunt.analysis.advised import Setting, confirmation
from leakhunt.analysis.cases import Case
from leakhunt.analysis.source import read_source
from leakhunt.findings.diagnosis import Recommendation
from leakhunt.findings.known import PYTHON, Known, known_for
from leakhunt.model.run import LoopTrace, Run


def with_known_leaks(run: Run, loop: LoopTrace, cases: list[Case]) -> list[Case]:
    """Return the cases; those that a known leak fits say so, with the reference."""
    versions = versions_of(run)
    return [_told(case, _known(run, loop, case, versions), versions) for case in cases]


def advise_upgrade(case: Case, setting: Setting) -> Recommendation | None:
    """Upgrade what is known to leak in the version that ran: a rule of advice."""
    entry = _first(case, setting, with_release=True)
    if entry is None:
        return None
    if entry.package == PYTHON:
        title, do = f"run it under Python {entry.fixed} or later", "Upgrade the interpreter."
    else:
        title = f"upgrade {entry.package} to {entry.fixed} or later"
        do = f'Install a release that does not leak.\n\npip install "{entry.package}>={entry.fixed}"'
    return _recommended("upgrade-package", title, do, entry, case, setting)


def advise_known(case: Case, setting: Setting) -> Recommendation | None:
    """Do what helps where no release does: a rule of advice."""
    entry = _first(case, setting, with_release=False)
    if entry is None:
        return None
    name = "Python" if entry.package == PYTHON else entry.package
    return _recommended("known-leak", f"known of {name}: {entry.what}", entry.means, entry, case, setting)


def _first(case: Case, setting: Setting, *, with_release: bool) -> Known | None:
    found = _known(setting.run, setting.loop, case, versions_of(setting.run))
    fitting = [
        one for one in found if (one.fixed is not None if with_release else one.fixed is None and one.means)
    ]
    return fitting[0] if fitting else None


def _recommended(
    slug: str, title: str, do: str, entry: Known, case: Case, setting: Setting
) -> Recommendation:
    return Recommendation(
        slug=slug,
        title=title,
        why=_sentence(entry, versions_of(setting.run)),
        do=do,
        findings=[case.finding.id],
        confirm=confirmation(case, setting),
    )


def versions_of(run: Run) -> dict[str, str]:
    """Return the versions of what the target had imported, and of Python, as far as they were recorded."""
    versions: dict[str, str] = {}
    for _, name, detail in run.events:
        if name == "versions" and isinstance(detail, dict):
            versions.update({str(package): str(version) for package, version in detail.items()})
    python = re.search(r"\d+\.\d+\.\d+", run.python)
    if python is not None:
        versions[PYTHON] = python[0]
    return versions


def _known(run: Run, loop: LoopTrace, case: Case, versions: dict[str, str]) -> list[Known]:
    finding = case.finding
    if finding.verdict == "no-leak":
        return []
    owner = f"{finding.owner.path} {finding.owner.type}" if finding.owner is not None else ""
    lines: list[tuple[str, str]] = []
    for site in finding.sites:
        lines.append((site.file, site.code or _code(run, site.file, site.line)))
        lines += [(frame.file, frame.function) for frame in site.stack]
    if not finding.sites:
        lines.append((loop.file, _code(run, loop.file, loop.line)))
    return known_for(versions, kind=finding.kind, owner=owner, lines=lines)


def _code(run: Run, file: str, line: int) -> str:
    source = read_source(file, changed_before=run.started)
    return (source.code(line) if source is not None else None) or ""


def _told(case: Case, found: list[Known], versions: dict[str, str]) -> Case:
    if not found:
        return case
    said = [_sentence(entry, versions) for entry in found]
    finding = dataclasses.replace(case.finding, evidence=[*case.finding.evidence, *said])
    return dataclasses.replace(case, finding=finding)


def _sentence(entry: Known, versions: dict[str, str]) -> str:
    name = "Python" if entry.package == PYTHON else entry.package
    fixed = f", fixed in {entry.fixed}" if entry.fixed is not None else ""
    return f"{name} {versions[entry.package]} is known for it: {entry.what}{fixed} ({entry.reference})."
