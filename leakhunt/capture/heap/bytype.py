"""How many objects of each type are alive and what they take, as pympler counts them.

For `--every-iteration` only, in the forked copy, from a list made before the census. Own sizes, without
what is referred to. Runs no code of the program: types that size or name themselves in Python are left
to `object.__sizeof__`.
"""

from __future__ import annotations

import gc
import sys
import time
from types import FunctionType
from typing import Any

#: Types kept, most bytes first.
_MOST = 400
_CHUNK = 2000
_CPU_SECONDS = 4.0


def load_pympler() -> bool:
    """Import what the copy will need, before it is made; return whether pympler is there."""
    try:
        import pympler.summary  # noqa: F401
    except Exception:
        return False
    return True


def sizes_by_type(tracked: list[Any]) -> dict[str, list[int]]:
    """Return type -> [objects, bytes] over `tracked` and the objects that only they refer to.

    Nothing when there are so many that it takes too long: half a count would be none.
    """
    summary = sys.modules.get("pympler.summary")
    if summary is None:
        return {}
    plain: dict[type, bool] = {}
    totals: dict[str, list[int]] = {}
    deadline = time.thread_time() + _CPU_SECONDS
    for objects in _chunks(tracked):
        if time.thread_time() > deadline:
            return {}
        quiet = []
        for each in objects:
            kind = type(each)
            known = plain.get(kind)
            if known is None:
                known = plain[kind] = _is_quiet(kind)
            if known:
                quiet.append(each)
            else:
                _add(totals, type.__dict__["__name__"].__get__(kind), 1, object.__sizeof__(each))
        for name, count, size in summary.summarize(quiet):
            _add(totals, name, count, size)
    ranked = sorted(totals.items(), key=lambda item: -item[1][1])
    return dict(ranked[:_MOST])


def _chunks(tracked: list[Any]) -> Any:
    """The tracked objects, then what the collector does not track but they refer to, once each."""
    seen: set[int] = set()
    for start in range(0, len(tracked), _CHUNK):
        chunk = tracked[start : start + _CHUNK]
        atoms = []
        for each in gc.get_referents(*chunk):
            if not gc.is_tracked(each) and id(each) not in seen:
                seen.add(id(each))
                atoms.append(each)
        yield chunk
        yield atoms


def _is_quiet(kind: type) -> bool:
    """Whether sizing and naming an instance runs no Python code of the program."""
    meta: Any = type(kind)
    size = next((vars(base)["__sizeof__"] for base in kind.__mro__ if "__sizeof__" in vars(base)), None)
    named = next((vars(base)["__repr__"] for base in meta.__mro__ if "__repr__" in vars(base)), None)
    return not isinstance(size, FunctionType) and not isinstance(named, FunctionType)


def _add(totals: dict[str, list[int]], name: str, count: int, size: int) -> None:
    entry = totals.setdefault(name, [0, 0])
    entry[0] += count
    entry[1] += size
