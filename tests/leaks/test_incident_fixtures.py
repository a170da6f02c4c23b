"""The programs of the incidents: the leaking ones are named with their true rate, the fixed ones cleared.

The true rates are computed from the arrays that the programs keep, by the programs' own modules.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from known_answers import insertion_lines, lines_that_grow, owner_path, suspects
from profiled import profile

from leakhunt.host import usable_processors

#: Whole runs of programs, on machines that do other things too.
pytestmark = pytest.mark.timeout(600)

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SWEEP = FIXTURES / "t3b_sweep"
BUFFER = FIXTURES / "replay_buffer"
LABELS = FIXTURES / "vacua_labels"
CAPS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def constant_of(folder: Path, module: str, name: str) -> Any:
    """Return what a fixture's module computes about itself."""
    sys.path.insert(0, str(folder))
    try:
        return getattr(importlib.import_module(module), name)
    finally:
        sys.path.remove(str(folder))


def per_turn_of(report: dict[str, Any], variable: str) -> float:
    """Return how many turns of the loop over `variable` there are to one of the primary loop."""
    turns = {loop["variables"][0]: loop["iterations"] for loop in report["loops"] if loop["variables"]}
    primary = next(loop for loop in report["loops"] if loop["primary"])
    return float(turns[variable] / primary["iterations"])


def line_with(program: Path, text: str) -> int:
    """Return the first line of a program that has a text in it."""
    lines = program.read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_the_replay_buffer_is_named_with_its_rate() -> None:
    report = profile(BUFFER / "leaking.py", "--trials", "40")

    worst = suspects(report)[0]
    assert report["verdict"] == "leak"
    assert "buffer" in (owner_path(worst) or "")
    assert worst["bytes_per_iteration"] == pytest.approx(
        constant_of(BUFFER, "trajectories", "BYTES_PER_TRIAL"), rel=0.1
    )
    assert insertion_lines(worst) & lines_that_grow(BUFFER / "leaking.py")


def test_the_cleared_replay_buffer_is_no_leak() -> None:
    report = profile(BUFFER / "fixed.py", "--trials", "40")

    assert report["verdict"] == "no-leak"


@pytest.mark.slow
def test_a_short_sweep_never_clears_the_list_that_keeps_every_fitter(tmp_path: Path) -> None:
    report = profile(SWEEP / "leaking.py", "--quick", "--out", str(tmp_path))

    assert report["verdict"] in ("leak", "cannot-tell")
    assert suspects(report)


@pytest.mark.slow
def test_a_short_sweep_that_keeps_numbers_is_not_accused(tmp_path: Path) -> None:
    report = profile(SWEEP / "fixed.py", "--quick", "--out", str(tmp_path))

    assert report["verdict"] in ("no-leak", "cannot-tell")


@pytest.fixture
def features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The feature table of the labelling run; the machine's own thread caps are taken away."""
    if importlib.util.find_spec("pyarrow") is None:
        pytest.skip("needs pyarrow")
    file = tmp_path / "ks_features.parquet"
    subprocess.run([sys.executable, LABELS / "make_features.py", file], check=True, capture_output=True)
    monkeypatch.setenv("VACUA_FEATURES", str(file))
    for name in CAPS:
        monkeypatch.delenv(name, raising=False)
    return file


@pytest.mark.slow
def test_the_labelling_run_is_told_what_it_spends_memory_on(features: Path) -> None:
    report = profile(LABELS / "leaking.py", "--n-limit", "400")

    told = {one["slug"]: one for one in report["recommendations"]}
    sizes = constant_of(LABELS, "make_features", "columns_and_bytes")()
    assert report["verdict"] != "leak"
    size = f"{sum(sizes.values()) / 1e6:.3g} MB"
    assert f"118 of 120 columns (98 % of {size})" in told["columns-never-used"]["title"]
    assert 'columns=["polytope_id", "h11"]' in told["columns-never-used"]["do"]
    assert told["columns-never-used"]["where"]["line"] == line_with(LABELS / "leaking.py", "read_parquet")
    assert told["one-pool"]["where"]["line"] == line_with(LABELS / "leaking.py", "with Pool")
    assert "--n-limit 400 was ignored: N_LIMIT" in told["read-arguments"]["title"]
    assert ("cap-threads" in told) == ((usable_processors() or 1) > 1)


@pytest.mark.slow
def test_the_labelling_run_that_was_put_right_is_told_none_of_it(features: Path) -> None:
    pytest.importorskip("deadpool", reason="needs deadpool-executor")
    report = profile(LABELS / "fixed.py", "--n-limit", "4000", "--workers", "2")

    assert report["verdict"] in ("no-leak", "cannot-tell")
    assert report["recommendations"] == []


@pytest.mark.slow
def test_the_sweep_is_named_with_its_rate(tmp_path: Path) -> None:
    report = profile(SWEEP / "leaking.py", "--out", str(tmp_path))

    worst = suspects(report)[0]
    per_fitter = constant_of(SWEEP, "fitter", "bytes_per_fitter")()
    assert report["verdict"] == "leak"
    assert "all_lam_results" in (owner_path(worst) or "")
    assert worst["bytes_per_iteration"] == pytest.approx(per_fitter * per_turn_of(report, "beta"), rel=0.1)


@pytest.mark.slow
def test_the_fixed_sweep_is_no_leak(tmp_path: Path) -> None:
    report = profile(SWEEP / "fixed.py", "--out", str(tmp_path))

    assert report["verdict"] in ("no-leak", "cannot-tell")
    assert not any(finding["verdict"] == "leak" for finding in report["findings"])
