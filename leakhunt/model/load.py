"""Reads a run directory into a `Run`: journals, censuses, the position page. Judges nothing.

Everything may be missing or torn: what cannot be read becomes a loss, and the rest is used.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from leakhunt.census.growth import Growth
from leakhunt.census.tables import Table, load_tables, tables_beside
from leakhunt.model.agent_builder import AgentBuilder
from leakhunt.model.captures import captures_of
from leakhunt.model.fields import merged
from leakhunt.model.records import RecordLike, records_of
from leakhunt.model.run import ENOUGH_CENSUSES, Checkpoint, LossSeen, Run, Standing
from leakhunt.model.supervisor_builder import SupervisorBuilder

#: Censuses of a loop that are in memory together; `--every-iteration` takes hundreds.
_MOST_COMPARED = 24
#: Workers of which what they recorded is read.
_MOST_WORKERS = 3


def load_run(run_directory: str | Path) -> Run:
    """Return everything recorded in `run_directory`; what is missing or unreadable is in its losses."""
    directory = Path(run_directory)
    losses: list[LossSeen] = []
    supervisor = records_of(directory / "supervisor.jsonl", losses)
    agents = sorted(directory.glob("agent-*.jsonl"), key=_written_first)
    agent: Iterable[RecordLike] = records_of(agents[0], losses) if agents else ()
    standing_of = _standing_reader(directory, losses)
    run = assemble(
        directory.name, supervisor, agent, directory=directory, losses=losses, standing_of=standing_of
    )
    return dataclasses.replace(run, workers=_workers(directory))


def _workers(directory: Path) -> list[Run]:
    """Return what was recorded inside worker processes: of those that recorded most, a few."""
    journals = sorted(directory.glob("workers/*/agent-*.jsonl"), key=lambda path: (-_size(path), path.name))
    return [load_run(journal.parent) for journal in journals[:_MOST_WORKERS]]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def assemble(
    run_id: str,
    supervisor: Iterable[RecordLike],
    agent: Iterable[RecordLike],
    *,
    directory: Path | None = None,
    losses: list[LossSeen] | None = None,
    growths: list[Growth] | None = None,
    standing_of: Any = None,
) -> Run:
    """Return the run that two streams of records describe; `growths` replaces reading the censuses."""
    lost = losses if losses is not None else []
    clock = _Clock()
    watching, inside = SupervisorBuilder(0.0), AgentBuilder(0.0)
    for record in supervisor:
        clock.see(record)
        watching.origin = clock.origin
        watching.add(record.kind, record.boot, record.fields)
    for record in agent:
        clock.see(record)
        inside.origin = clock.origin
        inside.add(record.kind, record.boot, record.fields)
    if not watching.header and not watching.columns["seconds"]:
        lost.append(
            LossSeen(
                "supervisor-journal-missing",
                "nothing is known from outside the target: how it ended, its children and the memory limit",
            )
        )
    if not inside.header and not inside.loops:
        lost.append(
            LossSeen("agent-journal-missing", "nothing was recorded inside the target: no loops, no censuses")
        )
    if inside.unplaced:
        lost.append(
            LossSeen(
                "samples-unplaced",
                "samples of loops whose beginning was not recorded were left out",
                inside.unplaced,
            )
        )
    found, checkpoints = _censuses(directory, inside.checkpoints, lost)
    captures, unread = captures_of(directory, inside.windows, inside.events) if directory else ({}, [])
    lost += unread
    header = watching.header or inside.header
    pid = watching.pid or inside.header.get("pid")
    return Run(
        id=run_id,
        target=str(header.get("target") or inside.header.get("target") or "unknown"),
        argv=[str(part) for part in header.get("argv") or []],
        cwd=header.get("cwd"),
        python=str(inside.header.get("python") or header.get("python") or ""),
        started=clock.started,
        ended=clock.ended(watching.exit is not None or inside.end is not None),
        seconds=clock.seconds,
        pid=pid,
        agent_seen=bool(inside.header or inside.loops),
        options={**_run_options(directory), **_options(inside.header), **_options(watching.header)},
        loops=inside.traces(),
        instances=inside.instances(),
        tree=watching.tree(),
        processes=list(watching.processes.values()),
        checkpoints=checkpoints,
        growths=growths if growths is not None else next(iter(found.values()), []),
        growths_by_loop=found,
        insertions=inside.insertions,
        captures=captures,
        standing=standing_of(pid) if standing_of is not None else [],
        signals=watching.signals,
        events=sorted(watching.events + inside.events, key=lambda event: event[0]),
        limits=watching.limits,
        end=inside.end,
        exit=watching.exit,
        layers=inside.layers,
        losses=merged([*lost, *watching.losses, *inside.losses]),
        tables=_tables(directory, checkpoints),
    )


class _Clock:
    """Start, end and wall clock of the run, from the records seen so far."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._last: float | None = None
        self._offset: float | None = None

    def see(self, record: RecordLike) -> None:
        if self._first is None:
            self._first = record.boot
        self._last = record.boot if self._last is None else max(self._last, record.boot)
        if self._offset is None and record.wall is not None:
            self._offset = record.wall - record.boot

    @property
    def origin(self) -> float:
        return self._first or 0.0

    @property
    def started(self) -> float | None:
        return None if self._first is None or self._offset is None else self._first + self._offset

    @property
    def seconds(self) -> float | None:
        return None if self._first is None or self._last is None else self._last - self._first

    def ended(self, is_known: bool) -> float | None:
        if not is_known or self._last is None or self._offset is None:
            return None
        return self._last + self._offset


def _censuses(
    directory: Path | None, started: list[Checkpoint], losses: list[LossSeen]
) -> tuple[dict[str, list[Growth]], list[Checkpoint]]:
    """Return what grows over the censuses, by loop (most censuses first), and what became of checkpoints."""
    if directory is None:
        return {}, [dataclasses.replace(one, arrived=True) for one in started]
    from leakhunt.census.births import births_unreached
    from leakhunt.census.format import load_census
    from leakhunt.census.growth import growing

    compared = _compared([one for one in started if one.file and (directory / one.file).exists()])
    read: dict[int, Any] = {}
    checkpoints = []
    for one in started:
        census = None
        try:
            census = load_census(str(directory / one.file)) if one.file else None
        except Exception:
            census = None
        if census is None:
            checkpoints.append(one)
            continue
        if one.number in compared:
            read[one.number] = census
        births, birth_turns = births_unreached([census], "cycles")
        checkpoints.append(
            dataclasses.replace(
                one,
                arrived=True,
                garbage=_garbage(census),
                complete=bool(getattr(census, "complete", True)),
                collecting=getattr(census, "collecting", None),
                frozen=getattr(census, "frozen", None),
                cycle_births=births,
                birth_turns=birth_turns,
                in_malloc=census.bytes_in_malloc if census.complete else None,
            )
        )
    missing = len(started) - sum(one.arrived for one in checkpoints)
    if missing:
        losses.append(LossSeen("census-lost", "heap censuses were started but did not finish", missing))
    loops = [one.loop for one in checkpoints if one.arrived]
    # Only censuses at boundaries of one loop can be compared per turn of it.
    by_loop: dict[str, list[Growth]] = {}
    for loop in sorted(set(loops), key=loops.count, reverse=True):
        if by_loop and loops.count(loop) < ENOUGH_CENSUSES:
            break
        try:
            by_loop[loop] = growing(
                [read[one.number] for one in checkpoints if one.number in read and one.loop == loop]
            )
        except Exception as problem:
            losses.append(
                LossSeen(
                    "censuses-incomparable", f"the censuses could not be compared ({type(problem).__name__})"
                )
            )
    return by_loop, checkpoints


def _tables(directory: Path | None, checkpoints: list[Checkpoint]) -> list[Table]:
    """Return the data frames that variables held at the censuses."""
    if directory is None:
        return []
    files = [str(directory / one.file) for one in checkpoints if one.arrived and one.file]
    return [table for file in files for table in load_tables(tables_beside(file))]


def _compared(started: list[Checkpoint]) -> set[int]:
    """Return the censuses of each loop that are compared: of a great many, some that are spread evenly."""
    chosen: set[int] = set()
    for loop in {one.loop for one in started}:
        numbers = [one.number for one in started if one.loop == loop]
        step = max(1.0, (len(numbers) - 1) / (_MOST_COMPARED - 1))
        chosen |= {numbers[min(len(numbers) - 1, round(at * step))] for at in range(_MOST_COMPARED)}
    return chosen


def _garbage(census: Any) -> dict[str, tuple[int, int]] | None:
    given = getattr(census, "garbage", None)
    if not isinstance(given, Mapping):
        return None
    counted = {}
    for name, value in given.items():
        if isinstance(value, (list, tuple)) and len(value) >= 2:
            # what native code holds is not the collector's business
            held, held_size = (int(part) for part in [*value[2:4], 0, 0][:2])
            counted[str(name)] = (int(value[0]) - held, int(value[1]) - held_size)
        elif isinstance(value, int):
            counted[str(name)] = (value, 0)
    return counted


def _standing_reader(directory: Path, losses: list[LossSeen]) -> Any:
    def read(pid: int | None) -> list[Standing]:
        pages = sorted(directory.glob("position-*.bin"))
        mine = [page for page in pages if page.stem == f"position-{pid}"] or pages
        if not mine:
            return []
        try:
            from leakhunt.journal.position import read_position

            return [
                Standing(int(serial), int(index), total, text)
                for serial, index, total, text in read_position(mine[0])
            ]
        except Exception as problem:
            losses.append(
                LossSeen(
                    "position-unreadable", f"the position page could not be read ({type(problem).__name__})"
                )
            )
            return []

    return read


def _run_options(directory: Path | None) -> dict[str, Any]:
    """What the run was started with, where the headers do not repeat it."""
    found: dict[str, Any] = {}
    for name in ("agent.json", "run.json"):
        try:
            content = json.loads((directory / name).read_text(encoding="utf-8")) if directory else {}
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and content.get("primary"):
            found["primary"] = content["primary"]
    return found


def _options(header: Mapping[str, Any]) -> dict[str, Any]:
    given = header.get("options")
    return dict(given) if isinstance(given, Mapping) else {}


def _written_first(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, path.name
    except OSError:
        return float("inf"), path.name
