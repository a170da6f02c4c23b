"""LeakShare: how many bytes each growing container keeps alive, alone and together with others.

What is reachable without the suspects belongs to nobody; what several suspects reach is split evenly
(BLeak, PLDI 2018). Numbers only: which suspect matters is decided elsewhere.
"""

from __future__ import annotations

from typing import Any

from leakhunt.capture.heap.reach import Reach, starting_points


def leak_shares(reach: Reach, owners: dict[str, Any]) -> tuple[dict[str, list[int]], dict[str, list[str]]]:
    """Return key -> [share, exclusive bytes] and key -> keys that hold some of the same objects.

    Leaves everything reachable marked in `reach`, the suspects' own holdings included.
    """
    reach.mark(starting_points(), barrier={id(owner) for owner in owners.values()})
    held = {key: reach.below(owner) for key, owner in owners.items()}
    holders: dict[int, int] = {}
    for sizes in held.values():
        for identity in sizes:
            holders[identity] = holders.get(identity, 0) + 1
    shares: dict[str, list[int]] = {}
    others: dict[str, list[str]] = {}
    for key, sizes in held.items():
        share = sum(size / holders[identity] for identity, size in sizes.items())
        exclusive = sum(size for identity, size in sizes.items() if holders[identity] == 1)
        shares[key] = [round(share), exclusive]
        common = {identity for identity in sizes if holders[identity] > 1}
        others[key] = [
            other
            for other, theirs in held.items()
            if other != key and common and not common.isdisjoint(theirs)
        ]
    for sizes in held.values():
        reach.marked.update(sizes)
    return shares, others
