"""Asks the system's journal what it says of one span of time: kills by the kernel, words of other killers.

For deaths whose kernel lines nobody could read when they happened: without the right to read the kernel's ring,
after a restart of the machine, or when a daemon or a batch system did it. Reads only; never raises.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from leakhunt.evidence.figures import size_in
from leakhunt.evidence.happening import Happening
from leakhunt.evidence.kernel_lines import WORDS, KernelLine
from leakhunt.evidence.rules import Rule, shipped_rules

#: Programs that kill for memory, or say that somebody did, by their names in the journal.
KILLERS = ("earlyoom", "systemd-oomd", "nohang", "slurmstepd", "slurmd", "kubelet", "raylet")
_KINDS = frozenset({"oom-daemon", "scheduler-kill", "oom-report"})
_FIELDS = "MESSAGE,_TRANSPORT,SYSLOG_IDENTIFIER,SYSLOG_FACILITY,_SOURCE_MONOTONIC_TIMESTAMP,_BOOT_ID,_PID"
#: Asking takes no longer than this, in seconds, and no more than so many bytes of answer are looked at.
PATIENCE = 10.0
_MOST = 20_000_000
#: Before and after the span, in seconds: clocks differ, and some write later.
_AROUND = 60.0


@dataclass(frozen=True, slots=True)
class SystemLog:
    """What the journal holds: the kernel's lines about kills, and what other killers said."""

    kernel: tuple[KernelLine, ...] = ()
    others: tuple[Happening, ...] = ()


def read_system_log(began: float, ended: float, *, boot_id: str | None = None) -> SystemLog | None:
    """Return what the journal says of the time from `began` to `ended` (Unix seconds).

    `boot_id` is the boot whose clock the caller counts by: lines of another boot have no time on it. None when
    there is no journal, or it may not be read.
    """
    terms = ["_TRANSPORT=kernel", "_PID=1", *(f"SYSLOG_IDENTIFIER={name}" for name in KILLERS)]
    command = [
        "journalctl", "--quiet", "--no-pager", "--output=json", f"--output-fields={_FIELDS}",
        f"--since=@{int(began - _AROUND)}", f"--until=@{int(ended + _AROUND) + 1}",
        *" + ".join(terms).split(),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE,
            env={**os.environ, "LC_ALL": "C"}, check=False,
        )  # fmt: skip
    except (OSError, ValueError, OverflowError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0 and not done.stdout:
        return None
    return parse_entries(done.stdout[:_MOST].splitlines(), boot_id=boot_id)


def parse_entries(lines: Iterable[bytes], *, boot_id: str | None = None) -> SystemLog:
    """Return what entries of the journal in JSON say; lines that are none say nothing."""
    kernel: list[KernelLine] = []
    others: list[Happening] = []
    rules = [rule for rule in shipped_rules() if rule.kind in _KINDS]
    for line in lines:
        entry = _entry(line)
        if entry is None:
            continue
        text = _message(entry.get("MESSAGE"))
        wall = _microseconds(entry.get("__REALTIME_TIMESTAMP"))
        if entry.get("_TRANSPORT") == "kernel":
            # what a program wrote to the kernel's log is not the kernel's word
            if str(entry.get("SYSLOG_FACILITY", "0")) == "0" and _about_kills(text):
                ours = boot_id is None or _same_boot(entry.get("_BOOT_ID"), boot_id)
                boot = _microseconds(entry.get("_SOURCE_MONOTONIC_TIMESTAMP")) if ours else None
                kernel.append(KernelLine(text, boot, wall))
            continue
        said = _said(text, str(entry.get("SYSLOG_IDENTIFIER", "")), wall, rules)
        if said is not None:
            others.append(said)
    return SystemLog(tuple(kernel), tuple(others))


def _entry(line: bytes) -> Mapping[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _message(value: object) -> str:
    """Return an entry's text; the journal writes bytes that are no text as a list of numbers."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, int) and 0 <= one < 256 for one in value):
        return bytes(value).decode("utf-8", "backslashreplace")
    return ""


def _about_kills(text: str) -> bool:
    lowered = text.lower()
    return any(word in lowered for word in WORDS)


def _said(text: str, program: str, wall: float | None, rules: Iterable[Rule]) -> Happening | None:
    lowered = text.lower()
    for rule in rules:
        parts = rule.match(text, lowered, program)
        if parts is None:
            continue
        pid, who = parts.get("pid", ""), parts.get("who")
        return Happening(
            wall,
            None,
            rule.kind,
            text,
            program or "journal",
            pid=int(pid) if pid.isdecimal() and len(pid) <= 10 else None,
            bytes_=size_in(parts["size"]) if "size" in parts else None,
            detail={"rule": rule.name} if who is None else {"rule": rule.name, "who": who},
        )
    return None


def _same_boot(journals: object, ours: str) -> bool:
    return isinstance(journals, str) and journals == ours.replace("-", "")


def _microseconds(value: object) -> float | None:
    text = str(value) if isinstance(value, (str, int)) else ""
    return int(text) / 1e6 if text.isdecimal() and len(text) <= 18 else None
