"""What must hold after every disturbance of a guarded run, read from its journal and its ledger.

I1 no unit is lost · I2 none is saved twice, every checksum fits · I3 every death has an end in the journal,
or a supervisor that began anew · I4 nothing outlives the run · I5 memory never fell under the kill floor ·
I6 nobody waits for ever (the tests' own time limits) · I7 after going on the results are those of an
undisturbed run · I8 a death is called out of memory only with the kernel's word for it.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from leakhunt.guard.lineage import marked
from leakhunt.journal.reader import read_journal
from leakhunt.protect.ledger import Ledger


def broken(
    run: Path,
    *,
    ledger: Path | None = None,
    units: Sequence[object] = (),
    key: str = "seed",
    oom: bool = False,
) -> list[str]:
    """Return the invariants that do not hold for a run that is over.

    With `ledger`, the `units` are what it must hold in the end; `oom` says that the kernel did kill.
    """
    wrong = [] if ledger is None else _ledger(ledger, units, key)
    journal = read_journal(run / "supervisor.jsonl")
    open_starts: Counter[int] = Counter()
    intents: Counter[int] = Counter()
    floor = None
    for record in journal.records:
        copy = record.fields.get("copy") or 1
        if record.kind == "header":
            open_starts.clear()  # the supervisor died: the gap is its death
        elif record.kind == "bounds" and record.fields["min_available"]:
            floor = record.fields["min_available"] // 2
        elif record.kind == "start":
            open_starts[copy] += 1
            intents[copy] = 0
        elif record.kind == "intent":
            intents[copy] += 1
        elif record.kind == "kill" and not intents[copy]:
            wrong.append("I3: killed without an intent")
        elif record.kind == "exit":
            open_starts[copy] -= 1
            if record.fields["oom_kills"] and not oom:
                wrong.append("I8: out of memory was claimed")
        elif record.kind == "tree" and floor is not None and (record.fields["available"] or floor) < floor:
            wrong.append(f"I5: {record.fields['available']} available, {floor} is the floor")
    wrong += [f"I3: copy {copy} has no end" for copy, count in open_starts.items() if count]
    wrong += [f"I4: {pid} lives on" for pid, directory in marked().items() if directory == run]
    wrong += [f"I4: {path.name} is left" for path in run.glob("*.reserve")]
    return wrong


def _ledger(path: Path, units: Sequence[object], key: str) -> list[str]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with Ledger(path, key=key) as ledger:
            saved = Counter(row[key] for row in ledger.rows())
    wrong = [f"I2: {one.message}" for one in said]
    wrong += [f"I2: {unit} was saved {times} times" for unit, times in saved.items() if times > 1]
    wrong += [f"I1: {unit} was lost" for unit in units if unit not in saved]
    wrong += [f"I7: {unit} is no result of an undisturbed run" for unit in saved if unit not in units]
    return wrong
