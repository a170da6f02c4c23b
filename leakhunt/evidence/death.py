"""What a program died of, and how sure that is: `proven`, `probable` or `unknown`.

A pure function of `DeathFacts`. Exit code 137 or SIGKILL alone never means that memory ran out. What would
be proof of something else as well is at most probable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leakhunt.evidence.death_facts import DeathFacts, OomCounter, OwnIntent
from leakhunt.evidence.happening import Happening
from leakhunt.evidence.kernel_join import Joined, join_kernel_kills, same_group, within
from leakhunt.units import format_bytes

__all__ = ["Cause", "Certainty", "Death", "DeathFacts", "OomCounter", "OwnIntent", "judge_death"]

Certainty = Literal["proven", "probable", "unknown"]
Cause = Literal[
    "kernel-oom", "oom-daemon", "scheduler-kill", "own-limit", "killed-by-user", "terminated", "crashed",
    "exited", "supervisor-lost", "power-loss", "unknown",
]  # fmt: skip

_CRASHES = {
    "SIGSEGV": "a segmentation fault", "SIGABRT": "an abort", "SIGBUS": "a bus error (a mapped file that was "
    "cut, or a full /dev/shm)", "SIGFPE": "an arithmetic fault", "SIGILL": "an illegal instruction",
    "SIGSYS": "a forbidden system call", "SIGTRAP": "a trap",
}  # fmt: skip
#: A counter that was read this shortly before a death counts that death, not one of long ago.
_RECENT = 60.0
_KILLED_EXIT = 137


@dataclass(frozen=True, slots=True)
class Death:
    """A judgement: `words` is a sentence, `proof` the measurements and lines that it rests on."""

    certainty: Certainty
    cause: Cause
    words: str
    proof: tuple[str, ...] = ()


def judge_death(facts: DeathFacts) -> Death:
    """Return what the program died of; never more than the facts can carry."""
    if facts.alive:
        return Death("unknown", "unknown", "It was still running when this was written.")
    if facts.signal is not None:
        return _by_signal(facts, facts.signal)
    if facts.exit_code is not None:
        return _by_exit(facts, facts.exit_code)
    return _unseen(facts)


# ---- nobody waited for it -------------------------------------------------------------------


def _unseen(facts: DeathFacts) -> Death:
    """Judge a death whose wait status nobody has."""
    kernel = join_kernel_kills(facts)
    if kernel is not None and not kernel.child:
        return _kernel(kernel)
    if facts.exit_inside is not None:
        words = f"It announced its end with exit code {facts.exit_inside}; nobody saw it end."
        return Death("probable", "exited", words, (f"exit code {facts.exit_inside} in its own journal",))
    if _rebooted(facts):
        return Death(
            "probable", "power-loss",
            "The machine was restarted while it ran: a hang, a panic, a power cut or a reboot.",
            (f"boot {facts.boot_before} when last seen, {facts.boot_after} now",),
        )  # fmt: skip
    counted = _counted(facts)
    if counted is not None and counted.own:
        return Death("probable", "kernel-oom", _COUNTED, (_counter_words(counted),))
    if facts.supervisor_ended is False:
        proof = ["the supervisor's journal has no end in it"]
        if counted is not None:
            proof.append(_counter_words(counted))
        words = "The supervisor was gone before it could say how the program ended."
        return Death("probable", "supervisor-lost", words, tuple(proof))
    if facts.supervised is False:
        return Death("unknown", "unknown", "Nobody watched it end: start it with `leakhunt run`.")
    return Death("unknown", "unknown", "Nobody saw it end.")


def _rebooted(facts: DeathFacts) -> bool:
    return None not in (facts.boot_before, facts.boot_after) and facts.boot_before != facts.boot_after


# ---- it exited ------------------------------------------------------------------------------


def _by_exit(facts: DeathFacts, code: int) -> Death:
    """Judge a program that returned an exit code."""
    status = f"exit code {code}"
    intent = _intent(facts)
    if intent is not None and intent.pid is not None:
        words = f"leakhunt asked it to end ({intent.why}) and it did, with exit code {code}."
        return Death("proven", "own-limit", words, (f"intent before {intent.sent}: {intent.why}", status))
    if intent is not None:
        words = f"leakhunt asked the program to end ({intent.why}); it ended with exit code {code}."
        return Death("probable", "own-limit", words, (f"intent before {intent.sent}: {intent.why}", status))
    if code == 130 and "SIGINT" in facts.passed_on:
        return Death("proven", "killed-by-user", "It was interrupted (Ctrl-C).", (status, "SIGINT received"))
    if code == 143 and "SIGTERM" in facts.passed_on:
        words = "It was asked to end by SIGTERM and did."
        return Death("proven", "terminated", words, (status, "SIGTERM received and passed on"))
    kernel = join_kernel_kills(facts)
    if kernel is not None and kernel.child:
        child = f"after the kernel had killed its process {kernel.kill.pid} for memory"
        words = f"It ended by itself with exit code {code}, {child}."
        return Death("proven" if kernel.proven else "probable", "exited", words, (kernel.line, status))
    words = f"It ended by itself with exit code {code}."
    if facts.exception:
        words = f"It ended with {facts.exception}, exit code {code}."
    elif code == 0:
        words = "It ended by itself, with success."
    elif code == 75:
        words = "It yielded (exit code 75): it had braked too often in a row for want of memory."
    elif code == _KILLED_EXIT:
        words = (
            "It returned exit code 137, by which shells mean that something they started was killed by SIGKILL. "
            "By whom, or that memory ran out, does not follow from it."
        )
    elif code > 128:
        words += f" Shells mean by it that something they started was ended by signal {code - 128}."
    return Death("proven", "exited", words, (status,))


# ---- a signal ended it ----------------------------------------------------------------------


def _by_signal(facts: DeathFacts, name: str) -> Death:
    status = f"wait status: {name}"
    if name == "SIGKILL":
        return _killed(facts, status)
    if name in _CRASHES:
        if name == "SIGABRT" and facts.systemd_result == "watchdog":
            words = "systemd ended it by SIGABRT because it had missed its watchdog's deadline."
            return Death("proven", "terminated", words, (status, "systemd Result=watchdog"))
        return Death("proven", "crashed", f"It crashed: {_CRASHES[name]} ({name}).", (status,))
    intent = _intent(facts)
    if intent is not None and name == "SIGTERM":
        certainty: Certainty = "proven" if intent.pid is not None else "probable"
        words = f"leakhunt ended it: {intent.why}."
        return Death(certainty, "own-limit", words, (f"intent before {intent.sent}: {intent.why}", status))
    if name == "SIGINT":
        by = "SIGINT" in facts.passed_on
        words = (
            "It was interrupted (Ctrl-C)." if by else "It was interrupted by SIGINT, not through leakhunt."
        )
        return Death("proven" if by else "probable", "killed-by-user", words, (status,))
    other = _other_killer(facts, name)
    if other is not None:
        return other
    if name in facts.passed_on:
        words = f"It was asked to end by {name}, which leakhunt was sent and passed on."
        return Death("proven", "terminated", words, (status, f"{name} received and passed on"))
    if name.startswith("SIG"):
        words = f"It was ended by {name}, which did not come from leakhunt."
        return Death("proven", "terminated", words, (status,))
    return Death("unknown", "unknown", f"It was ended by {name}.", (status,))


_COUNTED = "The kernel killed for memory in its control group when it died."


def _killed(facts: DeathFacts, status: str) -> Death:
    """Judge a SIGKILL: who sent it?"""
    kernel = join_kernel_kills(facts)
    counted = _counted(facts)
    intent = _intent(facts, sent="SIGKILL")
    if kernel is not None and not kernel.child and kernel.proven:
        return _kernel(kernel, status)
    if intent is not None:
        # either may have come first where memory ran out as well
        sure = intent.pid is not None and kernel is None and counted is None
        proof = [f"intent before SIGKILL: {intent.why}", status]
        if counted is not None:
            proof.append(_counter_words(counted))
        words = f"leakhunt killed it: {intent.why}."
        return Death("proven" if sure else "probable", "own-limit", words, tuple(proof))
    if facts.user_killed and counted is None and kernel is None:
        words = "It was killed because the user asked for it (a third Ctrl-C)."
        return Death("proven", "killed-by-user", words, (status, "three times SIGINT received"))
    if kernel is not None and not kernel.child:
        return _kernel(kernel, status)
    other = _other_killer(facts, "SIGKILL")
    if other is not None:
        return other
    if counted is not None and counted.own:
        alone = not facts.tree_pids or (counted.since is not None and counted.since <= _RECENT)
        certainty: Certainty = "proven" if alone and not facts.user_killed else "probable"
        return Death(certainty, "kernel-oom", _COUNTED, (_counter_words(counted), status))
    if facts.systemd_result == "oom-kill":
        words = "systemd says that memory ran out in its unit."
        return Death("probable", "kernel-oom", words, ("systemd Result=oom-kill", status))
    if facts.user_killed:
        words = "It was killed when the user asked for it (a third Ctrl-C); memory ran out somewhere as well."
        return Death("probable", "killed-by-user", words, (status, "three times SIGINT received"))
    if counted is not None:
        where = "on this machine" if counted.source == "vmstat" else "in a control group that it shares"
        words = (
            f"The kernel killed for memory {where} when it died, and nobody else is known to have killed it."
        )
        return Death("probable", "kernel-oom", words, (_counter_words(counted), status))
    if _kernel_is_out(facts):
        quiet = [c for c in facts.counters if c.kills == 0]
        words = "Somebody killed it: not leakhunt, and the kernel killed nobody for memory meanwhile."
        return Death("probable", "killed-by-user", words, (status, *map(_counter_words, quiet)))
    words = "It was killed by SIGKILL. Who sent it is not known: that alone does not say that memory ran out."
    if facts.kernel_log_read is False:
        words += " The kernel's log may not be read here: ask who may (`journalctl -k`)."
    return Death("unknown", "unknown", words, (status,))


def _kernel(found: Joined, *more: str) -> Death:
    size = f", which had {format_bytes(found.kill.resident)} resident" if found.kill.resident else ""
    of = {"machine": " of the machine", "group": " of its control group", None: ""}[found.kill.scope]
    words = f"The kernel killed it for memory{of}: process {found.kill.pid} ({found.kill.comm}){size}."
    if not found.proven:
        words = (
            f"The kernel killed process {found.kill.pid} ({found.kill.comm}) for memory{of}; {found.doubt}."
        )
    return Death("proven" if found.proven else "probable", "kernel-oom", words, (found.line, *more))


def _intent(facts: DeathFacts, sent: str | None = None) -> OwnIntent | None:
    """Return the last time that leakhunt meant to end this program, not an earlier attempt of it."""
    for intent in reversed(facts.intents):
        if sent is not None and intent.sent != sent:
            continue
        if intent.pid is None or not facts.pids or intent.pid in facts.pids:
            return intent
    return None


def _counted(facts: DeathFacts) -> OomCounter | None:
    """Return the counter that tells most of those that rose: a group of its own before one that is shared."""
    rose = [counter for counter in facts.counters if counter.kills]
    if not rose:
        return None
    # the machine's count says nothing where the program's own group stood still: then another one was killed
    if (
        all(counter.source == "vmstat" for counter in rose)
        and any(counter.kills == 0 and _counts_ours(counter, facts) for counter in facts.counters)
        and not any(kill.scope == "machine" for kill in facts.kernel_kills)
    ):
        return None
    return min(rose, key=lambda counter: (counter.own is not True, counter.source == "vmstat"))


def _counts_ours(counter: OomCounter, facts: DeathFacts) -> bool:
    """Tell whether a kill of the program would have been counted here.

    Version 2 counts for all groups above as well; version 1, and the local count, only in the very group. In a
    container what looks like the innermost group may be another.
    """
    if counter.source in ("vmstat", "cgroup-v2"):
        return True
    return bool(counter.own) or same_group(counter.group, facts.groups)


def _kernel_is_out(facts: DeathFacts) -> bool:
    """Tell whether the kernel cannot have done it: somebody counted its kills, and there was none."""
    return any(counter.kills == 0 and _counts_ours(counter, facts) for counter in facts.counters)


def _counter_words(counter: OomCounter) -> str:
    where = (
        "/proc/vmstat" if counter.source == "vmstat" else f"{counter.source} {counter.group or ''}".strip()
    )
    return f"{where}: oom_kill {counter.before} before, {counter.after} after"


def _other_killer(facts: DeathFacts, name: str) -> Death | None:
    """Return what other killers say about this death, when their words fit it."""
    for said in facts.others:
        if said.kind not in {"oom-daemon", "scheduler-kill", "oom-report"}:
            continue
        if said.kind == "oom-report" and name != "SIGKILL":
            continue
        timed = within(said.wall, facts.died_wall) or within(said.boot, facts.died_boot)
        named = said.pid is not None and said.pid in facts.pids
        if said.pid is not None and not named and facts.pids and facts.pids_are_global is not False:
            continue  # it speaks of another process
        if not timed or _names_another_group(said, facts):
            continue
        cause: Cause = "oom-daemon" if said.kind == "oom-daemon" else "scheduler-kill"
        if said.kind == "oom-report":
            cause = "kernel-oom"
        sure = said.kind == "oom-daemon" and named and bool(facts.pids_are_global)
        words = f"{said.source} says: {said.text.strip()}"
        return Death("proven" if sure else "probable", cause, words, (said.text, f"wait status: {name}"))
    return None


def _names_another_group(said: Happening, facts: DeathFacts) -> bool:
    """Tell whether words are about a unit or a control group that is not the program's."""
    who = said.detail.get("who")
    if not isinstance(who, str) or not facts.groups or not who.endswith((".scope", ".service", ".slice")):
        return False
    unit = who.rstrip("/").rpartition("/")[2]
    return not any(unit in path.split("/") for path in facts.groups)
