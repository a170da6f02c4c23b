"""What may go wrong before anything has run: about the machine, about a plan, about a script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from leakhunt.findings.diagnosis import Where

#: unsafe: the run is likely to lose its work or take the machine with it. risky: it costs memory or time,
#: or may go wrong. note: worth knowing.
Severity = Literal["unsafe", "risky", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that may go wrong: `what`, the `figure` that shows it, `why` it matters, what to `do`.

    `code` is the change as code, `where` the place it belongs to; both for scripts only.
    """

    slug: str
    severity: Severity
    what: str
    figure: str
    do: str
    why: str = ""
    code: str = ""
    where: Where | None = None


def worst_first(concerns: Iterable[Concern]) -> list[Concern]:
    """Return the concerns by severity, those of a script by their lines."""
    return sorted(
        concerns,
        key=lambda one: (
            SEVERITIES.index(one.severity),
            one.where is None,
            one.where.line if one.where else 0,
        ),
    )


def is_safe(concerns: Iterable[Concern]) -> bool:
    """Tell whether none of the concerns is a reason not to start."""
    return all(one.severity != "unsafe" for one in concerns)
