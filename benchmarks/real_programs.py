"""Runs leakhunt over examples and tests that published packages ship: programs that nobody wrote for it.

    python benchmarks/real_programs.py                  # all of them; the first time it fetches the packages
    python benchmarks/real_programs.py --only sympy     # those whose name has this in it
    python benchmarks/real_programs.py --table docs/real-programs.md

Source distributions are unpacked, and their packages installed into an environment of their own, under
results/real-programs. Every file listed here runs many times in one process. None is known to leak, so
each "leak" is either a real finding or a false alarm: look at it by hand, and say which in docs/real-programs.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from profiled import ProfileFailed, profile

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "results" / "real-programs"
DRIVER = Path(__file__).parent / "workloads" / "run_again.py"
#: What the files below import beside their own package.
ALSO = ("numpy", "scipy", "pytest", "hypothesis", "trio", "pyyaml", "pytest-mock")


@dataclass(frozen=True)
class Program:
    """Files of one package that are run together, `turns` times."""

    package: str
    version: str
    files: tuple[str, ...]
    turns: int = 40

    @property
    def name(self) -> str:
        first = self.files[0].rpartition("/")[2].removesuffix(".py")
        return f"{self.package}: {first}" + (
            f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        )


def _tests(package: str, version: str, folder: str, names: str, turns: int = 40) -> Program:
    return Program(package, version, tuple(f"{folder}/{name}.py" for name in names.split()), turns)


PROGRAMS = (
    _tests("networkx", "3.6.1", "networkx/algorithms/tests", "test_cycles test_dag test_cuts"),
    _tests("networkx", "3.6.1", "networkx/algorithms/shortest_paths/tests", "test_weighted test_generic"),
    _tests("networkx", "3.6.1", "networkx/classes/tests", "test_graph test_multidigraph test_graphviews"),
    _tests("networkx", "3.6.1", "networkx/generators/tests", "test_random_graphs test_trees test_lattice"),
    _tests("sympy", "1.14.0", "sympy/core/tests", "test_expand test_numbers test_subs", 20),
    _tests("sympy", "1.14.0", "sympy/matrices/tests", "test_matrices test_sparse", 20),
    _tests("sympy", "1.14.0", "sympy/series/tests", "test_limits test_series", 20),
    _tests("sympy", "1.14.0", "sympy/logic/tests", "test_boolalg test_inference", 20),
    _tests("mpmath", "1.3.0", "mpmath/tests", "test_basic_ops test_calculus test_linalg", 30),
    _tests("mpmath", "1.3.0", "mpmath/tests", "test_functions2 test_gammazeta", 20),
    _tests("sqlalchemy", "2.1.9", "examples/association", "basic_association proxied_association", 30),
    _tests("sqlalchemy", "2.1.9", "examples/generic_associations", "generic_fk table_per_related", 30),
    _tests("sqlalchemy", "2.1.9", "examples/inheritance", "single joined concrete", 30),
    _tests("sqlalchemy", "2.1.9", "examples/graphs", "directed_graph", 40),
    _tests("sqlalchemy", "2.1.9", "examples/adjacency_list", "adjacency_list", 40),
    _tests("jinja2", "3.1.6", "tests", "test_lexnparse test_regression test_ext test_loader"),
    _tests("jinja2", "3.1.6", "tests", "test_async test_nativetypes test_compile test_utils"),
    _tests("attrs", "26.1.0", "tests", "test_next_gen test_converters test_slots", 40),
    _tests("attrs", "26.1.0", "tests", "test_funcs test_make", 12),
    _tests("more-itertools", "11.2.1", "tests", "test_recipes", 40),
    _tests("more-itertools", "11.2.1", "tests", "test_more", 12),
    _tests("markdown", "3.11.3", "tests", "test_apis", 40),
    _tests("markdown", "3.11.3", "tests/test_syntax/inline", "test_links test_images test_emphasis", 40),
    _tests("pyparsing", "3.3.3", "tests", "test_simple_unit", 30),
    _tests("pyparsing", "3.3.3", "examples", "chemical_formulas delta_time ebnf_number_words", 30),
    _tests("pygments", "2.21.0", "tests", "test_html_formatter test_util test_token test_regexlexer", 40),
    _tests("lxml", "6.1.3", "src/lxml/tests", "test_xpathevaluator test_sax test_builder", 40),
    _tests("lxml", "6.1.3", "src/lxml/tests", "test_htmlparser test_objectify", 20),
    _tests("aiohttp", "3.14.5", "tests", "test_cookie_helpers test_multipart_helpers test_websocket_data_queue", 40),
)  # fmt: skip


def source_of(program: Program) -> Path:
    """Return the unpacked source distribution, fetching it when it is not there yet."""
    archives = CACHE / "sdists"
    archives.mkdir(parents=True, exist_ok=True)
    stem = f"{program.package.replace('-', '_')}-{program.version}"
    folder = CACHE / "sources" / stem
    if not folder.exists():
        archive = archives / f"{stem}.tar.gz"
        if not archive.exists():
            _pip(sys.executable, "download", "--no-deps", "--no-binary", ":all:", "-d", str(archives),
                 f"{program.package}=={program.version}")  # fmt: skip
        with tarfile.open(archive) as packed:
            packed.extractall(CACHE / "sources", filter="data")
    return folder


def python_of(programs: tuple[Program, ...]) -> str:
    """Return the interpreter of the environment that has the packages, making it when it is not there yet."""
    python = CACHE / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(CACHE / "venv")], check=True)
    wanted = sorted({f"{one.package}=={one.version}" for one in programs})
    _pip(str(python), "install", *wanted, *ALSO)
    return str(python)


def _pip(python: str, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def judged(program: Program, python: str) -> dict[str, Any] | str:
    """Return the report of one program, or why there is none."""
    folder = source_of(program)
    driver = Path(shutil.copy(DRIVER, folder / "run_again.py"))
    files = [str(folder / file) for file in program.files]
    try:
        subprocess.run([python, str(driver), "0", *files], check=True, capture_output=True, timeout=120)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failed:
        return f"its tests could not be tried: {failed}"[:200]
    try:
        return profile(driver, str(program.turns), *files, target_python=python)
    except ProfileFailed as failed:
        return str(failed)


def row_of(program: Program, report: dict[str, Any] | str) -> list[str]:
    """Return the line of the table about one program."""
    start = [f"{program.package} {program.version}", _files(program), str(program.turns)]
    if isinstance(report, str):
        return [*start, "not run", report]
    if report["run"]["exit_code"] != 0:
        return [*start, "not run", f"exit code {report['run']['exit_code']}"]
    leaks = [finding for finding in report["findings"] if finding["verdict"] == "leak"]
    undecided = [finding for finding in report["findings"] if finding["verdict"] == "cannot-tell"]
    said = [f"{one['title']} ({(one['owner'] or {}).get('path', 'no holder')})" for one in leaks or undecided]
    why = "; ".join(said) or " ".join(report.get("reasons") or [])
    return [*start, report["verdict"], why.replace("|", "\\|")]


def _files(program: Program) -> str:
    folder = program.files[0].rpartition("/")[0]
    return f"`{folder}`: {', '.join(file.rpartition('/')[2].removesuffix('.py') for file in program.files)}"


def main() -> None:
    """Run the chosen programs and print what was said of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="those whose name has TEXT in it")
    parser.add_argument("--table", type=Path, metavar="FILE", help="replace the table in a Markdown file")
    parser.add_argument("--json", type=Path, metavar="DIR", help="keep every report in a directory")
    options = parser.parse_args()
    chosen = tuple(program for program in PROGRAMS if options.only in program.name)
    python = python_of(chosen)
    rows = []
    for program in chosen:
        report = judged(program, python)
        rows.append(row_of(program, report))
        print(f"{rows[-1][3]:12} {program.name}: {rows[-1][4]}", flush=True)
        if options.json is not None and isinstance(report, dict):
            options.json.mkdir(parents=True, exist_ok=True)
            name = program.name.replace(": ", "-").replace(" ", "-")
            (options.json / f"{name}.json").write_text(json.dumps(report, indent=1))
    if options.table is not None:
        write_table(options.table, rows)
    counts = {verdict: sum(row[3] == verdict for row in rows) for verdict in sorted({row[3] for row in rows})}
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


def write_table(file: Path, rows: list[list[str]]) -> None:
    """Put the rows between the two marks of a Markdown file."""
    begin, end = "<!-- table: benchmarks/real_programs.py -->", "<!-- end of table -->"
    text = file.read_text()
    head, _, rest = text.partition(begin)
    lines = ["| package | what runs | turns | verdict | said |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    file.write_text(f"{head}{begin}\n" + "\n".join(lines) + f"\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    main()
