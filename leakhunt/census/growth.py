"""Which paths of the heap grow from census to census, and which rose and then stopped.

A path grows when its length or its number of objects rises at every step by at least three per ten
turns. Only the topmost growing path of a branch is reported. No verdict is made here: the judge
decides from the values at each census.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from leakhunt.census.births import Birthplace, births_below, births_unreached, index_by_path, paths_of
from leakhunt.census.format import Census, Row
from leakhunt.census.naming import name_of
from leakhunt.census.noise import noise_of
from leakhunt.census.tags import contents_of, kinds_of, tags_of

#: Items or objects per turn from which a step counts as growth.
ITEMS_PER_TURN = 0.3
#: The same for a buffer's bytes, and for slow but heavy growth (length rises at every step).
BUFFER_BYTES_PER_TURN = 64.0
HEAVY_BYTES_PER_TURN = 1000.0
_BUFFERS = frozenset(
    {"str", "bytes", "bytearray", "numpy.ndarray", "torch.Tensor", "array.array", "_io.BytesIO"}
)
_TEXTS = frozenset({"str", "bytes"})
_BUILTINS = frozenset(
    [
        "dict",
        "list",
        "tuple",
        "set",
        "frozenset",
        "function",
        "cell",
        "method",
        "builtin_function_or_method",
        "type",
        "frame",
        "traceback",
    ]
)
#: Of these there are always some in a pile, whatever it is a pile of.
_PLAIN = frozenset({"dict", "list", "tuple", "set", "frozenset", "cell", "frame"})
_MOST = 60


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit that the container itself declares: "deque maxlen", "lru_cache maxsize", "queue maxsize"."""

    what: str
    limit: int
    size: int


@dataclass(frozen=True, slots=True)
class Growth:
    """One heap path whose population rises over the censuses. Lists have one entry per census.

    `path` is how a person would write it; `key` is the same path without numbers (for matching
    and fingerprints). `bytes` is what hangs below the path (deep, sampled and scaled up);
    `shared_bytes` / `exclusive_bytes` are its LeakShare in the last census that counted it (None
    when none did). `turns` are completed turns of the primary loop at each census; a census that ran
    out of time before it came to this path is left out of all the lists. `grows` is False for a
    path that rose at some steps only (a cache that filled up). `own_bytes` are the holder's own, without
    contents: the table of a dict or set (empty when unknown). `element` is (newest items sized, bytes of
    one) as pympler saw them. `kinds` counts the objects below by type. `births` are the places at which what
    hung there at the end of an allocation window had been allocated in its `birth_turns` turns, most bytes first.
    """

    key: str
    path: str
    root: str
    module: str | None
    function: str | None
    file: str | None
    line: int | None
    type: str
    turns: list[int]
    lengths: list[int | None]
    objects: list[int]
    bytes: list[int]
    contents: list[tuple[str, int, int]] = field(default_factory=list)
    shared_bytes: int | None = None
    exclusive_bytes: int | None = None
    others: list[str] = field(default_factory=list)
    bound: Bound | None = None
    tags: frozenset[str] = frozenset()
    noise: str | None = None
    scaled: bool = False
    grows: bool = True
    own_bytes: list[int] = field(default_factory=list)
    element: tuple[int, int] | None = None
    kinds: dict[str, int] = field(default_factory=dict)
    births: list[Birthplace] = field(default_factory=list)
    birth_turns: int = 0


@dataclass(frozen=True, slots=True)
class Rising:
    """A path of the last census that rose at some step: position, and the censuses and its rows in them."""

    index: int
    rows: list[Row | None]
    censuses: list[Census]
    grows: bool

    @property
    def turns(self) -> list[int]:
        """Completed turns at each census."""
        return [census.turns for census in self.censuses]


def growing(censuses: Sequence[Census]) -> list[Growth]:
    """Return the paths that rise over the censuses (oldest first), those that keep growing first."""
    ordered = sorted(censuses, key=lambda census: census.turns)
    found = [_described(ordered, path) for path in rising(ordered)]
    found += _growing_garbage(ordered)
    found.sort(
        key=lambda growth: (not growth.grows, growth.noise is not None, -(growth.bytes[-1] - growth.bytes[0]))
    )
    return found[:_MOST]


def rising(ordered: Sequence[Census]) -> list[Rising]:
    """Return the topmost rising paths of the last census; below one that stopped, also those that go on."""
    if len(ordered) < 2:
        return []
    indexes = [index_by_path(census) for census in ordered]
    last = ordered[-1]
    found: list[Rising] = []
    #: what hangs below a rising path, and whether that goes on
    below: dict[int, bool] = {}
    paths, users = paths_of(last), _users(last)
    for path, index in indexes[-1].items():
        parent = last.rows[index].parent
        above = below.get(parent)
        if above:
            below[index] = above
            continue
        rows, compared, holders = [], [], []
        for census, by_path in zip(ordered, indexes, strict=False):
            position = by_path.get(path)
            if position is None and not (census.complete or (census.own_complete and users[index])):
                continue
            rows.append(None if position is None else census.rows[position])
            compared.append(census)
            if parent >= 0 and last.rows[index].label.startswith("["):
                position = by_path.get(paths[parent])
                holders.append(None if position is None else census.rows[position])
        if _took_a_place(rows, holders):
            start = next(at for at, row in enumerate(rows) if row is not None)
            rows, compared = rows[start:], compared[start:]
        how = _how_it_rises(rows, [census.turns for census in compared])
        if how is not None and (above is None or how):
            found.append(Rising(index, rows, compared, how))
            below[index] = how
        elif above is not None:
            below[index] = above
    return found


def _users(census: Census) -> list[bool]:
    """Return of every row whether it hangs below what is the user's own: parents come first."""
    found: list[bool] = []
    for row in census.rows:
        found.append(found[row.parent] if row.parent >= 0 else bool(row.note.get("user")))
    return found


def _took_a_place(rows: Sequence[Row | None], holders: Sequence[Row | None]) -> bool:
    """Tell whether a key came in where another went: a cache of bounded size has other keys at every census."""
    for at in range(1, len(holders)):
        before, after = holders[at - 1], holders[at]
        if rows[at - 1] is None and rows[at] is not None and before is not None and after is not None:
            return before.length is not None and after.length is not None and after.length <= before.length
    return False


def _how_it_rises(rows: Sequence[Row | None], turns: Sequence[int]) -> bool | None:
    """Return True when it grows at every step since it appeared, False when at some, None when at none."""
    first = next((at for at, row in enumerate(rows) if row is not None), len(rows))
    if any(row is None for row in rows[first:]) or len(rows) - first < 2:
        return None
    steps = []
    start = max(0, first - 1)
    for at in range(start, len(rows) - 1):
        added = turns[at + 1] - turns[at]
        if added > 0:
            steps.append(_step(rows[at], rows[at + 1], added))
    if not any(rose for rose, _ in steps) or any(fell for _, fell in steps):
        return None
    enough = sum(rose for rose, _ in steps) >= min(2, len(rows) - 1)
    return enough and all(rose for rose, _ in steps)


def _step(before: Row | None, after: Row | None, turns: int) -> tuple[bool, bool]:
    """Return (rose enough, fell) from one census to the next."""
    assert after is not None
    objects = after.objects - (before.objects if before else 0)
    length = (after.length or 0) - ((before.length or 0) if before else 0)
    deep = after.deep - (before.deep if before else 0)
    own = after.bytes - (before.bytes if before else 0)
    least = ITEMS_PER_TURN * turns
    fell = objects < 0 or (length < 0 and objects <= 0)
    if after.type in _BUFFERS:
        rose = own >= BUFFER_BYTES_PER_TURN * turns or objects >= least
        return rose, fell and own < 0
    slow_but_heavy = length > 0 and deep >= HEAVY_BYTES_PER_TURN * turns
    return objects >= least or length >= least or slow_but_heavy, fell


def _described(ordered: Sequence[Census], path: Rising) -> Growth:
    last = ordered[-1]
    chain = last.chain(path.index)
    row, name = chain[-1], name_of(chain)
    # Shares are counted after the census is written: the last one's may not have come in time.
    counted = next((census for census in reversed(ordered) if name.key in census.shares), last)
    shares = counted.shares.get(name.key)
    births, birth_turns = births_below(path.index, path.rows, path.censuses)
    # Of many texts it is their number that tells how they become more, not how long they are together.
    counts_texts = row.type in _TEXTS and row.objects > 1
    return Growth(
        key=name.key,
        path=name.path,
        root=name.root,
        module=name.module,
        function=name.function,
        file=name.file,
        line=name.line,
        type=chain[name.depth].type or row.type,
        turns=list(path.turns),
        lengths=[r.length if r is not None and not counts_texts else None for r in path.rows],
        objects=[r.objects if r is not None else 0 for r in path.rows],
        bytes=[r.deep if r is not None else 0 for r in path.rows],
        contents=contents_of(last, path.index),
        shared_bytes=shares[0] if shares else None,
        exclusive_bytes=shares[1] if shares else None,
        others=counted.others.get(name.key, []),
        bound=_bound(chain, path.rows),
        tags=tags_of(last, path.index) | _weak_keys(last, path.index),
        noise=noise_of(name.key, _rate(path)) or _held_weakly(last, path.index),
        scaled=row.scaled,
        grows=path.grows,
        element=_element(ordered, name.key),
        own_bytes=[r.bytes if r is not None else 0 for r in path.rows],
        kinds=kinds_of(last, path.index),
        births=births,
        birth_turns=birth_turns,
    )


def _bound(chain: Sequence[Row], rows: Sequence[Row | None]) -> Bound | None:
    """Return the limit of what holds the path: its own, of what it lies in, or of a full cache further up.

    A cache that is full may still change what is in it: entries that hold one more object each push out others.
    As long as there are no more of these objects than entries, and they do not get longer, that explains them.
    """
    near = next((r.note["bound"] for r in (chain[-1], *chain[-2:-1]) if r.note.get("bound")), None)
    if near is not None:
        return Bound(*near)
    seen = [row for row in rows if row is not None]
    first, last = seen[0], seen[-1]
    if (last.length or 0) * first.objects > (first.length or 0) * last.objects:
        return None
    above = (Bound(*row.note["bound"]) for row in chain[:-2] if row.note.get("bound"))
    return next((bound for bound in above if last.objects <= bound.limit <= bound.size), None)


def _rate(path: Rising) -> float:
    first, last = path.rows[0], path.rows[-1]
    gained = (last.deep if last is not None else 0) - (first.deep if first is not None else 0)
    return gained / max(1, path.turns[-1] - path.turns[0])


def _element(ordered: Sequence[Census], key: str) -> tuple[int, int] | None:
    """Return (newest items sized, bytes of one) as pympler saw them last; None where it did not."""
    seen = next((census.elements[key] for census in reversed(ordered) if key in census.elements), None)
    return (seen[0], seen[1]) if seen else None


def _held_weakly(census: Census, index: int) -> str | None:
    """Return why growth of a weak container is no holding on, or None for any other."""
    holder = census.rows[census.rows[index].parent].type
    if not holder.startswith(("weakref.Weak", "_weakrefset.WeakSet")):
        return None
    strong = [
        row
        for row in census.rows
        if row.parent == index and not row.type.startswith("weakref.") and row.label == "[*]"
    ]
    return (
        None
        if strong
        else "weak references: they keep nothing alive (https://docs.python.org/3/library/weakref.html)"
    )


def _weak_keys(census: Census, index: int) -> frozenset[str]:
    """Return the tag of a mapping whose entries go when their keys do, whatever the values are."""
    holder = census.rows[census.rows[index].parent].type
    return frozenset({"weak-keys"}) if holder.startswith("weakref.WeakKey") else frozenset()


def _growing_garbage(ordered: Sequence[Census]) -> list[Growth]:
    """Types whose unreachable instances pile up: cycles that nobody collects."""
    counted = [census for census in ordered if census.garbage is not None]
    # The first census need not count them, nor the next ones while nothing is more than before; a pile that was
    # not there from the start has to show itself once more.
    if len(counted) < 2 + any(census.garbage is None for census in ordered[1:]):
        return []
    turns = [census.turns for census in counted]
    piles: dict[bool, dict[str, list[tuple[int, int]]]] = {True: {}, False: {}}
    for kind in counted[-1].garbage or {}:
        if kind.startswith("weakref."):
            continue  # they keep nothing alive; a class has one in each of its bases' lists of subclasses
        for native, pile in piles.items():
            values = [_unreached((census.garbage or {}).get(kind), native) for census in counted]
            steps = zip(pairwise(values), pairwise(turns), strict=True)
            if all(
                after[0] - before[0] >= ITEMS_PER_TURN * (now - then)
                for (before, after), (then, now) in steps
            ):
                pile[kind] = values
    lazy = all(census.collecting for census in counted)
    return [_pile(by_type, counted, native, lazy) for native, by_type in piles.items() if by_type]


def _unreached(entry: Sequence[int] | None, native: bool) -> tuple[int, int]:
    """Return (objects, bytes) of one type that native code holds, or that nothing holds but cycles."""
    objects, size, held, held_size = [*entry, 0, 0, 0, 0][:4] if entry else (0, 0, 0, 0)
    return (held, held_size) if native else (objects - held, size - held_size)


def _pile(
    by_type: dict[str, list[tuple[int, int]]], counted: Sequence[Census], native: bool, lazy: bool
) -> Growth:
    """One growth for everything that piles up out of reach, named after the most telling type."""
    turns = [census.turns for census in counted]
    births, birth_turns = births_unreached(counted, "native" if native else "cycles")
    kind = min(by_type, key=lambda name: (name in _PLAIN, name in _BUILTINS, -by_type[name][-1][0]))
    path = f"{kind} objects that only {'native code holds' if native else 'reference cycles hold'}"
    return Growth(
        key=path,
        path=path,
        root="native" if native else "garbage",
        module=None,
        function=None,
        file=None,
        line=None,
        type=kind,
        turns=turns,
        lengths=[None] * len(turns),
        objects=[value[0] for value in by_type[kind]],
        bytes=[sum(values[at][1] for values in by_type.values()) for at in range(len(turns))],
        contents=sorted(((k, v[-1][0], v[-1][1]) for k, v in by_type.items()), key=lambda c: -c[2])[:5],
        tags=frozenset() if native else frozenset({"cycle"}),
        noise="the collector is on and will come round (https://docs.python.org/3/library/gc.html)"
        if lazy and not native
        else None,
        births=births,
        birth_turns=birth_turns,
    )
