"""The facts of a run for the head and the foot of a report: outcome, loops, cost, losses."""

from __future__ import annotations

import numpy as np

from leakhunt.analysis.primary import Choice
from leakhunt.findings import diagnosis as said
from leakhunt.findings.losses import explained
from leakhunt.model.run import LoopTrace, Run

_INTERRUPTS = frozenset({"SIGINT", "2"})
_SEGMENT_FEWEST = 3


def run_info(run: Run) -> said.RunInfo:
    """Return how the run went as a whole."""
    peaks = [
        run.exit.peak_rss if run.exit else None,
        int(np.nanmax(run.tree.tree_rss)) if np.isfinite(run.tree.tree_rss).any() else None,
    ]
    exit_code = run.exit.exit_code if run.exit else run.end.exit_code if run.end else None
    return said.RunInfo(
        id=run.id,
        target=run.target,
        argv=list(run.argv),
        started=run.started or 0.0,
        ended=run.ended,
        outcome=outcome_of(run),
        exit_code=exit_code,
        signal=run.exit.signal if run.exit else None,
        peak_rss=max((peak for peak in peaks if peak is not None), default=None),
        processes=_processes(run),
        python=run.python,
    )


def outcome_of(run: Run) -> said.Outcome:
    """Return how the target ended, as far as it was seen; never out-of-memory without the kernel's count."""
    if run.exit is None:
        return _outcome_from_inside(run)
    if run.exit.signal is not None and run.exit.signal not in ("0", ""):
        if run.exit.oom_kills and run.exit.signal == "SIGKILL":  # else it was another of its processes
            return "oom-killed"
        return "interrupted" if run.exit.signal in _INTERRUPTS else "killed"
    if run.exit.exit_code == 0:
        return "completed"
    if run.end is not None and (run.end.exception or "").startswith("KeyboardInterrupt"):
        return "interrupted"
    return "failed" if run.exit.exit_code is not None else "unknown"


def _outcome_from_inside(run: Run) -> said.Outcome:
    if run.end is None or run.end.how is None:
        return "unknown"
    if run.end.how == "completed":
        return "completed"
    if (run.end.exception or "").startswith("KeyboardInterrupt"):
        return "interrupted"
    if run.end.how == "system-exit":
        return "completed" if run.end.exit_code in (0, None) else "failed"
    return "failed"


def _processes(run: Run) -> int:
    most = int(np.nanmax(run.tree.processes)) if np.isfinite(run.tree.processes).any() else 0
    return max(most, len(run.processes), 1 if run.agent_seen or run.pid is not None else 0)


def loops_of(run: Run, primary: LoopTrace | None) -> list[said.Loop]:
    """Return the loops that were followed, outermost first."""
    return [
        said.Loop(
            id=loop.id,
            file=loop.file,
            line=loop.line,
            function=loop.function,
            variables=list(loop.variables),
            iterations=loop.iterations,
            total=loop.total,
            parent=loop.parent,
            primary=primary is not None and loop.id == primary.id,
            kind=loop.kind,
            seconds_per_iteration=loop.seconds_per_iteration,
        )
        for loop in run.loops.values()
    ]


def cost_of(run: Run) -> said.Cost:
    """Return what leakhunt cost the target; from its pauses when the target did not live to say."""
    pauses = [one.pause for one in run.checkpoints if one.pause is not None]
    if run.end is None:
        longest = max(pauses, default=None)
        return said.Cost(
            sum(pauses) if pauses else None, _share(sum(pauses) if pauses else None, run), None, longest
        )
    longest = run.end.longest_pause if run.end.longest_pause is not None else max(pauses, default=None)
    return said.Cost(run.end.cost_seconds, _share(run.end.cost_seconds, run), run.end.cost_bytes, longest)


def _share(seconds: float | None, run: Run) -> float | None:
    lasted = run.exit.seconds if run.exit and run.exit.seconds else run.seconds
    return None if seconds is None or not lasted else seconds / lasted


def losses_of(run: Run, choice: Choice) -> list[said.Loss]:
    """Return what was not seen, each with what to do about it."""
    losses = [explained(loss.slug, loss.what, loss.count) for loss in run.losses]
    if choice.loop is None:
        losses.insert(
            0,
            explained(
                "no-loop",
                "No loop of the program was followed, so memory was judged over time, not per iteration",
            ),
        )
    if choice.named is not None and (choice.loop is None or choice.reason.startswith("--loop")):
        losses.insert(0, explained("loop-not-found", choice.reason))
    arrived = sum(1 for one in run.checkpoints if one.arrived)
    known = {loss.slug for loss in losses}
    if choice.loop is not None and arrived < _SEGMENT_FEWEST and not known & {"census-lost", "census-failed"}:
        losses.append(
            explained("census-none", f"Only {arrived} heap censuses: who holds what grows may be unnamed")
        )
    return losses
