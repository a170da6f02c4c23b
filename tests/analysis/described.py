"""Runs described in a few words for the tests of analysis: journals as text, growths by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence

from leakhunt.census.growth import Growth
from leakhunt.journal.text import WALL_AT_ZERO, parse_text
from leakhunt.model.load import assemble
from leakhunt.model.run import Run

MB = 1_000_000
SUPERVISOR = """
header t=0 writer=supervisor target=sweep.py argv=["sweep.py"]
limits t=0 limit=1000MB source=cgroup
start t=0 pid=77 argv=["python","sweep.py"]
"""


def growth(
    path: str = "sweep.main() local kept",
    *,
    turns: Sequence[int] = (8, 14, 20, 26, 32, 40),
    lengths: Sequence[int | None] | None = None,
    each: float = 20_000,
    root: str = "local",
    type: str = "list",
    **more: object,
) -> Growth:
    """A path whose length follows the turns, `each` bytes an item, unless said otherwise."""
    counts = list(lengths) if lengths is not None else list(turns)
    sizes = more.pop("bytes", None) or [int((count or 0) * each) for count in counts]
    fields: dict[str, object] = {
        "key": path, "path": path, "root": root, "module": "sweep", "function": "main",
        "file": None, "line": 3,
        "type": type, "turns": list(turns), "lengths": counts, "objects": [1] * len(counts), "bytes": sizes,
        **more,
    }  # fmt: skip
    return Growth(**fields)  # type: ignore[arg-type]


def loop_text(
    turns: int,
    memory: Callable[[int], float],
    *,
    seconds: float = 0.1,
    file: str = "/app/sweep.py",
    in_use: Callable[[int], float] | None = None,
    blocks: Callable[[int], float] | None = None,
    fds: Callable[[int], float] | None = None,
    threads: Callable[[int], float] | None = None,
    free: Callable[[int], float] | None = None,
    censuses: Sequence[int] = (8, 14, 20, 26, 32, 40),
    total: int | None = None,
    end: str = "end how=completed exit_code=0 cost_seconds=0.02 cost_bytes=100000 longest_pause=0.007",
    left: bool = True,
    also: Mapping[str, Callable[[int], object]] | None = None,
) -> str:
    """The agent's journal of one loop `for i in ...` whose memory is a function of the turn.

    `also` has further fields of the samples, as they stand in the journal.
    """
    lines = [
        'header t=0.01 writer=agent pid=77 python="3.11.7"',
        f'loop t=0.02 id="{file}:5:main" file="{file}" line=5 function=main variables=["i"] loop_kind=for',
        f'enter t=0.02 instance=1 loop="{file}:5:main" thread=1' + (f" total={total}" if total else ""),
    ]
    for turn in range(turns + 1):
        now = 0.02 + turn * seconds
        extra = f" native=[{int(in_use(turn))},{int(free(turn)) if free else 0}]" if in_use else ""
        for name, gauge in (("blocks", blocks), ("fds", fds), ("threads", threads)):
            extra += f" {name}={int(gauge(turn))}" if gauge else ""
        for name, field in (also or {}).items():
            extra += f" {name}={json.dumps(field(turn))}"
        values = f" values=[{turn}]" if turn < turns or not left else ""
        lines.append(
            f"sample t={now:.4f} instance=1 completed={turn}{values} rss_anon={int(memory(turn))}{extra}"
        )
        if turn in censuses:
            number = list(censuses).index(turn) + 1
            lines.append(
                f'checkpoint number={number} loop="{file}:5:main" instance=1 turns={turn} '
                f'file="checkpoints/{number:04d}.json" how=fork pause=0.006'
            )
    now = 0.02 + turns * seconds
    if left:
        lines.append(f"leave t={now:.4f} instance=1 completed={turns} how=exhausted")
    if end:
        lines.append(f"{end.replace(' ', f' t={now + 0.01:.4f} ', 1)}")
    return "\n".join(lines)


LOOP = "/app/sweep.py:5:main"


def looked(kind: str, turns: int, *, loop: str = LOOP, **fields: object) -> str:
    """A record of what was looked at beside the heap: surroundings, probe or bracket."""
    return "\n" + " ".join(
        [kind, f"t={0.02 + turns * 0.1 + 0.001:.4f}", f'loop="{loop}"', f"turns={turns}"]
        + [f"{name}={json.dumps(value)}" for name, value in fields.items()]
    )


def exit_text(seconds: float = 4.0, *, exit_code: int | None = 0, more: str = "") -> str:
    code = f"exit_code={exit_code} " if exit_code is not None else ""
    return f"{SUPERVISOR}exit t={seconds} {code}peak_rss=180MB seconds={seconds} {more}\n"


def described(agent: str, *, growths: Sequence[Growth] = (), supervisor: str | None = None) -> Run:
    """The run that these texts and growths make."""
    outside = parse_text(supervisor if supervisor is not None else exit_text())
    return assemble("20261121-sweep", outside, parse_text(agent), growths=list(growths))


def written_before_the_run(path: object) -> None:
    """Date a source file before the wall clock of described runs, as a real script would be."""
    os.utime(str(path), (WALL_AT_ZERO - 60, WALL_AT_ZERO - 60))
