"""The night of 951 brakes in small: braking alone deadlocks, braking and starting afresh gets everything done."""

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs optuna")

FIXTURE = Path(__file__).resolve().parent.parent.parent / "fixtures" / "training_trials"
TRIALS = 45


@pytest.fixture(scope="module")
def nights():
    sys.path.insert(0, str(FIXTURE))
    try:
        spec = importlib.util.spec_from_file_location("night", FIXTURE / "night.py")
        module = sys.modules["night"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found = list(module.nights(TRIALS, 300_000_000))
    finally:
        sys.path.remove(str(FIXTURE))
    if not found:
        pytest.skip("no memory control group can be made here")
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_with_the_brake_alone_workers_that_hold_the_memory_wait_for_each_other_for_ever(nights):
    alone = nights[0]

    assert all(done < TRIALS for done in alone.trials), alone.output
    assert alone.output.count("nothing gets any better") == 2
    assert alone.brakes >= 50
    assert alone.running == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_braking_and_starting_afresh_finishes_every_trial_and_keeps_the_machine_alive(nights):
    guarded = nights[1]

    assert guarded.trials == [TRIALS, TRIALS], guarded.output
    assert guarded.restarts >= 1
    assert guarded.lowest > guarded.floor
    assert guarded.running == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_fixed_program_needs_neither(nights):
    fixed = nights[2]

    assert fixed.trials == [TRIALS, TRIALS], fixed.output
    assert (fixed.brakes, fixed.restarts, fixed.running) == (0, 0, 0)
