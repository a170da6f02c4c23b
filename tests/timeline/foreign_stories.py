"""Stories of foreign logs for tests: written to a folder, told, and put down as plain text, a line an event."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from leakhunt.findings.timeline import Timeline
from leakhunt.timeline.foreign import tell_logs

ROOT = Path(__file__).resolve().parent.parent.parent
MAKE_LOGS = ROOT / "fixtures" / "crash_night" / "make_logs.py"
NIGHT = ("watchdog.log", "worker_safe_1.log", "worker_safe_2.log", "journal.txt", "status.log")


def write_night(folder: Path) -> list[Path]:
    """Write the logs of the fixture and return their paths."""
    spec = importlib.util.spec_from_file_location("make_logs", MAKE_LOGS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    arguments, sys.argv = sys.argv, [str(MAKE_LOGS), str(folder)]
    try:
        module.main()
    finally:
        sys.argv = arguments
    return [folder / name for name in NIGHT]


def tell(folder: Path, *, zone: str = "UTC", rules: Path | None = None, **logs: str | bytes) -> Timeline:
    """Return the story of logs that are given by name ("worker_1" for worker_1.log)."""
    paths = []
    for name, content in logs.items():
        path = folder / f"{name}.log"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    return tell_logs(paths, rules=rules, zone=zone)


@contextmanager
def clocks_in(zone: str) -> Iterator[None]:
    """Have local times be those of a time zone for a while."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def clock(wall: float | None) -> str:
    return "-" if wall is None else datetime.fromtimestamp(wall).strftime("%Y-%m-%d %H:%M:%S")


def story_text(timeline: Timeline) -> str:
    """Return a timeline as plain text: what was concluded, then an event a line."""
    death = timeline.death
    lines = [
        f"{death.certainty} {death.cause}: {death.words}",
        *(f"    {proof}" for proof in death.proof),
        "",
    ]
    for event in timeline.events:
        until = "" if event.until is None else f" .. {clock(event.until)}"
        count = "" if event.count == 1 else f" x{event.count}"
        lines.append(f"{clock(event.wall)}{until} {event.kind}{count} [{event.source}] {event.text}")
    for cause in timeline.causes:
        lines += ["", f"cause {cause.slug}: {cause.title}", f"    {cause.why}"]
        lines += [f"    - {evidence}" for evidence in cause.evidence]
    for step in timeline.plan:
        lines += ["", f"step: {step.title}. {step.do}", f"    {step.command}"]
    lines += ["", *(f"not seen ({loss.slug}): {loss.what}" for loss in timeline.losses)]
    lines += ["", *(f"series {one.name}: {len(one.points)} points" for one in timeline.series)]
    return "".join(f"{line}\n" for line in lines)
