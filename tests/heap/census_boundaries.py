"""What the test programs call at the end of each turn: a census every few turns, waited for."""

import json
import os
import time

from leakhunt.capture.gauges import Gauges
from leakhunt.capture.heap.checkpoint import start_checkpoint
from leakhunt.capture.heap.resolve import resolve
from leakhunt.capture.heap.roots import Project
from leakhunt.capture.heap.safety import fork_is_safe
from leakhunt.census.format import load_suspects

OUT = os.environ.get("CENSUS_DIRECTORY", "")
EVERY = int(os.environ.get("CENSUS_EVERY", "8"))
INLINE = os.environ.get("CENSUS_INLINE") == "1"
gauges = Gauges()
taken = []
kept = []
#: A census computes and the program waits for it: threads that would be in its way may stand back.
waiting = False


def boundary(turns):
    global waiting
    if turns % EVERY:
        return
    path = os.path.join(OUT, f"{len(taken) + 1:04d}.json")
    checkpoint = start_checkpoint(
        out_path=path, number=len(taken) + 1, loop="loop", turns=turns, previous=list(taken),
        project_root=os.path.dirname(OUT), inline=INLINE, in_use=gauges.in_use(),
    )  # fmt: skip
    assert checkpoint is not None
    kept.append({"how": checkpoint.how, "pid": checkpoint.pid, "reason": checkpoint.reason})
    taken.append(path)
    waiting = True
    deadline = time.time() + 30
    while not os.path.exists(path) and time.time() < deadline:
        time.sleep(0.005)
    if checkpoint.how == "fork":
        while runs(checkpoint.pid) and time.time() < deadline:
            time.sleep(0.005)
    waiting = False


def runs(pid):
    """Tell whether the copy still works. One that has ended may wait seconds for init to reap it."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# what is made once is there before the first turn
Project.at(os.path.dirname(OUT))
fork_is_safe()


def resolved_lengths():
    """Suspect path -> length of the live container, for the last suspects."""
    found = {}
    for suspect in load_suspects(taken[-1] + ".suspects.json"):
        live = resolve(suspect)
        try:
            found[suspect.path] = None if live is None else len(live)
        except (TypeError, RuntimeError):
            found[suspect.path] = -1
    return found


def report(**more):
    with open(os.path.join(OUT, "report.json"), "w") as file:
        json.dump({"checkpoints": kept, "resolved": resolved_lengths(), **more}, file)
