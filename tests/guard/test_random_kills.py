"""A hundred kills of anything at any moment, and the results of a run that nobody disturbed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time

import pytest
from guarding import wait_until
from invariants import broken

UNITS = 3000
PROGRAM = f"""
    import subprocess, sys, time
    import leakhunt
    workers = [
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=new)
        for new in (False, True)
    ]
    with leakhunt.Ledger("results.csv", key="seed") as ledger:
        for seed in ledger.pending(range({UNITS})):
            time.sleep(0.004)
            ledger.save(seed=seed, square=seed * seed)
    for worker in workers:
        worker.kill()
        worker.wait()
"""
VICTIMS = ("program", "supervisor", "keeper", "worker", "all")


def below(pid):
    """Return the pids below a process."""
    found = []
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as stream:
        for child in map(int, stream.read().split()):
            found += [child, *below(child)]
    return found


def choose(chance, supervisor):
    """Return the pids of a victim, in the order in which they go."""
    direct = []
    with contextlib.suppress(OSError), open(f"/proc/{supervisor}/task/{supervisor}/children") as stream:
        direct = list(map(int, stream.read().split()))
    everything = [supervisor, *below(supervisor)]
    victim = chance.choice(VICTIMS)
    if victim == "all":
        chance.shuffle(everything)
        return everything
    if victim == "supervisor":
        return [supervisor]
    if victim == "worker":
        return [pid for pid in below(supervisor) if pid not in direct][:1]
    return direct[:1] if victim == "keeper" else direct[1:2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_after_a_hundred_random_kills_the_results_are_those_of_an_undisturbed_run(guarding):
    chance = random.Random(10)
    process = guarding.start(PROGRAM, "--restarts", "500")
    wait_until((guarding.directory / "results.csv").exists)  # before that there is no run to go on with
    kills = 0
    while kills < 100:
        time.sleep(chance.uniform(0.0, 0.7))
        if process.poll() is not None:
            if process.returncode == 0:
                break  # faster than the kills
            process = guarding.process = guarding.resume_in_background()
            continue
        for pid in choose(chance, process.pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            kills += 1
    if process.poll() is None:
        process.kill()
        process.wait()
    done = guarding.resume()

    assert kills >= 90
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not below(process.pid))
    assert (guarding.directory / "results.csv").read_text().split() == [
        "seed,square", *(f"{seed},{seed * seed}" for seed in range(UNITS))
    ]  # fmt: skip
    assert broken(guarding.run_directory, ledger=guarding.directory / "results.csv", units=range(UNITS)) == []
