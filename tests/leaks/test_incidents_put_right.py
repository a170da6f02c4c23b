"""The fixed programs of the incidents do what the broken ones did, and survive what these did not."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SWEEP = FIXTURES / "t3b_sweep"
LABELS = FIXTURES / "vacua_labels"
MOLECULES = FIXTURES / "molecule_batches"


def run(script: Path, *arguments: str, **environment: str) -> str:
    """Run a program to its end and return what it printed."""
    return subprocess.run(
        [sys.executable, script, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environment or None,
    ).stdout


def rows_of(file: Path) -> list[tuple[str, ...]]:
    """Return the rows of a table, columns and rows in alphabetical order; nothing of a file that is not there."""
    if not file.exists():
        return []
    with open(file, newline="") as stream:
        return sorted(tuple(value for _, value in sorted(row.items())) for row in csv.DictReader(stream))


def needed(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    needed("scipy")
    units, full, summary = "t3b_lambda_units.csv", "t3b_lambda_full_data.csv", "t3b_lambda_summary.csv"
    killed, quiet = tmp_path / "killed", tmp_path / "quiet"
    first = subprocess.Popen([sys.executable, SWEEP / "fixed.py", "--quick", "--out", killed], stdout=-3)
    deadline = time.monotonic() + 200
    while len(rows_of(killed / units)) < 25 and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    first.kill()
    first.wait()
    saved = rows_of(killed / units)

    run(SWEEP / "fixed.py", "--quick", "--out", str(killed))
    run(SWEEP / "fixed.py", "--quick", "--out", str(quiet))

    assert len(saved) >= 25
    assert set(saved) <= set(rows_of(killed / units))
    assert (len(rows_of(killed / full)), len(rows_of(killed / summary))) == (100, 10)
    assert rows_of(killed / full) == rows_of(quiet / full)
    assert rows_of(killed / summary) == rows_of(quiet / summary)


def test_molecules_on_a_pool_give_the_same_products(tmp_path: Path) -> None:
    needed("pyarrow", "deadpool")
    import pyarrow.parquet as pq

    found = {}
    for script in ("leaking.py", "fixed.py"):
        out = tmp_path / f"{script}.parquet"
        run(MOLECULES / script, "--run", "small", "--workers", "2", "--batch", "300", "--out", str(out))
        found[script] = sorted(map(str, pq.read_table(out).to_pylist()))

    assert len(found["fixed.py"]) == 3 * 300 * 3
    assert found["fixed.py"] == found["leaking.py"]


@pytest.mark.slow
def test_labels_from_a_pool_are_the_same_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed("pyarrow", "deadpool")
    found = {}
    for script in ("leaking.py", "fixed.py"):
        features = tmp_path / script / "ks_features.parquet"
        features.parent.mkdir()
        run(LABELS / "make_features.py", str(features))
        monkeypatch.setenv("VACUA_FEATURES", str(features))
        run(LABELS / script)
        found[script] = rows_of(features.with_name("toy_eft_stability.csv"))

    assert len(found["fixed.py"]) == 43_000
    assert found["fixed.py"] == found["leaking.py"]
