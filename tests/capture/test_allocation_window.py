"""Real programs under `leakhunt profile`, with an allocation window open while they run."""

import json
import os
import shutil
import subprocess
import sys
import textwrap

import pytest

memray = pytest.importorskip("memray")

LEAKING = """
    import time
    BEFORE
    def make(i):
        return {"i": i, "grid": bytearray(200_000)}
    kept = []
    for i in range(TURNS):
        time.sleep(0.02)
        kept.append(make(i))
        INSIDE
    AFTER
"""


def written(tmp_path, before="", inside="pass", after="", turns=16):
    program = textwrap.dedent(LEAKING).replace("BEFORE", before).replace("INSIDE", inside)
    (tmp_path / "job.py").write_text(program.replace("AFTER", after).replace("TURNS", str(turns)))
    return tmp_path


def command_of(*options):
    return [
        sys.executable,
        "-m",
        "leakhunt",
        "profile",
        "--quiet",
        *options,
        "--json",
        "out.json",
        "job.py",
    ]


def run(folder, command, **changes):
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, env={**os.environ, **changes}
    )
    return done.returncode, done.stdout, done.stderr


def profiled(folder, *options, **changes):
    assert run(folder, command_of(*(options or ("--allocations",))), **changes) == (0, "", "")
    return json.loads((folder / "out.json").read_text())


def alike(folder, *options):
    """Profile the program, which must print and return what it does without; return the report."""
    bare = run(folder, [sys.executable, "job.py"])
    assert run(folder, command_of(*(options or ("--allocations",)))) == bare
    return json.loads((folder / "out.json").read_text())


def allocations(report):
    """The sites that were measured; what is read off the source is none."""
    return [
        site
        for finding in report["findings"]
        for site in finding["sites"]
        if site["role"] == "allocation" and site["source"] != "static"
    ]  # fmt: skip


def slugs(report):
    return {loss["slug"] for loss in report["losses"]}


def test_the_line_that_allocates_is_named_beside_the_line_that_inserts(tmp_path):
    report = profiled(written(tmp_path))

    sites = allocations(report)
    assert [(site["line"], site["function"], site["source"]) for site in sites] == [(5, "make", "memray")]
    assert sites[0]["share"] == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
def test_a_window_opens_by_itself_when_something_grows_in_a_run_that_lasts(tmp_path):
    report = profiled(written(tmp_path, inside="time.sleep(0.25)", turns=150), "--home", "runs")

    # whichever recorded first: a few traced turns cost less than a memray window, and are opened sooner
    assert [(site["line"], site["source"]) for site in allocations(report)] in (
        [(5, "memray")], [(5, "tracemalloc")],
    )  # fmt: skip


@pytest.mark.slow
def test_no_windows_means_none(tmp_path):
    report = profiled(written(tmp_path, turns=150), "--no-windows", "--home", "runs")

    assert allocations(report) == []
    assert not list(tmp_path.glob("runs/runs/*/captures"))


@pytest.mark.parametrize(
    ("before", "slug"),
    [
        ("import tracemalloc; tracemalloc.start()", "window-tracemalloc"),
        ("import memray; memray.Tracker('own.bin').__enter__()", "window-in-use"),
        ("from tracemalloc import start", "window-tracemalloc"),
        ("import threading; threading.setprofile(lambda *_: None)", "window-profiled"),
    ],
)
def test_a_program_that_records_allocations_itself_is_left_alone(tmp_path, before, slug):
    report = profiled(written(tmp_path, before))

    assert slug in slugs(report)
    assert allocations(report) == []


FORKS = """
        if i == 8:
            child = os.fork()
            if child == 0:
                print(len([bytearray(100) for _ in range(50)]), flush=True)
                END
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
MIDDLES = {
    "tracemalloc": (
        "import tracemalloc",
        """
        if i == 8:
            print(tracemalloc.is_tracing())
            tracemalloc.start(3)
        if i == 12:
            traced = tracemalloc.get_object_traceback
            print(traced(kept[-1]["grid"]) is not None, traced(kept[2]["grid"]), tracemalloc.get_traceback_limit())
            tracemalloc.stop()
""",
    ),
    "fork": ("import os, warnings; warnings.simplefilter('always')", FORKS.replace("END", "os._exit(3)")),
    "fork that ends": ("import os, sys", FORKS.replace("END", "sys.exit(4)")),
    "exec": (
        "import os, sys",
        """
        if i == 8:
            os.execv(sys.executable, [sys.executable, "-c", "print('replaced')"])
""",
    ),
    "interrupt": (
        "import os, signal",
        """
        if i == 8:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)
            except KeyboardInterrupt:
                print("interrupted")
""",
    ),
    "profile": (
        "import sys; seen = []",
        """
        if i == 8:
            sys.setprofile(lambda frame, event, _: seen.append(event) if frame.f_code is make.__code__ else None)
        if i == 12:
            sys.setprofile(None); print(seen)
""",
    ),
    "exit": (
        "import os",
        """
        if i == 8:
            os._exit(5)
""",
    ),
}


@pytest.mark.parametrize(
    "middle",
    [
        middle if middle in ("tracemalloc", "fork") else pytest.param(middle, marks=pytest.mark.slow)
        for middle in MIDDLES
    ],
)
def test_a_program_is_the_same_whatever_it_does_while_a_window_is_open(tmp_path, middle):
    before, inside = MIDDLES[middle]

    alike(written(tmp_path, before, inside.strip()))


def test_an_interrupt_that_ends_the_program_in_a_window_is_the_programs_own(tmp_path):
    inside = "if i == 8: os.kill(os.getpid(), signal.SIGINT)"
    folder = written(tmp_path, "import os, signal", inside)

    code, out, err = run(folder, command_of("--allocations"))

    assert code in (130, -2)
    assert (out, err.strip().splitlines()[-1]) == ("", "KeyboardInterrupt")
    assert "agent-error" not in slugs(json.loads((folder / "out.json").read_text()))


def broken_first(tmp_path):
    return os.pathsep.join(filter(None, [str(tmp_path / "broken"), os.environ.get("PYTHONPATH")]))


@pytest.mark.parametrize(
    "problem", ["raise SystemExit('odd')", "raise ImportError", "1 / 0", "Tracker = None"]
)
def test_without_memray_tracemalloc_names_the_line_of_what_grows(tmp_path, problem):
    (tmp_path / "broken" / "memray").mkdir(parents=True)
    (tmp_path / "broken" / "memray" / "__init__.py").write_text(problem)

    report = profiled(written(tmp_path), PYTHONPATH=broken_first(tmp_path))

    sites = allocations(report)
    assert [(site["line"], site["function"], site["source"]) for site in sites] == [
        (5, "make", "tracemalloc")
    ]
    assert sites[0]["stack"][-1]["function"] == "<module>"


def test_files_of_the_program_named_like_memrays_imports_are_not_imported(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "rich.py").write_text("print('imported by mistake')")
    written(tmp_path / "sub")
    command = [*command_of("--allocations")[:-1], "sub/job.py"]

    assert run(tmp_path, command) == (0, "", "")
    report = json.loads((tmp_path / "out.json").read_text())
    assert {site["source"] for site in allocations(report)} == {"tracemalloc"}


def test_a_small_disk_costs_the_window_and_nothing_else(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        report = alike(written(tmp_path), "--allocations", "--home", str(disk / "home"))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)

    assert "window-no-room" in slugs(report)


def test_ten_thousand_calls_deep_the_program_is_recorded_all_the_same(tmp_path):
    before = (
        "import sys; sys.setrecursionlimit(20_000)\n"
        "def deep(n, i):\n    return make(i) if n == 0 else deep(n - 1, i)\n"
    )
    program = "import time\n" + before + "\n".join(
        [
            "def make(i):",
            "    return bytearray(200_000)",
            "kept = []",
            "for i in range(14):",
            "    time.sleep(0.02)",
            "    kept.append(deep(9_000, i))",
            "print(len(kept))",
        ]
    )  # fmt: skip
    (tmp_path / "job.py").write_text(program)

    report = alike(tmp_path)

    assert {site["function"] for site in allocations(report)} == {"make"}


def test_captures_go_once_they_are_read_and_the_report_stays_the_same(tmp_path):
    first = profiled(written(tmp_path), "--allocations", "--home", "runs")
    (captures,) = tmp_path.glob("runs/runs/*/captures")
    again = [sys.executable, "-m", "leakhunt", "report", "--home", "runs", "--quiet", "--json", "again.json"]

    assert [path.suffix for path in captures.iterdir()] == [".json"]
    assert run(tmp_path, again) == (0, "", "")
    assert json.loads((tmp_path / "again.json").read_text()) == first


def test_captures_can_be_kept(tmp_path):
    profiled(written(tmp_path), "--allocations", "--keep-captures", "--home", "runs")

    assert [path.name for path in tmp_path.glob("runs/runs/*/captures/*.bin")] == ["0001.bin"]
