"""Decides when an allocation window opens, of which kind and for how long: what it may cost, what it is for.

Pure: fed with gauges at the boundaries of the measured loop, turns and clocks; opens nothing itself. It
may be wrong about growth: a needless window costs its budget and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

#: Windows that a growing run may have, and turns that one records.
MOST_WINDOWS = 3
MOST_TURNS = 8
#: Fewer turns than this show no pattern of births.
LEAST_TURNS = 4
#: Warm-up allocates what is kept for good; an audit can wait a little longer.
_WARM_UP = 3
_AUDIT_TURN = 8
#: What windows may cost in all: a constant (seconds) and a share of the run; more where turns are long and it is
#: known already what grows.
_GROWING = (0.8, 0.05)
_NAMED = (0.8, 0.10)
_AUDIT = (0.05, 0.02)
#: Importing memray for the first time, and what a turn is expected to take longer, by what is recorded. Calls
#: and small objects can make it ten times that: a window that costs more than expected closes early.
_IMPORT_SECONDS = 0.12
_SLOWER = {"plain": 0.1, "python": 0.5, "tracemalloc": 1.0}
#: A turn in which nothing is followed cannot be cut short: it may be this share of the run at most, or so long.
_LONGEST_BLIND_TURN = 0.05
_SHORT_TURN_SECONDS = 0.01
#: A census that came to nothing this often: what grows is not held by Python.
_ENOUGH_CENSUSES = 3
#: memray waits, when nobody asked for it, until the run has lasted so long: in a short one, what it leaves
#: behind was itself taken for growth (5 of 42 clean runs of half a second).
_PATIENCE_SECONDS = 30.0
#: Turns of this length are recorded by memray at once where something named grows: tracing them could take ten
#: times as long, and what memray leaves behind is little beside what such a turn keeps.
_LONG_TURN_SECONDS = 1.0
#: Turns that tracemalloc traces: whoever holds what they made is asked directly, so that no pattern is needed.
#: Where they are dear it is fewer; where it was not enough of them, it is tried once more.
_TRACED_TURNS = 5
_ENOUGH_TRACED = 3
_TRACED_WINDOWS = 2
#: Whether something grows is looked at after this share more turns each time.
_NEXT_LOOK = 0.2
#: A program whose memory goes up and down by more than this within a turn may have as many small objects in
#: between that tracemalloc's tables (97 bytes each) would be felt.
_MOST_SWING_BYTES = 150_000_000
#: A block of Python's allocator, for comparing a number of blocks with bytes.
_BLOCK_BYTES = 64.0
_SMALL_SHARE = 0.25
#: What a level must rise by in all, and per turn, before it is worth a window. leakhunt's own notes take some
#: 300 bytes and three blocks per turn at first, and each early census leaves up to two hundred blocks.
_LEAST_RISE = {"anon": (500_000.0, 2_000.0), "in_use": (50_000.0, 1_000.0), "blocks": (2_000.0, 40.0)}
_MOST_POINTS = 48
_LEAST_RESIDENT_READINGS = 10
#: The smallest of three steps must be this share of the largest.
_STEADY = 0.3


@dataclass(frozen=True, slots=True)
class Wish:
    """A window to open now: why, what it records, for how many turns, and what it may cost (None: whatever).

    `tracing`: with tracemalloc, and not with memray.
    """

    reason: str
    python_allocators: bool
    native: bool
    turns: int
    allowance: float | None
    tracing: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """A boundary of the measured loop, as far as the plan is concerned.

    `turn_seconds` is what a turn may take, `quick_turn_seconds` what it takes at least. `inside` says whether
    anything inside the turns has boundaries of its own, at which a window can close; `lengthening`, whether
    a named container gets longer from turn to turn; `swing`, by how many bytes resident memory has been above
    what it is now (None: unknown).
    """

    loop: str
    turns: int
    total: int | None
    turn_seconds: float
    elapsed: float
    suspects: int
    censuses: int
    inside: bool
    quick_turn_seconds: float = 0.0
    lengthening: bool = False
    loaded: bool = False
    swing: int | None = None
    comprehension: bool = False


class Levels:
    """One gauge at the boundaries of one loop, thinned to a few dozen points."""

    __slots__ = ("_points", "_seen", "_step")

    def __init__(self) -> None:
        self._points: list[tuple[int, float]] = []
        self._step = 1
        self._seen = 0

    def add(self, turns: int, level: float | None) -> None:
        """Note the level after `turns` turns; None where it was not read."""
        if level is None or turns < 2 or (self._points and turns <= self._points[-1][0]):
            return
        self._seen += 1
        if self._seen % self._step:
            return
        self._points.append((turns, level))
        if len(self._points) > _MOST_POINTS:
            self._points = self._points[::2]
            self._step *= 2

    @property
    def readings(self) -> int:
        """How many readings are kept."""
        return len(self._points)

    def rise_at_all(self) -> tuple[float, float] | None:
        """Return (rise, rise per turn) from the first reading to the last."""
        if len(self._points) < 2:
            return None
        (first, low), (last, high) = self._points[0], self._points[-1]
        return high - low, (high - low) / (last - first)

    def rise(self) -> tuple[float, float] | None:
        """Return (rise, rise per turn), if the lowest levels of the quarters rise steadily: no warm-up, no step."""
        points = self._points
        if len(points) < 4:
            return None
        cuts = [round(quarter * len(points) / 4) for quarter in range(5)]
        floors = [min(points[a:b], key=lambda point: point[1]) for a, b in pairwise(cuts)]
        steps = [later[1] - earlier[1] for earlier, later in pairwise(floors)]
        if min(steps) <= 0 or min(steps) < _STEADY * max(steps):
            return None
        risen = floors[-1][1] - floors[0][1]
        return risen, risen / max(1, floors[-1][0] - floors[0][0])


class Plan:
    """The windows of one process: fed at every boundary of the measured loop."""

    def __init__(self, *, automatic: bool, asked: bool, native: bool) -> None:
        self.automatic = automatic
        self.asked = asked
        self.native = native
        #: Whether memray can record here; else it is tracemalloc.
        self.memray = True
        self.spent = 0.0
        self._levels: dict[str, dict[str, Levels]] = {}
        self._covered: set[tuple[str, bool]] = set()
        #: turns that tracemalloc saw of a loop, window by window
        self._traced: dict[str, list[int]] = {}
        self._next_look = 0
        self._opened = 0
        self._audited = False

    def see(self, loop: str, turns: int, **levels: float | None) -> None:
        """Note the gauges (anon, in_use, blocks) at a boundary of the measured loop."""
        if self.automatic and self._opened < MOST_WINDOWS:
            of_loop = self._levels.setdefault(loop, {name: Levels() for name in _LEAST_RISE})
            for name, level in levels.items():
                of_loop[name].add(turns, level)

    def may_wish(self, turns: int, elapsed: float) -> bool:
        """Return whether a window can open after `turns` turns and `elapsed` seconds at all."""
        if turns < _WARM_UP or self._opened >= MOST_WINDOWS:
            return False
        if self.asked:
            return True
        return self.automatic and (elapsed >= _PATIENCE_SECONDS or turns >= self._next_look)

    def wish(self, now: Moment) -> Wish | None:
        """Return the window that should open at this boundary, if any."""
        if not self.may_wish(now.turns, now.elapsed):
            return None
        if self.asked:
            return Wish("asked", True, self.native, MOST_TURNS, None, tracing=not self.memray)
        self._next_look = now.turns + max(1, int(now.turns * _NEXT_LOOK))
        growth = self._growth(now)
        if growth is not None:
            if self._is_long_and_named(now):
                return self._recorded_window(now, *growth)
            traced = self._traced_window(now) if self._is_allocated(now) else None
            return traced or self._recorded_window(now, *growth)
        if self._may_use_memray(now) and not self._audited and not self._opened and now.turns >= _AUDIT_TURN:
            return self._affordable(now, "audit", False, self.native, _AUDIT)
        return None

    def _may_use_memray(self, now: Moment) -> bool:
        return self.memray and now.elapsed >= _PATIENCE_SECONDS

    def _is_long_and_named(self, now: Moment) -> bool:
        named = now.suspects > 0 or now.lengthening
        return (
            self.memray and named and now.turn_seconds >= _LONG_TURN_SECONDS and now.loop not in self._traced
        )

    def _traced_window(self, now: Moment) -> Wish | None:
        """A first window with tracemalloc: it tells of each object where it was made, and so of each holder."""
        if now.comprehension and now.elapsed < _PATIENCE_SECONDS:
            return None  # as a rule it makes the data that a statement works on
        seen = self._traced.get(now.loop, [])
        if (
            len(seen) >= _TRACED_WINDOWS
            or sum(seen) >= _ENOUGH_TRACED
            or (now.swing or 0) > _MOST_SWING_BYTES
        ):
            return None
        return self._affordable(now, "growing", True, False, _GROWING, tracing=True)

    def _recorded_window(self, now: Moment, python: bool, native: bool) -> Wish | None:
        """A window with memray: for what no Python object of a traced window holds, and for long turns."""
        is_long = self._is_long_and_named(now)
        if not (is_long or self._may_use_memray(now)) or (now.loop, python) in self._covered:
            return None
        if now.loop in self._traced and now.suspects:
            return None
        return self._affordable(now, "growing", python, native, _NAMED if is_long else _GROWING)

    def opened(self, wish: Wish) -> None:
        """Note that a window was opened."""
        self._opened += 1
        self.asked = False
        self._audited = self._audited or wish.reason == "audit"

    def closed(self, loop: str, wish: Wish, turns: int, cost: float) -> None:
        """Note that the window of `loop` saw `turns` turns, which took `cost` seconds more than they would have."""
        self.spent += max(0.0, cost)
        # What a window leaves behind of its own would look like a rise.
        self._levels.clear()
        if wish.tracing:
            self._traced.setdefault(loop, []).append(turns)
        if turns >= LEAST_TURNS and wish.reason != "audit":
            self._covered.add((loop, wish.python_allocators))
            if wish.python_allocators and not wish.tracing:  # that one has seen what the other would see
                self._covered.add((loop, False))

    def give_up(self) -> None:
        """Open no window any more: none can be opened here."""
        self.asked = self.automatic = False

    def _is_allocated(self, now: Moment) -> bool:
        """Return whether an allocator counts what rises: of resident memory alone tracemalloc knows nothing."""
        levels = self._levels.get(now.loop, {})
        exact = [name for name in levels if name != "anon" and levels[name].readings]
        return not exact or now.suspects > 0 or not self._rising(now).keys().isdisjoint(exact)

    def _rising(self, now: Moment) -> dict[str, float]:
        """Return by how much per turn each gauge rises that does, steadily and by more than is left to chance."""
        rising = {}
        for name, levels in self._levels.get(now.loop, {}).items():
            # Where a container lengthens turn by turn, two readings of an exact gauge say enough.
            rise = levels.rise_at_all() if now.lengthening and name != "anon" else levels.rise()
            if name == "anon" and levels.readings < _LEAST_RESIDENT_READINGS:
                continue  # resident memory rises by whole arenas at first
            if rise is not None and rise[0] >= _LEAST_RISE[name][0] and rise[1] >= _LEAST_RISE[name][1]:
                rising[name] = rise[1]
        return rising

    def _growth(self, now: Moment) -> tuple[bool, bool] | None:
        """Return (trace Python's allocators, record native stacks) for what grows; None when nothing does."""
        rising = self._rising(now)
        if not rising and not now.suspects:
            return None
        large = max(rising.get("anon", 0.0), rising.get("in_use", 0.0))
        python = large == 0 or rising.get("blocks", 0.0) * _BLOCK_BYTES >= _SMALL_SHARE * large
        unheld = not now.suspects and now.censuses >= _ENOUGH_CENSUSES and not python
        return python, self.native or unheld

    def _affordable(
        self,
        now: Moment,
        reason: str,
        python: bool,
        native: bool,
        budget: tuple[float, float],
        *,
        tracing: bool = False,
    ) -> Wish | None:
        """Return the window if it and those before it stay within the budget: a constant and a share of the run.

        The run is the time so far or, where the loop's length is known, what it will probably take.
        """
        run, left, wanted = now.elapsed, MOST_TURNS, _TRACED_TURNS if tracing else MOST_TURNS
        if now.total is not None:
            run += max(0, now.total - now.turns) * (now.quick_turn_seconds or now.turn_seconds)
            left = now.total - now.turns
        constant, share = budget
        allowance = constant + share * run - self.spent
        if not now.inside and now.turn_seconds > max(_SHORT_TURN_SECONDS, _LONGEST_BLIND_TURN * run):
            return None
        fixed = 0.0 if now.loaded or tracing else _IMPORT_SECONDS
        per_turn = _SLOWER["tracemalloc" if tracing else "python" if python else "plain"]
        per_turn *= now.turn_seconds
        most = int((allowance - fixed) / per_turn) if per_turn > 0 else wanted
        # A short loop keeps turns in which censuses can be taken.
        turns = min(wanted, max(LEAST_TURNS, left // 2), left, most)
        if allowance <= fixed or turns < (1 if tracing else LEAST_TURNS):
            return None
        return Wish(reason, python, native, turns, allowance, tracing)
