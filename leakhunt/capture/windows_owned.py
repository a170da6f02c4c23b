"""Which part of a reading of the gauges is what a window took: what importing, recording and tracing hold."""

from __future__ import annotations

from typing import Any

#: The gauges of which windows take a part: their place in a reading, and which part of that.
OWNED: tuple[tuple[int, int | None], ...] = (
    (0, None), (1, None), (2, None), (3, None), (4, 0), (4, 1), (6, None), (7, None), (9, None),
)  # fmt: skip


def parts(gauges: tuple[Any, ...]) -> list[int | None]:
    """Return of a reading what OWNED names, in its order; None where it was not read."""
    padded = (*gauges, None)
    return [padded[at] if part is None else (padded[at][part] if padded[at] else None) for at, part in OWNED]


def added(owned: list[int], before: list[int | None], after: list[int | None]) -> list[int]:
    """Return what is ours after something of ours was done, with the target at rest."""
    changes = zip(owned, before, after, strict=True)
    return [own + (now - was if was is not None and now is not None else 0) for own, was, now in changes]
