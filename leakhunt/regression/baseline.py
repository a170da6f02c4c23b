"""The committed baseline: what the memory of each target and test usually does, and which leaks are accepted.

One JSON file, sorted and indented so that a change of it reads well in a review. Levels are kept per
environment (system, machine, Python's minor version): a level of one says nothing about another. Bytes,
bytes per iteration and seconds; a measure that was not taken is left out.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from leakhunt.errors import LeakhuntError
from leakhunt.findings.comparison import Level, MeasureName
from leakhunt.regression.judge import MEASURES
from leakhunt.regression.measures import KnownFinding, Measured

FORMAT = 1
_NAMES: tuple[MeasureName, ...] = tuple(measure.name for measure in MEASURES)
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that is known and does not fail a check; `until` is the last day on which that holds."""

    title: str
    until: dt.date | None = None
    why: str | None = None

    def holds(self, today: dt.date) -> bool:
        """Tell whether it is still accepted."""
        return self.until is None or today <= self.until


@dataclass(frozen=True, slots=True)
class Recorded:
    """The levels of one target in one environment, as they were when the baseline was written.

    `peak_by` is what measured the peak of a test: a level of one instrument says nothing about another's.
    """

    measured: dt.date
    python: str
    runs: int
    iterations: int | None
    verdict: str
    levels: dict[MeasureName, Level]
    findings: dict[str, KnownFinding]
    packages: dict[str, str] = field(default_factory=dict)
    peak_by: str | None = None

    def as_side(self, target: str) -> Measured:
        """Return it as one side of a comparison."""
        return Measured(
            target, self.runs, self.iterations, self.verdict, self.python, self.levels, self.findings
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one target or test: levels by environment, accepted findings by fingerprint."""

    environments: dict[str, Recorded] = field(default_factory=dict)
    accepted: dict[str, Accepted] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The whole file: what is known, by target (its command line), and by test (its node id)."""

    targets: dict[str, Known] = field(default_factory=dict)
    tests: dict[str, Known] = field(default_factory=dict)

    def of(self, target: str) -> Known:
        """Return what is known of `target`; nothing where it is new."""
        return self.targets.get(target, Known())

    def having(self, target: str, known: Known) -> Baseline:
        """Return the baseline with another entry for `target`."""
        return replace(self, targets={**self.targets, target: known})


def read_baseline(path: Path, update: str = "--update") -> Baseline:
    """Return the baseline in `path`; LeakhuntError when it is missing, damaged or of another format.

    `update` is the option that would write it anew, for the message.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _problem(path, f"there is none: write it with {update}", "baseline-missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _problem(path, f"it cannot be read ({error})") from None
    return parse_baseline(text, path, update)


def parse_baseline(text: str, path: Path, update: str = "--update") -> Baseline:
    """Return the baseline that `text` is; `path` is where it was read, for the message."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(_CONFLICT):
            raise _problem(
                path,
                f"line {number} is an unresolved merge: resolve it, or remove it and write it anew with {update}",
            )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _problem(
            path, f"it is not JSON ({error}): mend it, or remove it and write it anew with {update}"
        ) from None
    if not isinstance(content, dict) or not ("targets" in content or "tests" in content):
        raise _problem(path, "it is no baseline of leakhunt: name another file")
    if content.get("format") != FORMAT:
        raise _problem(
            path,
            f"its format is {content.get('format')!r} and this leakhunt reads {FORMAT}: remove it and write it "
            f"anew with {update}",
        )
    try:
        targets, tests = (
            {name: _known(known) for name, known in _dict(content.get(section, {})).items()}
            for section in ("targets", "tests")
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _problem(
            path,
            f"a field is missing or wrong ({error}): mend it, or remove it and write it anew with {update}",
        ) from None
    return Baseline(targets, tests)


def baseline_text(baseline: Baseline) -> str:
    """Return the file's text: the same baseline is the same text, byte for byte."""
    content = {
        "format": FORMAT,
        "targets": {name: _plain_known(known) for name, known in baseline.targets.items()},
    }
    if baseline.tests:
        content["tests"] = {name: _plain_known(known) for name, known in baseline.tests.items()}
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Write it to `path`, whose directory is made if need be; what was there stays until all of it is written."""
    path = path.resolve()
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            new.write_text(baseline_text(baseline), encoding="utf-8", errors="backslashreplace")
            os.replace(new, path)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LeakhuntError(f"cannot write {path}: {error.strerror}", slug="report-unwritable") from error


def _problem(path: Path, what: str, slug: str = "baseline-unreadable") -> LeakhuntError:
    return LeakhuntError(f"baseline {path}: {what}", slug=slug)


def _plain_known(known: Known) -> dict[str, Any]:
    return {
        "accepted": {
            id_: {"title": one.title, "until": one.until.isoformat() if one.until else None, "why": one.why}
            for id_, one in known.accepted.items()
        },
        "environments": {name: plain_recorded(one) for name, one in known.environments.items()},
    }


def plain_recorded(one: Recorded) -> dict[str, Any]:
    """Return levels as what JSON can hold: in the file, and between processes."""
    content: dict[str, Any] = {
        "measured": one.measured.isoformat(),
        "python": one.python,
        "packages": one.packages,
        "runs": one.runs,
        "iterations": one.iterations,
        "verdict": one.verdict,
        "levels": {
            name: [_short(value) for value in level.values] for name, level in one.levels.items() if level.values
        },
        "findings": {
            found.id: {
                "kind": found.kind, "title": found.title, "leak": found.leak,
                "bytes_per_iteration": None if found.rate is None else _short(found.rate),
            }
            for found in one.findings.values()
        },
    }  # fmt: skip
    if one.peak_by is not None:
        content["peak_by"] = one.peak_by
    return content


def _short(value: float) -> float:
    """Four digits after the point at most: more is not measured, and makes every update a change."""
    number = round(value, 4)
    return int(number) if number == int(number) else number


def _known(content: Any) -> Known:
    content = _dict(content)
    return Known(
        {name: recorded(one) for name, one in _dict(content.get("environments", {})).items()},
        {id_: _accepted(one) for id_, one in _dict(content.get("accepted", {})).items()},
    )


def _accepted(content: Any) -> Accepted:
    content = _dict(content)
    until, why = content.get("until"), content.get("why")
    day = dt.date.fromisoformat(until) if until else None
    return Accepted(str(content["title"]), day, None if why is None else str(why))


def recorded(content: Any) -> Recorded:
    """Return the levels that `plain_recorded` made plain; a KeyError, TypeError or ValueError for others."""
    content = _dict(content)
    levels = _dict(content["levels"])
    unknown = sorted(set(levels) - set(_NAMES))
    if unknown:
        raise ValueError(f"no measure is called {unknown[0]!r}")
    return Recorded(
        measured=dt.date.fromisoformat(content["measured"]),
        python=str(content["python"]),
        runs=int(content["runs"]),
        iterations=None if content["iterations"] is None else int(content["iterations"]),
        verdict=str(content["verdict"]),
        levels={name: Level(sorted(map(_number, _list(levels.get(name, []))))) for name in _NAMES},
        findings={id_: _finding(id_, _dict(one)) for id_, one in _dict(content["findings"]).items()},
        packages={str(name): str(version) for name, version in _dict(content.get("packages", {})).items()},
        peak_by=None if content.get("peak_by") is None else str(content["peak_by"]),
    )


def _finding(id_: str, content: dict[str, Any]) -> KnownFinding:
    rate = content["bytes_per_iteration"]
    return KnownFinding(
        id_,
        str(content["kind"]),
        str(content["title"]),
        None if rate is None else _number(rate),
        bool(content["leak"]),
    )


def _dict(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise TypeError(f"{content!r:.60} is no object")
    return content


def _list(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise TypeError(f"{content!r:.60} is no list")
    return content


def _number(content: Any) -> float:
    if isinstance(content, bool) or not isinstance(content, (int, float)) or not math.isfinite(content):
        raise TypeError(f"{content!r:.60} is no number")
    return float(content)
