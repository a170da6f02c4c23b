"""The sweep that ran out of memory, where it really does: the kernel kills it, and it goes on where it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas
import pytest
from invariants import broken

FIXTURE = Path(__file__).resolve().parent.parent.parent / "fixtures" / "t3b_sweep"
#: Keeps every fitter as the incident's program did, but saves each result as soon as it has it.
PROGRAM = f"""
    import sys
    sys.path.insert(0, {str(FIXTURE)!r})
    from fitter import LeptonEnergyLocalized
    from leaking import BETAS, LAMBDAS, N_STARTS, POPSIZE
    import leakhunt

    fitters = []
    with leakhunt.Ledger("full.csv", key=("lam", "beta")) as ledger:
        for lam, beta in ledger.pending((lam, beta) for lam in LAMBDAS for beta in BETAS):
            fitter = LeptonEnergyLocalized(lam, beta)
            fitters.append(fitter)
            ledger.save(**fitter.fit(N_STARTS, 2, POPSIZE, 1), lam=lam, beta=beta)
        full = ledger.frame()
    full.loc[full.groupby("lam")["chi2"].idxmin()].to_csv("summary.csv", index=False)
"""
ORDER = ["lam", "beta"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sweep_in_too_small_a_machine_ends_with_the_rows_of_an_undisturbed_one(guarding, machine):
    group = machine(190_000_000)
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = guarding.run(PROGRAM, "--restarts", "3", preexec_fn=group.inside, env=one_thread)
    undisturbed = guarding.directory / "undisturbed"
    subprocess.run(
        [sys.executable, str(FIXTURE / "leaking.py"), "--quick", "--out", str(undisturbed)],
        check=True, capture_output=True, env=one_thread, timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    ends = [
        (record.fields["signal"], bool(record.fields["oom_kills"])) for record in guarding.journal.of("exit")
    ]
    assert len(ends) >= 2, done.stderr
    assert set(ends[:-1]) == {("SIGKILL", True)}
    assert ends[-1] == (None, False)
    assert broken(guarding.run_directory, oom=True) == []
    for ours, theirs, rows in (("full", "full_data", 100), ("summary", "summary", 10)):
        mine = pandas.read_csv(guarding.directory / f"{ours}.csv").sort_values(ORDER, ignore_index=True)
        expected = pandas.read_csv(undisturbed / f"t3b_lambda_{theirs}.csv").sort_values(
            ORDER, ignore_index=True
        )
        assert len(mine) == rows
        pandas.testing.assert_frame_equal(mine[sorted(mine)], expected[sorted(expected)], check_exact=True)
