"""What came of repeating a subject: the diagnosis, and what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakhunt.findings.diagnosis import Diagnosis, Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer about one subject. `problem` is why it could not be repeated to the end, if so.

    `diagnosis` is None where nothing grew: then there is nothing to tell but the number of calls.
    `noise` is what malloc's level may move by without meaning anything, in bytes.
    """

    verdict: Verdict
    calls: int
    seconds: float
    reason: str
    diagnosis: Diagnosis | None = None
    problem: str | None = None
    noise: float | None = None
