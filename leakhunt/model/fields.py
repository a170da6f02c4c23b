"""Reads single fields of journal records: what is not of the expected sort is unknown, never an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from leakhunt.model.run import LossSeen

NAN = float("nan")


def loss_from(fields: Mapping[str, Any]) -> LossSeen:
    """Return the loss that a record's fields describe."""
    return LossSeen(str(fields.get("slug")), str(fields.get("what") or ""), whole(fields.get("count")))


def merged(losses: Iterable[LossSeen]) -> list[LossSeen]:
    """Return the losses with those of one slug and text joined, their counts added."""
    joined: dict[tuple[str, str], LossSeen] = {}
    for loss in losses:
        before = joined.get((loss.slug, loss.what))
        if before is not None:
            counts = [count for count in (before.count, loss.count) if count is not None]
            loss = LossSeen(loss.slug, loss.what, sum(counts) if counts else None)
        joined[loss.slug, loss.what] = loss
    return list(joined.values())


def number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else NAN


def number_or_none(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def whole(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and value == value and abs(value) < 2**63 else None


def text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def signal_name(value: Any) -> str | None:
    return None if value is None else str(value)


def without_ours(sample: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sample's fields less what leakhunt itself has of each by then (an `own` record)."""
    fields = dict(sample)
    for name, own in ours.items():
        level = fields.get(name)
        if isinstance(own, list) and isinstance(level, list):
            fields[name] = [_less(each, part) for each, part in zip(level, own, strict=False)]
        else:
            fields[name] = _less(level, own)
    return fields


def _less(level: Any, own: Any) -> Any:
    known = isinstance(level, (int, float)) and isinstance(own, (int, float))
    return max(0, level - own) if known else level
