"""Sweeps the test suites that published packages ship with `pytest --leakhunt-all`: tests that nobody wrote for it.

    python benchmarks/suites.py                            # a part of each; the first time it fetches the packages
    python benchmarks/suites.py --whole                    # all of their tests
    python benchmarks/suites.py --only click               # those whose name has this in it
    python benchmarks/suites.py --table docs/real-suites.md

Source distributions are unpacked, and their packages installed beside leakhunt into an environment of their own,
under results/suites. Each suite runs twice: plain, and swept. No test of them is known to leak, so that each one
called growing is either a real finding or a false alarm: look at it by hand, and say which in docs/real-suites.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "results" / "suites"
PYTHON = CACHE / "env" / "bin" / "python"
#: What the suites import beside their own package.
ALSO = (
    "pytest",
    "pytest-timeout",
    "hypothesis",
    "trio",
    "cloudpickle",
    "pytest-mock",
    "pytest-httpbin",
    "PySocks",
)
MOST_SECONDS = 3_600


@dataclass(frozen=True)
class Suite:
    """The tests of one package, and the `part` of them (files by pattern) that runs when not all are asked for."""

    package: str
    version: str
    tests: str
    part: tuple[str, ...]
    options: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return CACHE / "sources" / f"{self.package.replace('-', '_')}-{self.version}"

    def files(self, whole: bool) -> list[str]:
        """Return what pytest is given: paths inside the source distribution."""
        if whole:
            return [self.tests]
        return [f"{self.tests}/{name}" if name else self.tests for name in self.part]


def _suite(package: str, version: str, tests: str, part: str, *options: str) -> Suite:
    return Suite(package, version, tests, tuple(f"{name}.py" for name in part.split()), options)


SUITES = (
    _suite("attrs", "26.1.0", "tests", "test_next_gen test_slots test_functional test_abc test_filters test_cmp"),
    _suite("click", "8.5.1", "tests", "test_parser test_normalization test_info_dict test_compat"),
    _suite("cachetools", "8.0.2", "tests", "test_lru test_lfu test_ttl test_tlru test_cached test_cachedmethod "
           "test_func test_keys test_fifo test_rr"),
    _suite("jinja2", "3.1.6", "tests", "test_imports test_inheritance test_loader"),
    _suite("requests", "2.34.2", "tests", "test_structures test_hooks test_lowlevel test_help"),
    _suite("networkx", "3.6.1", "networkx", "classes/tests/test_digraph classes/tests/test_graph "
           "algorithms/tests/test_dag algorithms/tests/test_cycles utils/tests/test_heaps"),
    _suite("more-itertools", "11.2.1", "tests", "test_recipes"),
    _suite("markdown", "3.11.3", "tests", "test_apis test_meta"),
)  # fmt: skip


def fetch(suites: tuple[Suite, ...]) -> None:
    """Unpack the source distributions and make the environment, where they are not there yet."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", str(CACHE / "env")], check=True)
    if not (CACHE / "installed").exists():
        wanted = [f"{suite.package}=={suite.version}" for suite in SUITES]
        _pip("install", *ALSO, *wanted)
        _pip("install", "--editable", str(ROOT))
        (CACHE / "installed").touch()
    for suite in suites:
        if suite.folder.exists():
            continue
        name = f"{suite.package.replace('-', '_')}-{suite.version}.tar.gz"
        archive = CACHE / "sdists" / name
        if not archive.exists():
            _pip("download", "--no-deps", "--no-binary", ":all:", "--dest", str(archive.parent),
                 f"{suite.package}=={suite.version}")  # fmt: skip
        with tarfile.open(archive) as packed:
            packed.extractall(CACHE / "sources", filter="data")


def _pip(*arguments: str) -> None:
    subprocess.run(
        [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True
    )


@dataclass(frozen=True)
class Ran:
    """One run of a suite: seconds by test, and what pytest said at its end."""

    seconds: dict[str, float]
    last_line: str
    report: dict[str, Any] | None


def run(suite: Suite, whole: bool, *options: str) -> Ran:
    """Run a suite, or its part; `options` go to pytest."""
    results = CACHE / "told" / suite.package
    results.mkdir(parents=True, exist_ok=True)
    junit, told = results / "junit.xml", results / "told.json"
    for old in (junit, told):
        old.unlink(missing_ok=True)
    shutil.rmtree(suite.folder / ".pytest_cache", ignore_errors=True)
    command = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", f"--junitxml={junit}",
               *suite.files(whole), *suite.options, *(option.format(told=told) for option in options)]  # fmt: skip
    done = subprocess.run(
        command, cwd=suite.folder, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
    )
    (results / f"output{len(options)}.txt").write_text(done.stdout + done.stderr)
    if not junit.exists():
        raise SystemExit(
            f"{suite.package}: pytest wrote no results\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    seconds = {
        f"{case.get('classname')}::{case.get('name')}": float(case.get("time") or 0.0)
        for case in ElementTree.parse(junit).iter("testcase")
    }
    last = next((line for line in reversed(done.stdout.splitlines()) if " in " in line), "")
    report = json.loads(told.read_text()) if told.exists() else None
    return Ran(seconds, last.strip("= "), report)


def swept(suite: Suite, whole: bool) -> dict[str, Any]:
    """Run a suite plain and swept, and return the row of the table."""
    plain = run(suite, whole)
    found = run(suite, whole, "--leakhunt-all", "--leakhunt={told}")
    if found.report is None:
        raise SystemExit(f"{suite.package}: no report was written")
    tests = found.report["tests"]
    shared = [name for name in plain.seconds if name in found.seconds]
    before, after = ([run.seconds[name] for name in shared] for run in (plain, found))
    by_verdict = {
        verdict: [test for test in tests if test["verdict"] == verdict]
        for verdict in ("leak", "cannot-tell", "no-leak")
    }
    for verdict in ("leak", "cannot-tell"):
        for test in by_verdict[verdict]:
            print(f"  {verdict:12}{test['test']}: {(test['problem'] or test['reason'])[:200]}", flush=True)
    unrepeatable = sum(1 for test in by_verdict["cannot-tell"] if test["problem"])
    return {
        "suite": f"{suite.package} {suite.version}",
        "tests": len(tests),
        "leak": len(by_verdict["leak"]),
        "unrepeatable": unrepeatable,
        "cannot-tell": len(by_verdict["cannot-tell"]) - unrepeatable,
        "median": (median(before), median(after)),
        "total": (sum(before), sum(after)),
        "plain": plain.last_line,
        "said": found.last_line,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| suite | tests repeated | called growing | cannot tell | pass only once | median test, plain and swept "
        "| all tests, plain and swept |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        before, after = (1e3 * each for each in row["median"])
        first, second = row["total"]
        lines.append(
            f"| {row['suite']} | {row['tests']} | {row['leak']} | {row['cannot-tell']} | {row['unrepeatable']} "
            f"| {before:.0f} ms, {after:.0f} ms | {first:.0f} s, {second:.0f} s |"
        )
    return "\n".join(lines)


def put_table(document: Path, text: str) -> None:
    """Replace what stands between the table marks of a document."""
    begin, end = "<!-- table: benchmarks/suites.py -->", "<!-- end of table -->"
    before, _, rest = document.read_text().partition(begin)
    _, _, after = rest.partition(end)
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument(
        "--whole", action="store_true", help="all their tests and not a part: an hour or more"
    )
    parser.add_argument("--table", type=Path)
    given = parser.parse_args()
    chosen = tuple(s for s in SUITES if not given.only or any(part in s.package for part in given.only))
    fetch(chosen)
    rows = []
    for suite in chosen:
        print(f"{suite.package} {suite.version}", flush=True)
        rows.append(swept(suite, given.whole))
        print(f"  plain: {rows[-1]['plain']}\n  swept: {rows[-1]['said']}", flush=True)
    text = table(rows)
    print(f"\n{text}")
    if given.table:
        put_table(given.table, text)


if __name__ == "__main__":
    main()
