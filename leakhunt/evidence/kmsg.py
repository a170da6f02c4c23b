"""Reads the kernel's own messages from /dev/kmsg, without waiting for any. Standard library only.

Needs a right that many users do not have (`kernel.dmesg_restrict`): then None, and others have to be asked.
"""

from __future__ import annotations

import os
import re
import time

from leakhunt.evidence.kernel_lines import WORDS, KernelLine
from leakhunt.host import boot_clock

DEVICE = "/dev/kmsg"
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")
#: No ring holds more messages; a device that never ends is not the kernel's.
_MOST = 200_000
_RECORD = 8192


def read_kmsg(device: str = DEVICE, *, since: float | None = None) -> list[KernelLine] | None:
    """Return the messages in the kernel's ring that are about kills, from `since` on the boot clock on.

    None where they may not be read.
    """
    asleep = _asleep()
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None
    found = []
    try:
        for _ in range(_MOST):
            try:
                record = os.read(descriptor, _RECORD)
            except BrokenPipeError:  # overwritten while it was read: go on with the oldest that is left
                continue
            except BlockingIOError:
                break
            if not record:
                break
            line = _line(record, asleep)
            if line is not None and (since is None or line.boot is None or line.boot >= since):
                found.append(line)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return found


def _asleep() -> float:
    """Return for how long the machine was suspended, in seconds: the kernel's clock does not count that."""
    return max(0.0, boot_clock() - time.monotonic())


def _line(record: bytes, asleep: float) -> KernelLine | None:
    """Return a record `priority,number,microseconds,flags;message\\n`, if the kernel tells of a kill in it."""
    head, _, message = record.partition(b";")
    text = message.partition(b"\n")[0]
    lowered = text.lower()
    if not any(word.encode() in lowered for word in WORDS):
        return None
    fields = head.split(b",")
    if not fields[0].isdigit() or int(fields[0]) >> 3 != 0:
        return None  # a program's own words, written to this device
    boot = int(fields[2]) / 1e6 + asleep if len(fields) > 2 and fields[2].isdigit() else None
    shown = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), text)
    return KernelLine(shown.decode("utf-8", "backslashreplace"), boot=boot)
