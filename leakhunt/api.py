"""The verbs that all doors share: profile a target, diagnose a run, draw a diagnosis.

What analyses and draws is imported beside a running target only where memory and processors are plenty, else
after it has ended: nothing heavy lies in memory beside a program that needs the last of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakhunt.errors import LeakhuntError
from leakhunt.guard.outcome import Ended
from leakhunt.guard.relay import Relay
from leakhunt.guard.supervise import Watcher, supervise
from leakhunt.guard.target import ProfileOptions, find_target
from leakhunt.host import usable_processors
from leakhunt.journal.rundir import RunDirectory, create_run, find_run
from leakhunt.protect.headroom import HeadroomReader

if TYPE_CHECKING:
    from leakhunt.findings.comparison import Comparison, Course
    from leakhunt.findings.concerns import Concern
    from leakhunt.findings.diagnosis import Diagnosis
    from leakhunt.findings.difference import Difference
    from leakhunt.findings.plan import RunPlan
    from leakhunt.findings.timeline import Timeline
    from leakhunt.guard.preflight import Plan

#: The forms that a diagnosis can be drawn in, by the name of their option.
FORMS = ("html", "json", "markdown")
#: With so many bytes left, what is loaded while the target runs takes nothing from it.
_PLENTY = 1_000_000_000


def profile(
    options: ProfileOptions, watcher: Watcher, relay: Relay | None = None
) -> tuple[RunDirectory, Ended]:
    """Run the target under observation and return its run directory and how it ended."""
    target = find_target(options)
    run = create_run(options.home, target.label)
    if target.notice:
        watcher.notice(target.notice)
    return run, supervise(target, options, run, watcher, relay)


def load_ahead(*, quiet: bool = False, running: bool = False) -> None:
    """Begin to load what analyses and draws, in a thread.

    While the target is `running` that is done only beside it, on another processor, and where its 13 MB are missed
    by nobody; else it is done when the target is gone and its censuses still compute.
    """
    if running and not (
        (usable_processors() or 1) > 1 and (HeadroomReader().read().available or 0) > _PLENTY
    ):
        return

    def load() -> None:
        with contextlib.suppress(Exception):  # whoever needs it says what is wrong with it
            for module in ("analysis.diagnose", "model.load", "report.html"):
                importlib.import_module(f"leakhunt.{module}")
            importlib.import_module("numpy.ma")  # numpy itself does so late, for its first median
            if running:
                return  # rich and the script of the charts are large, and soon loaded
            if not quiet:
                importlib.import_module("leakhunt.report.terminal")
            importlib.import_module("leakhunt.report.html").plotly_script()

    threading.Thread(target=load, name="leakhunt-load", daemon=True).start()


def diagnose_run(run: RunDirectory) -> Diagnosis:
    """Return what the recorded run says."""
    from leakhunt.analysis.diagnose import diagnose
    from leakhunt.model.captures import drop_captures
    from leakhunt.model.load import load_run

    recorded = load_run(run.path)
    if not recorded.options.get("keep_captures") and not run.is_live():
        drop_captures(run.path)
    return diagnose(recorded)


def diff_run(run: RunDirectory, first: str, second: str, loop: str | None = None) -> Difference:
    """Return what changed between two recorded iterations of the run."""
    from leakhunt.analysis.diff import compare
    from leakhunt.model.load import load_run

    return compare(load_run(run.path), run.path, first, second, loop)


def timeline_of(run: RunDirectory) -> Timeline:
    """Return how the recorded run went and ended."""
    from leakhunt.timeline.story import tell

    return tell(run.path)


def timeline_with_logs(
    run: RunDirectory, logs: Sequence[str | Path], *, rules: Path | None = None, zone: str | None = None
) -> Timeline:
    """Return how the recorded run went and ended, together with what logs tell of it."""
    from leakhunt.timeline.joined import tell_with_logs

    return tell_with_logs(run.path, logs, rules=rules, zone=zone)


def timeline_of_logs(
    logs: Sequence[str | Path], *, rules: Path | None = None, zone: str | None = None
) -> Timeline:
    """Return the story that logs tell of a run which was not recorded; see `timeline.foreign.tell_logs`."""
    from leakhunt.timeline.foreign import tell_logs

    return tell_logs(logs, rules=rules, zone=zone)


def draw_timeline(timeline: Timeline, form: str) -> str:
    """Return the timeline as "html", "json", "markdown" or "svg"."""
    if form == "html":
        from leakhunt.report.timeline_html import timeline_html

        return timeline_html(timeline)
    if form == "json":
        from leakhunt.report.timeline_json import timeline_json

        return timeline_json(timeline)
    if form == "markdown":
        from leakhunt.report.timeline_markdown import timeline_markdown

        return timeline_markdown(timeline)
    if form == "svg":
        from leakhunt.report.timeline_svg import timeline_svg

        return timeline_svg(timeline)
    raise LeakhuntError(f"no form {form!r} of a timeline: html, json, markdown or svg", slug="report-form")


def diagnosis_of(home: Path, reference: str) -> Diagnosis:
    """Return what a recorded run says, or what a file says that `leakhunt profile --json` wrote."""
    path = Path(reference)
    if not path.is_file():
        return diagnose_run(find_run(home, reference))
    from leakhunt.report.json_report import from_json

    try:
        return from_json(path.read_bytes())
    except OSError as error:
        raise LeakhuntError(f"cannot read {path}: {error.strerror}", slug="report-unreadable") from error


def compare_runs(diagnoses: Sequence[Diagnosis]) -> tuple[list[Comparison], list[Course]]:
    """Return what differs from the first run to each of the others, and how the memory of each went."""
    from leakhunt.regression.compare import compare_runs, courses

    labels = [one.run.id for one in diagnoses]
    compared = [
        compare_runs(diagnoses[0], other, (labels[0], label))
        for other, label in zip(diagnoses[1:], labels[1:], strict=True)
    ]
    return compared, courses(diagnoses, labels)


@dataclass(frozen=True, slots=True)
class Examination:
    """What may go wrong, worst first, and the facts that it rests on: in one line, and all of them."""

    concerns: list[Concern]
    facts: str
    machine: dict[str, Any]


def examine(plan: Plan, home: Path, script: Path | None = None) -> Examination:
    """Return what would go wrong on this machine with `plan`, and with `script`, which is read and never run."""
    from leakhunt.findings.concerns import worst_first
    from leakhunt.guard.hard_limit import available_hard_limit
    from leakhunt.guard.preflight import facts_in_words, preflight
    from leakhunt.machine import read_machine

    machine = read_machine(home)
    hard = available_hard_limit(plan.max_rss, processors=os.cpu_count())
    concerns = preflight(machine, plan, hard, os.environ)
    if script is not None:
        from leakhunt.analysis.script import examine_script

        concerns += examine_script(script, workers=plan.workers, processors=machine.processors)
    facts = dataclasses.asdict(machine)
    facts["hard_limit"] = dataclasses.asdict(hard)
    return Examination(worst_first(concerns), facts_in_words(machine, hard), facts)


def plan_run(
    options: ProfileOptions,
    vary: list[str],
    *,
    memory: str,
    runs: int,
    seconds: float,
    tell: Callable[[str], None],
) -> RunPlan:
    """Return what settings of a program would take, from a few runs of it."""
    from leakhunt.planning.plan import plan

    return plan(options, vary, memory=memory, runs=runs, seconds=seconds, tell=tell)


def draw(diagnosis: Diagnosis, form: str) -> str:
    """Return the diagnosis as "html", "json" or "markdown"."""
    if form == "html":
        from leakhunt.report.html import render_html

        return render_html(diagnosis)
    if form == "json":
        from leakhunt.report.json_report import to_json

        return to_json(diagnosis)
    if form == "markdown":
        from leakhunt.report.markdown import render_markdown

        return render_markdown(diagnosis)
    raise LeakhuntError(f"no report form {form!r}: choose one of {', '.join(FORMS)}", slug="report-form")


def save(diagnosis: Diagnosis, form: str, path: Path) -> None:
    """Write the diagnosis in `form` to `path`, whose directory is made if need be."""
    write_report(draw(diagnosis, form), path)


def write_report(text: str, path: Path) -> None:
    """Write a report to `path`, whose directory is made if need be."""
    if not text.endswith("\n"):
        text += "\n"
    begun = False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as stream:
            begun = True
            stream.write(text)
    except OSError as error:
        if begun and path.is_file():
            path.unlink(missing_ok=True)  # half a report is none
        raise LeakhuntError(f"cannot write {path}: {error.strerror}", slug="report-unwritable") from error
