"""What the machine on which a story is told still knows of a run: its boot, the kernel log, the system's journal."""

from __future__ import annotations

from leakhunt.evidence.kernel_lines import parse_kills
from leakhunt.evidence.kmsg import read_kmsg
from leakhunt.evidence.system_log import SystemLog, read_system_log
from leakhunt.host import boot_id
from leakhunt.timeline.ending import Machine

#: A death is looked for in the journal from so many seconds before it was seen on.
_BEFORE = 30.0


def this_machine(*, ask_kernel: bool, died: float | None = None) -> Machine:
    """Return this machine; its kernel log is read only when somebody needs it.

    `died`: when the program was seen dead, Unix seconds, where the journal should be asked who killed it.
    """
    here = boot_id()
    ring = read_kmsg() if ask_kernel else None
    log = read_system_log(died - _BEFORE, died, boot_id=here) if died is not None else None
    lines = ring or list((log or SystemLog()).kernel)
    was_read = bool(lines) or ring is not None if ask_kernel else None
    return Machine(here, tuple(parse_kills(lines)), was_read, others=log.others if log is not None else ())
