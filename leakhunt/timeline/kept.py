"""What was saved and what was lost: by the ledger's own word, else by the times of files against the turns done.

A file's time says when it was last written, not what is in it: so only turns that were completed after every
write are called lost.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leakhunt.evidence.written import Found, Role, Written, roots_of, rows_of_parquet, written_between
from leakhunt.findings.diagnosis import Loop, Position
from leakhunt.findings.timeline import Kept, SavedFile, SavedUnits
from leakhunt.model.run import Run
from leakhunt.timeline.iterations import Outer
from leakhunt.timeline.journals import Told
from leakhunt.units import format_count

_VALUE = 60
_MOST_FILES = 20
STEP = " \u203a "


def position_text(position: Sequence[Position], loops: Sequence[Loop]) -> str:
    """Return the stack of open loops as one line: `lam = 3e-08 (7/10) > beta = 3.3 (8/9)`."""
    functions = {loop.id: loop.function for loop in loops}
    return STEP.join(_level(at, functions.get(at.loop, "loop")) for at in position)


def _level(at: Position, function: str) -> str:
    turn = f"({at.number}/{at.total})" if at.total is not None else f"(iteration {at.number})"
    if not at.variables:
        return f"{function} {turn}"
    names = ", ".join(at.variables)
    if not at.values:
        return f"{names} {turn}"
    values = [value if len(value) <= _VALUE else f"{value[: _VALUE - 1]}…" for value in at.values]
    if len(values) != len(at.variables):
        return f"{names} = {', '.join(values)} {turn}"
    pairs = ", ".join(f"{name} = {value}" for name, value in zip(at.variables, values, strict=True))
    return f"{pairs} {turn}"


def files_of(run: Run, told: list[Told], directory: Path) -> Found | None:
    """Return the files that were written while the program ran.

    As the supervisor found them at the death; else as they are now. None when nobody knows where to look.
    """
    recorded = [one.fields for one in told if one.kind == "file"]
    if recorded:  # one without a path says that there was none
        files = [found for fields in recorded if (found := _recorded(fields)) is not None]
        return Found(files, all(fields.get("complete") is not False for fields in recorded))
    if not run.cwd or not os.path.isdir(run.cwd) or run.started is None:
        return None
    until = run.started + run.seconds if run.seconds is not None else None
    home = directory.parent.parent
    return written_between(roots_of(run.cwd, run.argv), run.started, until, without=home)


def kept_by(
    run: Run,
    told: list[Told],
    outer: Outer | None,
    found: Found | None,
    in_flight: str | None,
    *,
    ended_well: bool,
) -> Kept:
    """Return what was saved and what was lost."""
    units = _units(told)
    files = _files(run, outer, found)
    done = outer.done if outer is not None else None
    total = outer.loop.total if outer is not None else None
    lost = None if ended_well else _lost(done, units, files, found)
    words = _words(run, outer, units, files, found, lost, in_flight, ended_well)
    return Kept(done, total, lost, in_flight, units, files[:_MOST_FILES], words)


def _units(told: list[Told]) -> list[SavedUnits]:
    ledgers: dict[str, list[Told]] = {}
    for one in told:
        if one.kind == "unit":
            ledgers.setdefault(str(one.fields.get("ledger")), []).append(one)
    return [
        SavedUnits(name, len(saved), str(saved[-1].fields.get("key") or "") or None, saved[-1].wall)
        for name, saved in ledgers.items()
    ]


def _files(run: Run, outer: Outer | None, found: Found | None) -> list[SavedFile]:
    if found is None:
        return []
    return [_against(run, outer, one) for one in sorted(found.files, key=lambda one: -one.modified)]


def _against(run: Run, outer: Outer | None, one: Written) -> SavedFile:
    """Hold a file's last write against the turns that were done by then."""
    done = None
    if outer is not None and run.started is not None:
        done = min(outer.done, outer.done_at(one.modified - run.started))
    rows = one.rows
    if rows is None and _unchanged(one):
        rows = rows_of_parquet(one.path)
    after = None if done is None or outer is None else outer.done - done
    return SavedFile(_shown(one.path, run.cwd), one.bytes, one.modified, rows, done, after, one.role)


def _lost(
    done: int | None, units: list[SavedUnits], files: list[SavedFile], found: Found | None
) -> int | None:
    if units:
        return 0  # what a ledger was given is on the disk; the one in flight is told apart
    if done is None or found is None:
        return None
    after = [one.iterations_after for one in files if one.role == "data" and one.iterations_after is not None]
    if not after and not found.complete:
        return None
    return min(after, default=done)


def _words(
    run: Run,
    outer: Outer | None,
    units: list[SavedUnits],
    files: list[SavedFile],
    found: Found | None,
    lost: int | None,
    in_flight: str | None,
    ended_well: bool,
) -> list[str]:
    said = []
    name = _name(outer)
    for ledger in units:
        last = f", the last {ledger.last_key}" if ledger.last_key else ""
        units_are = "1 unit is" if ledger.units == 1 else f"{format_count(ledger.units)} units are"
        said.append(f"{units_are} safe in {_shown(ledger.ledger, run.cwd)}{last}.")
    if ended_well:
        return said
    data = [one for one in files if one.role == "data"]
    if units:
        said.append("Lost is only what was being computed: what the ledger was given is on the disk.")
    elif found is None:
        said.append("What was written is not known: its working directory is not there to be looked at.")
    elif data and lost is not None and outer is not None:
        newest = data[0]
        said.append(
            f"{newest.path} was last written when {_turns(newest.iterations or 0, name)} "
            f"{'was' if newest.iterations == 1 else 'were'} complete."
        )
        if lost:
            said.append(
                f"{_turns(lost, name)} completed after that {'is' if lost == 1 else 'are'} in no file."
            )
        else:
            said.append("No turn was completed after that.")
    elif outer is not None and lost is not None:
        where = f" in {run.cwd}" if run.cwd else ""
        said.append(
            f"No file of results was written{where} while it ran: {_turns(lost, name)} completed, none saved."
        )
        said.append("Results that went elsewhere (a database, another folder) are not counted.")
    if found is not None and not found.complete:
        said.append("Not all files could be looked at: there are too many.")
    if in_flight:
        said.append(f"In flight: {in_flight}.")
    return said


def _turns(count: int, name: str) -> str:
    return f"{format_count(count)} {'turn' if count == 1 else 'turns'}{name}"


def _name(outer: Outer | None) -> str:
    if outer is None or not outer.loop.variables:
        return ""
    return f" of {', '.join(outer.loop.variables)}"


def _recorded(fields: dict[str, Any]) -> Written | None:
    path, size, modified = fields.get("path"), fields.get("bytes"), fields.get("modified")
    if not isinstance(path, str) or type(size) is not int or type(modified) not in (int, float):
        return None
    rows = fields.get("rows")
    role: Role = "log" if fields.get("role") == "log" else "data"
    return Written(path, size, float(modified or 0.0), rows if type(rows) is int else None, role)


def _unchanged(one: Written) -> bool:
    try:
        status = os.stat(one.path)
    except OSError:
        return False
    return status.st_size == one.bytes and abs(status.st_mtime - one.modified) < 1e-3


def _shown(path: str, cwd: str | None) -> str:
    """Return the path as one would type it in the working directory."""
    folder = os.path.realpath(cwd) if cwd else None
    if folder and path.startswith(folder + os.sep):
        return path[len(folder) + 1 :]
    return path
