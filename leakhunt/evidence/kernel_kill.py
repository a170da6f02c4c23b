"""One kill by the kernel's out-of-memory killer, as a value: what its lines said, whichever kernel wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KernelKill:
    """A process that the kernel killed for want of memory. What a kernel did not say is None.

    `pid` counts in the initial PID namespace, whatever the container. `comm` is the first 15 bytes of the
    process's name. `scope`: the whole "machine" was out of memory, or a control "group" (`limit_group`, the
    one whose limit was reached; `task_group`, the one that the process was in). Sizes are bytes. `boot` is
    seconds on the kernel's clock, `wall` Unix seconds. `line` is the line that proves it. `killed` is False when
    only the kernel's choice was found and not the line that says that it was done.
    """

    pid: int
    comm: str
    line: str
    boot: float | None = None
    wall: float | None = None
    scope: Literal["machine", "group"] | None = None
    task_group: str | None = None
    limit_group: str | None = None
    constraint: str | None = None
    uid: int | None = None
    total_vm: int | None = None
    anon_rss: int | None = None
    file_rss: int | None = None
    shmem_rss: int | None = None
    page_tables: int | None = None
    oom_score: int | None = None
    oom_score_adj: int | None = None
    killed: bool = True

    @property
    def resident(self) -> int | None:
        """Return the resident set that the kernel found in bytes; None when it said nothing about it."""
        parts = [size for size in (self.anon_rss, self.file_rss, self.shmem_rss) if size is not None]
        return sum(parts) if parts else None
