"""Figures of memory over time, kept small: of a long series each stretch keeps what matters, never the mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from leakhunt.evidence.log_clock import Moment

MOST_POINTS = 2000
MOST_SERIES = 64


@dataclass(slots=True)
class Series:
    """One figure over time, bytes. Of two neighbours the higher is kept when thinned, the lower of what is left."""

    name: str
    keeps: Callable[[int, int], int] = max
    points: list[tuple[Moment, int]] = field(default_factory=list)
    _every: int = 1
    _pending: tuple[Moment, int] | None = None
    _merged: int = 0

    def add(self, moment: Moment, size: int) -> None:
        if self._pending is None:
            self._pending = (moment, size)
        else:
            self._pending = (self._pending[0], self.keeps(self._pending[1], size))
        self._merged += 1
        if self._merged >= self._every:
            self._flush()
        if len(self.points) > MOST_POINTS:
            self._halve()

    def close(self) -> None:
        self._flush()

    def _flush(self) -> None:
        if self._pending is not None:
            self.points.append(self._pending)
        self._pending, self._merged = None, 0

    def _halve(self) -> None:
        self._every *= 2
        pairs = zip(self.points[::2], self.points[1::2], strict=False)
        odd = self.points[-1:] if len(self.points) % 2 else []
        self.points = [(one[0], self.keeps(one[1], other[1])) for one, other in pairs] + odd


class AllSeries:
    """The series of one log, by name; ever new names are not kept."""

    def __init__(self) -> None:
        self._by_name: dict[str, Series] = {}

    def add(self, name: str, moment: Moment | None, size: int, *, left: bool = False) -> None:
        """Add a figure; `left` when it is what is available rather than what is used."""
        if moment is None:
            return
        series = self._by_name.get(name)
        if series is None:
            if len(self._by_name) >= MOST_SERIES:
                return
            series = self._by_name[name] = Series(name, min if left else max)
        series.add(moment, size)

    def close(self) -> list[Series]:
        """Return the series, each with all of its points."""
        for series in self._by_name.values():
            series.close()
        return list(self._by_name.values())
