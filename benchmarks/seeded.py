"""Thirty seeded leaks and their fixed twins, judged by leakhunt's pytest fixture and by its peers.

    python benchmarks/seeded.py                            # leakhunt only
    python benchmarks/seeded.py --peers                    # beside pytest-memray, psleak and memalot
    python benchmarks/seeded.py --peers --table docs/how-to/test-for-growth.md
    python benchmarks/seeded.py --only malloc thread       # cases whose name has one of these in it
    python benchmarks/seeded.py --twins 200 --workers 2    # each twin so often: none may be called growing

Every case runs in a process of its own, from a test (or, for memalot, a script) that calls it. A leak is found when
the tool fails the test; for leakhunt the owner or layer that it names must be right, too. A twin that fails is a
false alarm. A process that takes more than 30 seconds of the processor is too slow: a leak is missed then. Seconds are
those that the run and its forked copies took of the processor, pytest's start included (of the clock where control
groups cannot be made). Peers are installed into results/peers-env; one that cannot be is skipped.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from seeded_run import CASES, Ran
from seeded_tools import TOOLS, install

KEPT = Path(__file__).resolve().parents[1] / "results" / "seeded"
#: Columns of the table: where a leak is, and what findings of it are called.
PLACES = {
    "in Python": "",
    "in C": "native-growth",
    "files, sockets": "handle-growth",
    "threads": "thread-growth",
}
#: Whether a tool says who holds what grows, in a form that can be compared.
NAMES = {"pytest-memray": "names none", "psleak": "names none", "memalot": "not compared"}


@dataclass
class Tally:
    """What one tool made of the cases."""

    version: str | None = None
    found: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    #: Runs, of leaks or twins, that ended without a judgement.
    too_slow: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def is_named(report: dict[str, object] | None, expected: str) -> bool:
    """Tell whether the worst leak names the owner, or is of the kind, that is expected."""
    leaks = [one for one in (report or {}).get("findings", []) if one["verdict"] == "leak"]  # type: ignore[union-attr]
    if not leaks:
        return False
    said = f"{leaks[0]['kind']} {(leaks[0]['owner'] or {}).get('path', '')}"
    return any(part in said for part in expected.split("|"))


def cases() -> dict[str, str]:
    """Return what each case must be told as, by name, in order."""
    names = re.findall(r'@case\("([^"]+)"\)\ndef (\w+)', CASES.read_text())
    return {name: expected for expected, name in names}


def judge(tool: str, version: str, chosen: dict[str, str], jobs: int) -> Tally:
    """Run one tool over the cases and their twins, so many at once."""
    tally = Tally(version)
    with ThreadPoolExecutor(jobs) as pool:
        for name, (leak, twin) in zip(chosen, pool.map(lambda name: both(tool, name), chosen), strict=True):
            count(tally, name, chosen[name], leak, twin)
            said = f"leak {leak.outcome}, twin {twin.outcome}{', MISNAMED' * (name in tally.misnamed)}"
            spent = f"{leak.seconds:6.1f} s ({leak.processor or 0:.1f} s of processor)"
            print(f"{tool:14} {name:40} {spent} {said}", flush=True)
            for ran in (leak, twin):
                if ran.outcome == "broken":
                    print(ran.output[-1500:], flush=True)
    return tally


def count(tally: Tally, name: str, expected: str, leak: Ran, twin: Ran) -> None:
    """Enter what a tool made of a leak and its twin."""
    tally.seconds.append(leak.seconds)
    if leak.processor is not None:
        tally.processor.append(leak.processor)
    grows = leak.outcome == "grows"
    (tally.found if grows else tally.missed).append(name)
    if grows and leak.report is not None and not is_named(leak.report, expected):
        tally.misnamed.append(name)
    if twin.outcome == "grows":
        tally.false_alarms.append(name)
    for label, ran in ((name, leak), (f"{name} (twin)", twin)):
        if ran.outcome == "too slow":
            tally.too_slow.append(label)
        elif ran.outcome == "broken":
            tally.broken.append(label)


def both(tool: str, name: str) -> tuple[Ran, Ran]:
    return TOOLS[tool](name, 0), TOOLS[tool](name, 1)


def twins(chosen: dict[str, str], times: int, workers: int) -> int:
    """Judge every twin so many times in one process, or in so many of pytest-xdist; return how often one was called
    growing."""
    with tempfile.TemporaryDirectory(prefix="leakhunt-seeded-") as work:
        shutil.copy(CASES, work)
        source = (
            "import pytest\nfrom seeded_leaks import CASES\n"
            f"@pytest.mark.parametrize('name', {list(chosen)!r})\n@pytest.mark.parametrize('turn', range({times}))\n"
            "def test_twin(assert_no_growth, name, turn):\n"
            "    assert_no_growth(CASES[name][1], strict=True)\n"
        )
        Path(work, "test_twins.py").write_text(source)
        shared = ["-n", str(workers)] if workers else []
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *shared, "test_twins.py"],
            cwd=work, capture_output=True, text=True, check=False,
        )  # fmt: skip
        print("\n".join(done.stdout.splitlines()[-12:]))
        failed = re.search(r"(\d+) failed", done.stdout)
        return int(failed[1]) if failed else 0


def table(tallies: dict[str, Tally]) -> str:
    """Return the tallies as a Markdown table."""
    lines = [
        f"| tool | leaks found | {' | '.join(PLACES)} | false alarms on twins | too slow | owner or layer wrong "
        "| processor seconds per leak: median (most) |",
        "|---" * (6 + len(PLACES)) + "|",
    ]
    for tool, tally in tallies.items():
        if tally.version is None:
            lines.append(f"| {tool} | could not be installed here " + "| " * (4 + len(PLACES)) + "|")
            continue
        ordered = sorted(tally.processor or tally.seconds)
        cells = [
            f"{tool} {tally.version}" if tool != "leakhunt" else tool,
            share(tally, cases()),
            *(share(tally, in_place(place)) for place in PLACES),
            str(len(tally.false_alarms)),
            str(len(tally.too_slow)),
            NAMES.get(tool, str(len(tally.misnamed))),
            f"{ordered[len(ordered) // 2]:.1f} ({ordered[-1]:.1f})",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def in_place(place: str) -> list[str]:
    """Return the names of the cases that a column of the table counts."""

    def column(expected: str) -> str:
        return next((each for each, kind in PLACES.items() if kind and kind in expected), "in Python")

    return [name for name, expected in cases().items() if column(expected) == place]


def share(tally: Tally, names: Iterable[str]) -> str:
    """Return how many of these leaks were found, of those that were run."""
    run = [name for name in names if name in tally.found or name in tally.missed]
    return f"{sum(name in tally.found for name in run)} of {len(run)}"


def keep(tool: str, tally: Tally) -> None:
    """Keep a tally beside those of the other tools, which may be run one by one."""
    KEPT.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", tool).strip("-")
    (KEPT / f"{name}.json").write_text(json.dumps({"tool": tool, **asdict(tally)}))


def kept() -> dict[str, Tally]:
    """Return what was kept of each tool."""
    found = {}
    for file in KEPT.glob("*.json"):
        told = json.loads(file.read_text())
        tool = told.pop("tool")
        found[tool] = Tally(**told)
    return {tool: found[tool] for tool in TOOLS if tool in found}


def put_table(document: Path, text: str) -> None:
    """Replace what stands between the table marks of a document."""
    begin, end = "<!-- table: benchmarks/seeded.py -->", "<!-- end of table -->"
    before, _, rest = document.read_text().partition(begin)
    _, _, after = rest.partition(end)
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS))
    parser.add_argument("--twins", type=int, default=0)
    parser.add_argument("--workers", type=int, default=0, help="of pytest-xdist, for --twins")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--table", type=Path)
    given = parser.parse_args()
    chosen = {
        name: expected
        for name, expected in cases().items()
        if not given.only or any(part in name for part in given.only)
    }
    if given.twins:
        return min(1, twins(chosen, given.twins, given.workers))
    tools = given.tools or (list(TOOLS) if given.peers else ["leakhunt"])
    for tool in tools:
        version = install(tool)
        keep(tool, judge(tool, version, chosen, given.jobs) if version else Tally())
    tallies = kept()
    for tool, tally in tallies.items():
        print(f"\n{tool} {tally.version}")
        for what in ("missed", "misnamed", "false_alarms", "too_slow", "broken"):
            print(f"  {what}: {', '.join(getattr(tally, what)) or 'none'}")
    text = table(tallies)
    print(f"\n{text}")
    if given.table:
        put_table(given.table, text)
    ours = tallies.get("leakhunt")
    return int(ours is not None and bool(ours.missed or ours.misnamed or ours.false_alarms))


if __name__ == "__main__":
    sys.exit(main())
