"""Where runs lie on disk: `<home>/runs/<id>/`, how one is made, found, listed and pruned.

`home` is `.leakhunt` under the current directory unless the caller says otherwise. Reads and writes
no journal.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakhunt.errors import LeakhuntError

#: A run does not start with less room than this: it would lose its own story.
ROOM_NEEDED = 10_000_000


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The paths of one run."""

    path: Path

    @property
    def id(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def supervisor_journal(self) -> Path:
        return self.path / "supervisor.jsonl"

    @property
    def agent_config(self) -> Path:
        """What the supervisor tells the agent."""
        return self.path / "agent.json"

    @property
    def run_file(self) -> Path:
        """The run in a few words, for lists."""
        return self.path / "run.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def html(self) -> Path:
        return self.path / "report.html"

    def agent_journal(self, pid: int) -> Path:
        return self.path / f"agent-{pid}.jsonl"

    def position(self, pid: int) -> Path:
        return self.path / f"position-{pid}.bin"

    def checkpoint(self, number: int) -> Path:
        return self.checkpoints / f"{number:04d}.json"

    def agent_journals(self) -> list[Path]:
        """Return the journals of the target's processes, the oldest first."""
        return sorted(self.path.glob("agent-*.jsonl"), key=lambda path: (path.stat().st_mtime, path.name))

    def info(self) -> dict[str, Any]:
        """Return what `run.json` says; empty when it is lost."""
        try:
            content = json.loads(self.run_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write_info(self, **changes: Any) -> None:
        """Change `run.json`: whole or not at all."""
        write_json(self.run_file, {**self.info(), **changes})

    def is_live(self) -> bool:
        """Tell whether the run's supervisor still lives."""
        info = self.info()
        pid = info.get("supervisor_pid")
        if info.get("outcome") is not None or type(pid) is not int or pid <= 0:
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return True


def default_home() -> Path:
    """Return where runs go when nobody says otherwise."""
    return Path(".leakhunt")


def create_run(home: Path, label: str, *, now: float | None = None) -> RunDirectory:
    """Make the directory of a new run, readable by its owner alone; LeakhuntError when that cannot be."""
    now = time.time() if now is None else now
    runs = home / "runs"
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    path = runs / f"{stamp}-{_slug(label)}-{os.urandom(2).hex()}"
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")  # runs are nobody's source
        path.mkdir(mode=0o700)
        (path / "checkpoints").mkdir(mode=0o700)
        import shutil  # half a supervisor's memory

        room = shutil.disk_usage(path).free
        if room < ROOM_NEEDED:
            shutil.rmtree(path, ignore_errors=True)
            raise LeakhuntError(
                f"no room for a run in {home}: {room:,} bytes free, {ROOM_NEEDED:,} needed; "
                "free space or use --home",
                slug="run-directory-full",
            )
        run = RunDirectory(path.absolute())
        run.write_info(format=1, id=run.id, created=now)
    except OSError as error:
        raise LeakhuntError(
            f"cannot make a run directory in {home}: {error.strerror}; choose another with --home",
            slug="run-directory",
        ) from error
    return run


def list_runs(home: Path) -> list[RunDirectory]:
    """Return the runs under `home`, the latest first."""
    try:
        paths = [path for path in (home / "runs").iterdir() if _is_run(path)]
    except OSError:
        return []
    found = [RunDirectory(path.absolute()) for path in paths]
    return sorted(found, key=lambda run: (_created(run), run.id), reverse=True)


def find_run(home: Path, reference: str | None = None) -> RunDirectory:
    """Return the run that `reference` names: a path, an id, the beginning of one, or the latest for None."""
    if reference is not None and _is_run(Path(reference)):
        return RunDirectory(Path(reference).absolute())
    runs = list_runs(home)
    if not runs:
        raise LeakhuntError(
            f"no runs in {home}: make one with `leakhunt profile script.py`", slug="run-not-found"
        )
    if reference is None:
        return runs[0]
    found = [run for run in runs if run.id == reference] or [
        run for run in runs if run.id.startswith(reference)
    ]
    if not found:
        raise LeakhuntError(f"no run {reference!r} in {home}: see `leakhunt runs`", slug="run-not-found")
    if len(found) > 1:
        raise LeakhuntError(
            f"{reference!r} begins {len(found)} runs ({found[0].id}, {found[1].id}, ...): write more of it",
            slug="run-ambiguous",
        )
    return found[0]


def prune_runs(
    home: Path, *, keep: int | None = None, older_than: float | None = None, now: float | None = None
) -> list[str]:
    """Delete all but the latest `keep` runs, and those begun more than `older_than` seconds ago.

    A run that is still going on stays. Return the ids of the deleted.
    """
    now = time.time() if now is None else now
    deleted = []
    for rank, run in enumerate(list_runs(home)):
        too_many = keep is not None and rank >= keep
        too_old = older_than is not None and _created(run) < now - older_than
        if (too_many or too_old) and not run.is_live():
            delete_run(run)
            deleted.append(run.id)
    return deleted


def delete_run(run: RunDirectory) -> None:
    """Delete one run."""
    if run.is_live():
        raise LeakhuntError(f"run {run.id} is still going on: end it first", slug="run-live")
    import shutil

    try:
        shutil.rmtree(run.path)
    except OSError as error:
        raise LeakhuntError(f"cannot delete {run.path}: {error.strerror}", slug="run-directory") from error


def write_json(path: Path, content: Any) -> None:
    """Write `content` so that a reader sees the old file or the new one, never half of it."""
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1)
        stream.write("\n")
    waiting.replace(path)


def _is_run(path: Path) -> bool:
    return path.is_dir() and any((path / name).exists() for name in ("run.json", "supervisor.jsonl"))


def _created(run: RunDirectory) -> float:
    created = run.info().get("created")
    if isinstance(created, (int, float)):
        return float(created)
    try:
        return run.path.stat().st_mtime
    except OSError:
        return 0.0


def _slug(label: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:24].strip("-")
    return slug or "run"
