"""One thing that happened, whoever told it: a kernel, a supervisor, a log that we never wrote.

The common value of the story. It judges nothing and knows no file format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: What a happening can be; a rule or a journal may add kinds of its own, which are then only told.
KINDS: Mapping[str, str] = {
    "boot": "the machine started",
    "shutdown": "the machine was shut down or restarted in an orderly way",
    "start": "a process or a service started",
    "restart": "a process was started again by another one",
    "stop": "a process or a service ended in an orderly way",
    "death": "a process was found dead",
    "kill": "somebody killed a process, or asked it to end",
    "kernel-oom": "the kernel killed a process for memory",
    "oom-daemon": "a daemon of user space killed a process for memory",
    "scheduler-kill": "a batch system or a cluster ended a process for memory",
    "oom-report": "somebody reports that memory ran out, without having done anything about it",
    "brake": "a program refused a piece of work for want of memory",
    "low-memory": "somebody warned that memory is short",
    "alive": "a process was seen alive",
    "memory": "a figure of memory was told, and nothing else",
    "done": "a piece of work was finished",
    "saved": "something was written down for good",
    "error": "a program failed with an error",
    "silence": "a source said nothing any more",
    "note": "anything else worth telling",
    "ignore": "nothing worth telling: such lines are left out",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened.

    `wall` is Unix seconds and `boot` seconds on the boot clock of the machine, each None where unknown.
    `kind` is a slug of `KINDS`, or one that a rule made up. `text` is said as it was found: data, never
    markup. `source` names who told it (a file's name, "kernel", "supervisor"). `bytes_` is the figure of
    memory that it is about. `detail` holds what else is known, by name.
    """

    wall: float | None
    boot: float | None
    kind: str
    text: str
    source: str
    pid: int | None = None
    bytes_: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
