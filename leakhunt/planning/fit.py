"""The model of a peak: a base, so much per worker, per unit that a worker runs, per unit that waits.

Fitted by least squares of the relative errors, with no negative part: memory is never given back by having
more of something. All subsets of the parts are tried, which for so few parts is exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.findings.plan import Term, Values

_WORKERS = ("worker", "job", "proc")
_IN_FLIGHT = ("flight", "prefetch", "pending", "queue", "backlog")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a model: what it is per, and how many of these a setting has."""

    what: str
    count: Callable[[Values], float]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Parts with their amounts: bytes of a peak, or seconds of an iteration."""

    parts: tuple[Part, ...]
    amounts: tuple[float, ...]

    def at(self, values: Values) -> float:
        """Return the model's value at a setting."""
        return sum(amount * part.count(values) for part, amount in zip(self.parts, self.amounts, strict=True))

    def terms(self) -> list[Term]:
        """Return the parts in bytes."""
        return [Term(part.what, round(amount)) for part, amount in zip(self.parts, self.amounts, strict=True)]


def parts_of_peak(names: Sequence[str]) -> tuple[Part, ...]:
    """Return the parts that a peak has when these options are varied."""
    parts = [Part("base", lambda _: 1.0)]
    workers, flying = _one_of(names, _WORKERS), _one_of(names, _IN_FLIGHT)
    for name in names:
        if workers is not None and flying is not None and name == flying:
            parts.append(Part("unit that a worker runs", _running(workers, flying)))
            parts.append(Part("unit that waits", _waiting(workers, flying)))
        else:
            parts.append(Part("worker" if name == workers else name, _value(name)))
    return tuple(parts)


def parts_of_time(names: Sequence[str], processors: int) -> tuple[Part, ...]:
    """Return the parts that the seconds of an iteration have: some are shared by those that compute at once."""
    parts = [Part("alone", lambda _: 1.0)]
    workers, flying = _one_of(names, _WORKERS), _one_of(names, _IN_FLIGHT)
    if workers is not None or flying is not None:
        at_once = [name for name in (workers, flying) if name is not None]
        parts.append(
            Part(
                "shared", lambda values: 1.0 / max(1.0, min(processors, *(values[name] for name in at_once)))
            )
        )
    for name in names:
        if name not in (workers, flying):
            parts.append(Part(name, _value(name)))
            parts.append(Part(f"1 / {name}", _inverse(name)))
    return tuple(parts)


def fit(parts: tuple[Part, ...], settings: Sequence[Values], measured: Sequence[float]) -> Fitted:
    """Return the amounts, none negative, with the smallest sum of squared relative errors."""
    target = np.asarray(measured, dtype=np.float64)
    rows = np.array([[part.count(values) for part in parts] for values in settings], dtype=np.float64)
    rows, wanted = rows / target[:, None], np.ones(len(target))
    best: tuple[float, npt.NDArray[np.float64]] | None = None
    for size in range(1, len(parts) + 1):
        for chosen in itertools.combinations(range(len(parts)), size):
            some = rows[:, chosen]
            amounts, _, rank, _ = np.linalg.lstsq(some, wanted, rcond=None)
            if rank < size or (amounts < 0).any():
                continue
            error = float(((some @ amounts - wanted) ** 2).sum())
            if best is None or error < best[0] - 1e-12:
                whole = np.zeros(len(parts))
                whole[list(chosen)] = amounts
                best = error, whole
    assert best is not None  # one part alone always fits
    return Fitted(parts, tuple(map(float, best[1])))


def _one_of(names: Sequence[str], words: Sequence[str]) -> str | None:
    return next((name for name in names if any(word in name.lower() for word in words)), None)


def _value(name: str) -> Callable[[Values], float]:
    return lambda values: values[name]


def _inverse(name: str) -> Callable[[Values], float]:
    return lambda values: 1.0 / max(values[name], 1e-9)


def _running(workers: str, flying: str) -> Callable[[Values], float]:
    return lambda values: min(values[workers], values[flying])


def _waiting(workers: str, flying: str) -> Callable[[Values], float]:
    return lambda values: max(0.0, values[flying] - values[workers])
