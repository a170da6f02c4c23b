"""What changed between two iterations of one run, as frozen values: what `leakhunt diff` prints and writes.

Field for field what `leakhunt diff --json` holds. Unknown is None; a count or size that was not there is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from leakhunt.findings.diagnosis import Loss

TypesFrom = Literal["pympler", "census"]


@dataclass(frozen=True, slots=True)
class Moment:
    """The boundary after `iteration` completed turns; `label` has the loop variables of the last of them."""

    iteration: int
    label: str | None
    seconds: float | None
    rss: int | None
    in_use: int | None


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """A path of the heap: its items and all that hangs below it, before and after. `noise` says why it is harmless."""

    path: str
    type: str
    items_before: int | None
    items_after: int | None
    bytes_before: int
    bytes_after: int
    noise: str | None = None


@dataclass(frozen=True, slots=True)
class TypeChange:
    """Objects of one type, with their own sizes."""

    type: str
    count_before: int
    count_after: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class LineChange:
    """What one line of the program has allocated and not freed."""

    file: str
    line: int
    count_before: int
    count_after: int
    bytes_before: int
    bytes_after: int
    code: str | None = None


@dataclass(frozen=True, slots=True)
class ComparedLoop:
    """The loop whose iterations are compared."""

    id: str
    file: str
    line: int
    function: str
    variables: list[str]
    recorded: list[int]


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that changed from `before` to `after`, by owner, by type and by line, largest change first.

    `lines` are Python's own allocations (tracemalloc), `native_lines` all others (memray); None where they
    were not recorded.
    """

    leakhunt: str
    run: str
    target: str
    loop: ComparedLoop
    before: Moment
    after: Moment
    owners: list[OwnerChange]
    types: list[TypeChange]
    types_from: TypesFrom
    lines: list[LineChange] | None = None
    native_lines: list[LineChange] | None = None
    losses: list[Loss] = field(default_factory=list)
    format: int = 1
