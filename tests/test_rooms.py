"""The house rules that can be checked: file sizes, docstrings, imports that flow one way, a small agent."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "leakhunt"
#: Run as a script in the target, whose `__main__` it lends: importing it would start an agent, and a
#: docstring would show as the target's.
BOOTSTRAP = PACKAGE / "capture" / "bootstrap.py"
MODULES = sorted(set(PACKAGE.rglob("*.py")) - {BOOTSTRAP})
MAX_LINES = 400
#: What the target must never load: these rooms, and anything that is not the standard library.
NOT_IN_THE_TARGET = (
    "model",
    "findings",
    "analysis",
    "report",
    "guard",
    "api",
    "cli",
    "repeat",
    "pytest_plugin",
    "journal.reader",
    "journal.text",
)


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(*rooms: str) -> list[str]:
    return [dotted(path) for path in MODULES if path.relative_to(PACKAGE).parts[0] in rooms]


def loaded_by(modules: list[str]) -> set[str]:
    """Return what a fresh interpreter has loaded, beyond its own start, after importing `modules`."""
    code = (
        "import sys; before = set(sys.modules)\n"
        f"import importlib\nfor name in {modules!r}: importlib.import_module(name)\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_module_says_what_it_is_for_and_fits_on_a_few_screens(path: Path) -> None:
    source = path.read_text()

    docstring = ast.get_docstring(ast.parse(source))
    assert docstring, "no module docstring"
    assert len(docstring.splitlines()[0]) >= 15
    assert len(source.splitlines()) <= MAX_LINES


def test_the_bootstrap_has_no_docstring_to_lend_and_stays_short() -> None:
    source = BOOTSTRAP.read_text()

    assert ast.get_docstring(ast.parse(source)) is None
    assert len(source.splitlines()) <= 60


def test_the_agent_loads_the_standard_library_and_its_own_rooms_only() -> None:
    loaded = loaded_by(modules_of("capture", "census"))

    foreign = {
        name for name in loaded if name.partition(".")[0] not in {*sys.stdlib_module_names, "leakhunt"}
    }
    assert foreign == set()


def test_the_agent_loads_no_room_that_judges_or_draws() -> None:
    loaded = loaded_by(modules_of("capture", "census"))

    forbidden = tuple(f"leakhunt.{room}" for room in NOT_IN_THE_TARGET)
    assert {name for name in loaded if name.startswith(forbidden)} == set()


def test_a_room_that_judges_would_be_noticed_in_the_target() -> None:
    loaded = loaded_by(modules_of("findings"))

    assert {name for name in loaded if name.startswith("leakhunt.findings")}


def test_the_command_starts_without_the_heavy_libraries() -> None:
    loaded = loaded_by(["leakhunt.cli.main"])

    assert {"pandas", "scipy", "plotly", "numpy", "memray"} & loaded == set()


def test_imports_flow_one_way() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    if not lint_imports.exists():
        pytest.skip("import-linter is not installed here (make lint installs it)")

    done = subprocess.run(
        [str(lint_imports), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
