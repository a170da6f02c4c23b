"""How the run ended: gathers what every witness left behind and has `evidence` judge it.

The supervisor wrote down what it saw at the death. Where it had no time to, the kernel log and the counters
of this machine are asked now, as long as it was not restarted since.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leakhunt.evidence.death import Death, DeathFacts, OomCounter, OwnIntent, judge_death
from leakhunt.evidence.happening import Happening
from leakhunt.evidence.kernel_kill import KernelKill
from leakhunt.evidence.kernel_lines import KernelLine, parse_kills
from leakhunt.findings.timeline import CauseOfDeath
from leakhunt.model.run import Run
from leakhunt.timeline.journals import Told
from leakhunt.units import format_bytes

#: A supervisor that is gone took its program with it: it died at most this long after its last record.
_LAST_SIGN = 30.0
_SOURCES = ("cgroup-v2-local", "cgroup-v2", "cgroup-v1", "vmstat")


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine on which the story is told: its boot, and what its kernel says of kills since then.

    Kills of earlier boots have no time on the boot clock. `others` is what other killers said in its journal.
    `utc_offset`: seconds by which its time of day is ahead of UTC; None: that of this machine.
    """

    boot_id: str | None = None
    kills: tuple[KernelKill, ...] = ()
    kernel_log_read: bool | None = None
    utc_offset: int | None = None
    others: tuple[Happening, ...] = ()


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """The records of the last time that the program was started, and when it was last seen, on the boot clock."""

    told: list[Told]
    last_sign: float | None
    exit: Told | None

    @property
    def died(self) -> float | None:
        """The instant at which it was seen dead, or was last seen alive."""
        return self.exit.boot if self.exit is not None else self.last_sign

    @property
    def may_have_been_killed(self) -> bool:
        """Tell whether somebody else may know who ended it."""
        return self.exit is None or self.exit.fields.get("signal") in ("SIGKILL", "SIGTERM")

    def of(self, *kinds: str) -> list[Told]:
        return [one for one in self.told if one.kind in kinds]


def last_attempt(told: list[Told], last_sign: float | None) -> LastAttempt:
    """Return the last attempt, of several copies that of the last to end.

    `last_sign` is the instant of the last measurement of any kind.
    """
    starts = [at for at, one in enumerate(told) if one.kind == "start"]
    exits = [at for at, one in enumerate(told) if one.kind == "exit"]
    copy = None
    if starts:
        decisive = exits[-1] if exits and exits[-1] > starts[-1] else starts[-1]
        copy = told[decisive].fields.get("copy")
    begun = max((at for at in starts if told[at].fields.get("copy") == copy), default=0)
    records = [one for one in told[begun:] if copy is None or one.fields.get("copy") in (None, copy)]
    ended = next((one for one in reversed(records) if one.kind == "exit"), None)
    signs = [one.boot for one in records if one.kind in ("unit", "brake", "checkpoint", "start", "process")]
    if last_sign is not None:
        signs.append(last_sign)
    before = [sign for sign in signs if ended is None or sign <= ended.boot]
    return LastAttempt(records, max(before, default=None), ended)


def facts_of(
    run: Run, told: list[Told], attempt: LastAttempt, machine: Machine, *, alive: bool
) -> DeathFacts:
    """Return what is known about the death in the last attempt."""
    header = next((one for one in told if one.kind == "header" and one.source == "supervisor.jsonl"), None)
    fields = header.fields if header is not None else {}
    seen = [one.fields for one in attempt.of("witness")]
    start, end = _moment(seen, "start"), _moment(seen, "end")
    pid = next((one.fields.get("pid") for one in attempt.of("start")), None) or run.pid
    pids = tuple(dict.fromkeys(_whole_list(start.get("pids")) + ([pid] if isinstance(pid, int) else [])))
    ended = attempt.exit.fields if attempt.exit is not None else {}
    kills, was_read = _kernel(end, fields.get("boot_id"), machine)
    census_pids = {one.fields.get("pid") for one in told if one.kind == "checkpoint"}
    children = {one.fields.get("pid") for one in attempt.of("process") if one.fields.get("role") != "main"}
    signals = [str(one.fields.get("name")) for one in attempt.of("signal")]
    boot_before = fields.get("boot_id")
    return DeathFacts(
        exit_code=_whole(ended.get("exit_code")),
        signal=str(ended["signal"]) if ended.get("signal") is not None else None,
        exit_inside=run.end.exit_code if run.end is not None else None,
        exception=run.end.exception if run.end is not None else None,
        alive=alive,
        pids=pids,
        tree_pids=tuple(sorted(one for one in children if isinstance(one, int) and one not in census_pids)),
        pids_are_global=_flag(start.get("pids_are_global")),
        comm=start.get("comm") if isinstance(start.get("comm"), str) else None,
        groups=tuple(str(one) for one in start.get("groups") or []),
        group_is_own=_flag(start.get("group_is_own")),
        died_wall=_span(attempt, told, wall=True),
        died_boot=_span(attempt, told, wall=False),
        intents=tuple(_intents(attempt)),
        passed_on=tuple(dict.fromkeys(signals)),
        user_killed=_user_killed(signals),
        kernel_kills=tuple(kills),
        kernel_log_read=was_read,
        # which kills were others' shows only where PIDs can be compared
        counters=tuple(_counters(end, kills, pids if _flag(start.get("pids_are_global")) else ())),
        boot_before=boot_before if isinstance(boot_before, str) else None,
        boot_after=machine.boot_id,
        others=machine.others,
        supervised=header is not None,
        supervisor_ended=attempt.exit is not None if header is not None else None,
    )


def judged(facts: DeathFacts, attempt: LastAttempt, wall: float | None) -> CauseOfDeath:
    """Return the cause of death as it is told."""
    death: Death = judge_death(facts)
    cause, words = death.cause, death.words
    size = _own_hard_limit(facts, attempt)
    if cause == "kernel-oom" and size is not None:
        cause, words = "own-limit", f"The kernel killed it at the hard limit that leakhunt had set: {size}."
    return CauseOfDeath(death.certainty, cause, words, list(death.proof), wall)


def _own_hard_limit(facts: DeathFacts, attempt: LastAttempt) -> str | None:
    """Return the size of the control group that leakhunt made, when it was that which was full."""
    limits = [
        one.fields for one in attempt.of("hard-limit") if str(one.fields.get("what")).startswith("cgroup")
    ]
    path, size = (limits[-1].get("path"), _whole(limits[-1].get("size"))) if limits else (None, None)
    if not isinstance(path, str) or size is None:
        return None
    name = os.path.basename(path)
    named = any(
        name and name in (kill.limit_group or "") for kill in facts.kernel_kills if kill.pid in facts.pids
    )
    counted = any(counter.own and counter.kills for counter in facts.counters)
    return format_bytes(size) if named or counted else None


def _moment(seen: Sequence[dict[str, Any]], moment: str) -> dict[str, Any]:
    return next((one for one in reversed(seen) if one.get("moment") == moment), {})


def _kernel(end: dict[str, Any], boot_id: Any, machine: Machine) -> tuple[list[KernelKill], bool | None]:
    """Return the kernel's kills as the supervisor copied them, or as this machine still tells them."""
    if end and (end.get("kernel_read") or not machine.kills):
        lines = end.get("kernel_lines")
        kept = [
            KernelLine(str(one[1]), boot=float(one[0]) if _is_number(one[0]) else None)
            for one in (lines if isinstance(lines, list) else [])
            if isinstance(one, list) and len(one) >= 2
        ]
        return parse_kills(kept), _flag(end.get("kernel_read"))
    if boot_id is not None and boot_id == machine.boot_id:
        return list(machine.kills), machine.kernel_log_read
    # another boot's clock begins anew
    return [kill for kill in machine.kills if kill.boot is None and kill.wall is not None], None


def _counters(end: dict[str, Any], kills: list[KernelKill], pids: tuple[int, ...]) -> list[OomCounter]:
    """Return the counters; kills that the kernel log shows to have been others' are not counted."""
    found = []
    given = end.get("counters")
    for one in given if isinstance(given, list) else []:
        if not isinstance(one, list) or len(one) < 6 or one[0] not in _SOURCES:
            continue
        source, group, own, before, after, since = one[:6]
        since = float(since) if _is_number(since) else None
        before, after = _whole(before), _whole(after)
        if before is not None and after is not None:
            # what is known to have hit others counts as if it had been before
            before = min(after, before + _others(kills, pids, end, since))
        found.append(
            OomCounter(
                source, _whole(before), after, group if isinstance(group, str) else None, _flag(own), since
            )
        )
    return found


def _others(kills: list[KernelKill], pids: tuple[int, ...], end: dict[str, Any], since: float | None) -> int:
    """Count the kills between the two readings that hit another process than ours: censuses, neighbours."""
    last = end.get("boot")
    if since is None or not isinstance(last, (int, float)) or not pids:
        return 0
    others = [kill.boot for kill in kills if kill.pid not in pids and kill.boot is not None]
    return sum(1 for boot in others if last - since <= boot <= last)


def _intents(attempt: LastAttempt) -> list[OwnIntent]:
    found = []
    for one in attempt.of("intent", "kill"):
        if one.kind == "intent":
            pid = one.fields.get("pid")
            found.append(
                OwnIntent(str(one.fields.get("what") or one.fields.get("why")), "SIGTERM",
                          pid if isinstance(pid, int) else None, one.wall)
            )  # fmt: skip
            continue
        asked = next((known.why for known in reversed(found) if known.sent == "SIGTERM"), None)
        why = {"grace": "its grace was over", "floor": "memory was running out"}.get(
            str(one.fields.get("why")), ""
        )
        for pid in _whole_list(one.fields.get("pids")):
            found.append(OwnIntent(", ".join(filter(None, (asked, why))), "SIGKILL", pid, one.wall))
    return found


def _user_killed(signals: list[str]) -> bool:
    """Tell whether the user made the supervisor kill: by the third Ctrl-C."""
    return signals.count("SIGINT") >= 3


def _span(attempt: LastAttempt, told: list[Told], *, wall: bool) -> tuple[float, float] | None:
    """Return from when to when it died, on the boot clock or the wall clock."""
    ended = attempt.exit.boot if attempt.exit is not None else None
    first = attempt.last_sign if attempt.last_sign is not None else ended
    if first is None:
        return None
    last = ended if ended is not None else first + _LAST_SIGN
    if not wall:
        return first, last
    offset = next((one.wall - one.boot for one in reversed(told) if one.wall is not None), None)
    return None if offset is None else (first + offset, last + offset)


def _whole_list(value: Any) -> list[int]:
    return [one for one in value if type(one) is int] if isinstance(value, list) else []


def _whole(value: Any) -> int | None:
    return int(value) if _is_number(value) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and value == value
