"""Whether a kill that the kernel wrote down is the death in question: by PID, by control group, by time."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.evidence.death_facts import DeathFacts, Span
from leakhunt.evidence.kernel_kill import KernelKill

#: Seconds by which the kernel's clock and a log's may be off from ours.
SLACK = 5.0
#: The kernel's own clock drifts over weeks; no PID comes round again within this time.
PID_SLACK = 30.0


@dataclass(frozen=True, slots=True)
class Joined:
    """A kill that fits: `child` when it was a descendant, `doubt` says what is missing for a proof."""

    kill: KernelKill
    child: bool
    doubt: str | None

    @property
    def proven(self) -> bool:
        return self.doubt is None

    @property
    def line(self) -> str:
        return f"kernel: {self.kill.line.strip()}"


def join_kernel_kills(facts: DeathFacts) -> Joined | None:
    """Return the kernel's kill that fits the death best, a proof before a likelihood; None when none fits."""
    fitting = [joined for kill in facts.kernel_kills if (joined := _joined(kill, facts)) is not None]
    return min(fitting, key=lambda one: (not one.proven, one.child), default=None)


def within(instant: float | None, span: Span | None, slack: float = SLACK) -> bool:
    """Tell whether an instant is known to lie in a span."""
    return instant is not None and span is not None and span[0] - slack <= instant <= span[1] + slack


def same_group(kernels: str | None, ours: tuple[str, ...]) -> bool:
    """Tell whether the kernel's path of a control group is one of ours, which a namespace may have cut short."""
    if not kernels or kernels == "/":
        return False
    for path in ours:
        tail = path.strip("/")
        if tail and (kernels.strip("/") == tail or kernels.endswith(f"/{tail}")):
            return True
    return False


def _joined(kill: KernelKill, facts: DeathFacts) -> Joined | None:
    named = facts.pids_are_global is not False and kill.pid in (*facts.pids, *facts.tree_pids)
    timed = _timed(kill, facts, PID_SLACK if named else SLACK)
    if timed is False:
        return None
    late = None if timed else "when that was is not known"
    if not kill.killed:
        late = "its line says that the kernel chose it, not that it was done"
    if facts.pids_are_global is not False:
        for pids, child in ((facts.pids, False), (facts.tree_pids, True)):
            if kill.pid in pids:
                return Joined(kill, child, late or _doubt_of_pid(kill, facts))
        if facts.pids_are_global and facts.pids:
            return None  # it was another process, whatever its group
    if not same_group(kill.task_group, facts.groups):
        if facts.pids_are_global is False and not _names_a_group(facts) and timed and _same_comm(kill, facts):
            return Joined(
                kill, False, late or "neither its PID nor its control group can be compared from here"
            )
        return None
    if facts.group_is_own or _same_comm(kill, facts):
        return Joined(kill, False, late)
    return Joined(kill, False, late or "it was in the same control group and may have been another process")


def _timed(kill: KernelKill, facts: DeathFacts, slack: float) -> bool | None:
    """Tell whether the kill happened when the program died; None when that cannot be compared."""
    compared = [
        within(instant, span, slack)
        for instant, span in ((kill.boot, facts.died_boot), (kill.wall, facts.died_wall))
        if instant is not None and span is not None
    ]
    return any(compared) if compared else None


def _names_a_group(facts: DeathFacts) -> bool:
    """Tell whether the program's control group is known by a name: a namespace may show it as the root."""
    return any(path.strip("/") for path in facts.groups)


def _same_comm(kill: KernelKill, facts: DeathFacts) -> bool:
    return facts.comm is not None and kill.comm == facts.comm[:15]


def _doubt_of_pid(kill: KernelKill, facts: DeathFacts) -> str | None:
    if facts.pids_are_global or same_group(kill.task_group, facts.groups):
        return None
    return "whether its PID counts in the same namespace as ours is not known"
