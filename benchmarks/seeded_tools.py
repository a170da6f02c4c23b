"""The tools that judge the seeded leaks, each put to a case as its own documents say, and the environment of the peers.

leakhunt runs in the environment of the benchmark, the peers in one of their own: leakhunt does not depend on them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from seeded_run import Ran, run

from leakhunt._version import __version__

PEERS_ENV = Path(__file__).resolve().parents[1] / "results" / "peers-env"
PYTHON = PEERS_ENV / "bin" / "python"
#: Calls that pytest-memray is given to see: its documents leave it to the test.
CALLS = 200
#: Cases that keep so much per call that psleak's calls, 23 thousand by default, would take gigabytes.
MUCH_PER_CALL = ("a_megabyte_in_a_list", "a_megabyte_from_calloc", "a_mapping_made_by_hand")

LEAKHUNT = """
from seeded_leaks import CASES
def test_case(assert_no_growth):
    assert_no_growth(CASES[{name!r}][{which}])
"""
MEMRAY = """
import pytest
from seeded_leaks import CASES
@pytest.fixture
def work():
    work = CASES[{name!r}][{which}]
    for _ in range(10):
        work()
    return work
@pytest.mark.limit_leaks("1 KB")
def test_case(work):
    for _ in range({calls}):
        work()
"""
PSLEAK = """
from psleak import MemoryLeakTestCase
from seeded_leaks import CASES
class TestCase(MemoryLeakTestCase):
    def test_case(self):
        self.execute(CASES[{name!r}][{which}]{options})
"""
# One call for warm-up (its default), then two that are reported; the last report is what counts, so that what is made
# once is not held against it. The search for referrers comes after a leak is reported and does not change what is.
MEMALOT = """
import sys
from memalot import leak_monitor
from seeded_leaks import CASES
said = []
work = CASES[{name!r}][{which}]
@leak_monitor(check_referrers=False, save_reports=False, output_func=said.append)
def case():
    work()
for _ in range(3):
    said.clear()
    case()
report = "\\n".join(map(str, said))
print(report)
sys.exit(1 if "Possible New Leaks" in report else 0)
"""


def leakhunt(name: str, which: int) -> Ran:
    source = LEAKHUNT.format(name=name, which=which)
    return run(Path(sys.executable), "test_seeded.py", source, r"Failed: .* grows", report=True)


def pytest_memray(name: str, which: int) -> Ran:
    source = MEMRAY.format(name=name, which=which, calls=CALLS)
    return run(PYTHON, "test_seeded.py", source, "Test was allowed to leak")


def psleak(name: str, which: int) -> Ran:
    options = ", times=10" if name in MUCH_PER_CALL else ""
    source = PSLEAK.format(name=name, which=which, options=options)
    grows = r"psleak\.(MemoryLeak|Unclosed\w+|UncollectableGarbage)Error"
    return run(PYTHON, "test_seeded.py", source, grows, PYTHONMALLOC="malloc", PYTHONUNBUFFERED="1")


def memalot(name: str, which: int) -> Ran:
    source = MEMALOT.format(name=name, which=which)
    return run(PYTHON, "seeded.py", source, "Possible New Leaks")


TOOLS: dict[str, Callable[[str, int], Ran]] = {
    "leakhunt": leakhunt,
    "pytest-memray": pytest_memray,
    "psleak": psleak,
    "memalot": memalot,
}


def install(tool: str) -> str | None:
    """Install a tool where it is not there yet; return its version, None (and say why) when it cannot be had."""
    if tool == "leakhunt":
        return __version__
    try:
        if not PYTHON.exists():
            subprocess.run([sys.executable, "-m", "venv", str(PEERS_ENV)], check=True, capture_output=True)
        if (version := _version(tool)) is None:
            pip = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
            subprocess.run([*pip, "pytest", tool], check=True, capture_output=True, text=True)
            version = _version(tool)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        print(f"{tool}: skipped, it could not be installed: {said[-1] if said else error}", flush=True)
        return None
    return version


def _version(package: str) -> str | None:
    code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
    done = subprocess.run([str(PYTHON), "-c", code, package], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
