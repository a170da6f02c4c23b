"""A program is profiled in its own environment, with old pins and nothing of leakhunt in it (`--python`)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from known_answers import CLEANS, LEAKS, QUICK, Clean, Leak, names_owner, owner_path, suspects
from make_target_env import interpreter, make
from profiled import lacking, profile

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def target_python() -> str:
    if interpreter() is None:
        pytest.skip("needs Python 3.10 or 3.11, which the old pins have wheels for")
    return str(make(ROOT / ".venv-target"))


def test_the_environment_has_old_pins_and_nothing_of_ours(target_python: str) -> None:
    assert lacking(["leakhunt", "psutil", "memray", "numpy", "pandas"], target_python) == {
        "leakhunt",
        "psutil",
        "memray",
    }

    code = "import numpy, pandas; print(numpy.__version__, pandas.__version__)"
    versions = subprocess.run(
        [target_python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert versions[0].startswith("1.26")
    assert versions[1].startswith("2.0")


@pytest.mark.parametrize("leak", [leak for leak in LEAKS if leak.name in QUICK], ids=lambda leak: leak.name)
def test_a_known_leak_is_named_in_another_environment(leak: Leak, target_python: str) -> None:
    report = profile(leak.program, "40", target_python=target_python)

    assert report["verdict"] == "leak"
    assert names_owner(leak, owner_path(suspects(report)[0]))


@pytest.mark.parametrize(
    "clean", [clean for clean in CLEANS if clean.name in QUICK], ids=lambda clean: clean.name
)
def test_a_clean_twin_is_cleared_in_another_environment(clean: Clean, target_python: str) -> None:
    report = profile(clean.program, "40", target_python=target_python)

    assert report["verdict"] == "no-leak"


def test_the_replay_buffer_is_named_in_another_environment(target_python: str) -> None:
    report = profile(ROOT / "fixtures" / "replay_buffer" / "leaking.py", target_python=target_python)

    assert report["verdict"] == "leak"
    assert "buffer" in (owner_path(suspects(report)[0]) or "")
