"""What a bounded pool of workers writes down, as events: its window, replaced workers, units tried again."""

from __future__ import annotations

from typing import Any

from leakhunt.findings.timeline import Event
from leakhunt.units import format_bytes, format_count

Fields = dict[str, Any]
Said = tuple[str, int | None]

_WHY = {
    "room": "there is room for more",
    "no-room": "there is no room for more",
    "over-target": "more memory is used than was meant",
    "worker-died": "a worker died",
    "brake": "a unit met the brake",
    "tasks": "it had done its number of units",
    "resident": "it had grown too large",
    "yielded": "it had braked too often",
    "exit": "it was gone",
}


def _pool(fields: Fields) -> Said:
    most = fields.get("max_in_flight")
    window = (
        f"at most {most} units in flight" if type(most) is int else "as many units in flight as memory allows"
    )
    return f"pool of {fields.get('workers')} workers began ({fields.get('backend')}), {window}", None


def _window(fields: Fields) -> Said:
    return f"pool: {fields.get('window')} units in flight from here on, {_why(fields)}", _size(
        fields.get("used")
    )


def _recycle(fields: Fields) -> Said:
    size = _size(fields.get("resident"))
    had = f" with {format_bytes(size)}" if size is not None else ""
    return f"pool: worker {fields.get('pid')} replaced{had}, {_why(fields)}", size


def _retry(fields: Fields) -> Said:
    return (
        f"pool: unit {fields.get('unit')} is begun again ({fields.get('times')}): {fields.get('cause')}",
        None,
    )


def _quarantine(fields: Fields) -> Said:
    causes = fields.get("causes")
    listed = "; ".join(map(str, causes)) if isinstance(causes, list) else str(causes)
    return f"pool: unit {fields.get('unit')} was given up: {listed}", None


def _intent(fields: Fields) -> Said:
    what = f"leakhunt ends worker {fields.get('pid')} in the midst of unit {fields.get('unit')}: {fields.get('what')}"
    return what, _size(fields.get("resident"))


def _many_windows(count: int, first: Event, last: Event) -> str:
    return f"pool: its window was changed {format_count(count)} times, at last to {last.text.removeprefix('pool: ')}"


def _many_recycled(count: int, first: Event, last: Event) -> str:
    return f"pool: {format_count(count)} workers replaced, {first.text.rpartition(', ')[2]}"


def _many_retries(count: int, first: Event, last: Event) -> str:
    return (
        f"pool: units begun again {format_count(count)} times, the last: {last.text.removeprefix('pool: ')}"
    )


RULES = {
    "pool": _pool,
    "pool-window": _window,
    "recycle": _recycle,
    "retry": _retry,
    "quarantine": _quarantine,
    "pool-intent": _intent,
}
#: What each is drawn as.
KINDS = {"pool": "process", "pool-window": "process", "recycle": "process", "retry": "process", "quarantine": "kill",
         "pool-intent": "kill"}  # fmt: skip
MANY = {"pool-window": _many_windows, "recycle": _many_recycled, "retry": _many_retries}


def _why(fields: Fields) -> str:
    return _WHY.get(str(fields.get("why")), str(fields.get("why")))


def _size(value: Any) -> int | None:
    return value if type(value) is int else None
