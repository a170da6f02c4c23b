"""Joins paths that differ only in a key: the lists of one dict of lists are one holder, not many."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

from leakhunt.census.growth import Growth

_KEY = re.compile(r"\['(?:[^'\\]|\\.)*'\]|\[\"(?:[^\"\\]|\\.)*\"\]|\[-?\d+\]")

_NUMBERED = re.compile(r"(\.\w*?[A-Za-z_])\d+(?=$|\s)")


def merged_siblings(growths: list[Growth]) -> list[Growth]:
    """Return the growths with those under several keys of one holder added up, in the order given."""
    groups: dict[tuple[str, str, tuple[int, ...]], list[Growth]] = defaultdict(list)
    for growth in growths:
        groups[_KEY.sub("[*]", growth.path), growth.type, tuple(growth.turns)].append(growth)
    joined = [group[0] if len(group) == 1 else _joined(path, group) for (path, _, _), group in groups.items()]
    return _numbered(joined)


def _numbered(growths: list[Growth]) -> list[Growth]:
    """Join attributes that differ only in a number (run_1, run_2, …), each set once.

    An attribute is seen to rise only once it is there at two censuses, so the last census, at which
    the newest are still missing, is left out.
    """
    groups: dict[tuple[str, str, tuple[int, ...]], list[Growth]] = defaultdict(list)
    for growth in growths:
        groups[_NUMBERED.sub(r"\1*", growth.path), growth.type, tuple(growth.turns)].append(growth)
    found = []
    for (path, _, turns), group in groups.items():
        if len(group) < 3 or len(turns) < 4 or path == group[0].path:
            found += group
            continue
        whole = _joined(path, group)
        found.append(
            replace(
                whole,
                key=_NUMBERED.sub(r"\1*", whole.key),
                turns=whole.turns[:-1],
                lengths=[None] * (len(turns) - 1),
                objects=whole.objects[:-1],
                bytes=whole.bytes[:-1],
            )
        )
    return found


def _joined(path: str, group: list[Growth]) -> Growth:
    contents: dict[str, list[int]] = {}
    for growth in group:
        for kind, count, size in growth.contents:
            entry = contents.setdefault(kind, [0, 0])
            entry[0] += count
            entry[1] += size
    ranked = sorted(contents.items(), key=lambda item: -item[1][1])
    lengths = [list(column) for column in zip(*(growth.lengths for growth in group), strict=True)]
    shared = [growth.shared_bytes for growth in group]
    exclusive = [growth.exclusive_bytes for growth in group]
    return replace(
        group[0],
        key=_KEY.sub("[*]", group[0].key),
        path=path,
        lengths=[None if None in column else sum(length or 0 for length in column) for column in lengths],
        objects=[sum(column) for column in zip(*(growth.objects for growth in group), strict=True)],
        bytes=[sum(column) for column in zip(*(growth.bytes for growth in group), strict=True)],
        contents=[(kind, entry[0], entry[1]) for kind, entry in ranked[:5]],
        shared_bytes=None if None in shared else sum(size or 0 for size in shared),
        exclusive_bytes=None if None in exclusive else sum(size or 0 for size in exclusive),
        others=sorted({other for growth in group for other in growth.others}),
        tags=frozenset().union(*(growth.tags for growth in group)),
        scaled=any(growth.scaled for growth in group),
        bound=None,
        own_bytes=[],
        grows=any(growth.grows for growth in group),
        births=sorted((place for growth in group for place in growth.births), key=lambda place: -place.bytes),
    )
