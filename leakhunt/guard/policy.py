"""Decides when a guarded program has to go, and whether another attempt may begin.

Pure: fed with readings and clocks, does nothing itself. Sizes are bytes, durations seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from leakhunt.units import format_bytes, format_seconds

Why = Literal["max-rss", "min-available", "max-age", "stale", "hung"]
#: What the kernel may hold below the supervisor's own bound.
HardLimitMode = Literal["auto", "cgroup", "rlimit", "off"]
#: Memory can be taken at this speed: between two looks it must not fall through the floor.
_BYTES_PER_SECOND = 6_000_000_000
_LOOK_LEAST, _LOOK_MOST = 0.1, 1.0
#: From this share of its size on a program is looked at this often.
_NEAR, _LOOK_NEAR = 0.8, 0.25
#: One high reading may be a moment; the second is a state.
_READINGS = 2
#: A program that fills its limit this soon after its start would do so again and again.
_AT_ONCE = 10.0
#: When others have taken the memory, killing what holds less than this share of it helps nobody.
_OUR_SHARE = 0.3
#: What has gone leaves its memory behind at once, but what it did to others takes a moment to show.
_SETTLE_SECONDS = 15.0
#: Programs that hold about as much as the largest are told apart by how fast they grew.
_ABOUT_AS_LARGE = 0.8
#: Restarts that brought nothing are counted over this long.
_BUDGET_SECONDS = 600.0
_LONGEST_BACKOFF = 300.0
#: A program that saves no units has got somewhere when it ran for so long.
_LONG_RUN = 300.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a guarded run must keep to; None is no bound."""

    max_rss: int | None = None
    min_available: int | None = None
    max_age: float | None = None
    stale_after: float | None = None
    grace: float = 120.0
    restarts: int = 5
    hung_after: float | None = None
    hard_limit: HardLimitMode = "auto"

    @property
    def kill_floor(self) -> int | None:
        """With less than this available nobody waits for the grace to end."""
        return None if self.min_available is None else self.min_available // 2

    def under_floor(self, available: int | None) -> bool:
        """Tell whether so little is available that nobody waits."""
        return self.kill_floor is not None and available is not None and available < self.kill_floor


@dataclass(frozen=True, slots=True)
class Reading:
    """One program at one instant.

    `progressed` is when a unit was last saved, `sign` when it last said anything at all (a unit, a brake
    check, a heartbeat); None for a program that never does.
    """

    now: float
    started: float
    rss: int
    progressed: float | None = None
    sign: float | None = None

    @property
    def grown_per_second(self) -> float:
        """How fast it took what it holds."""
        return self.rss / max(1.0, self.now - self.started)


@dataclass(frozen=True, slots=True)
class Order:
    """The program has to go: `why`, and the measurement in words."""

    why: Why
    what: str


@dataclass(slots=True)
class Policy:
    """The state of one attempt: its size, its age, and the two clocks that tell whether it gets anywhere."""

    bounds: Bounds
    #: Age limits of several programs must not end at once; drawn once, of -1..1.
    jitter: float = 0.0
    _high: int = 0

    def decide(self, seen: Reading) -> Order | None:
        """Return the order to end the program, or None."""
        return self._size(seen) or self._age(seen) or self._progress(seen) or self._life(seen)

    def look_within(self, seen: Reading) -> float:
        """Return how long until the next look: sooner when the size comes near its bound."""
        limit = self.bounds.max_rss
        if limit is None or seen.rss < _NEAR * limit:
            return _LOOK_MOST
        return _LOOK_LEAST if self._high else _LOOK_NEAR

    def _size(self, seen: Reading) -> Order | None:
        limit = self.bounds.max_rss
        self._high = self._high + 1 if limit is not None and seen.rss > limit else 0
        if self._high < _READINGS:
            return None
        return Order("max-rss", f"{format_bytes(seen.rss)} resident, {format_bytes(limit)} allowed")

    def _age(self, seen: Reading) -> Order | None:
        limit = self.bounds.max_age
        age = seen.now - seen.started
        if limit is None or age <= limit * (1 + 0.1 * self.jitter):
            return None
        return Order("max-age", f"{format_seconds(age)} old, {format_seconds(limit)} allowed")

    def _progress(self, seen: Reading) -> Order | None:
        limit = self.bounds.stale_after
        if limit is None or seen.progressed is None or seen.now - seen.progressed <= limit:
            return None
        return Order("stale", f"no unit was saved for {format_seconds(seen.now - seen.progressed)}")

    def _life(self, seen: Reading) -> Order | None:
        limit = self.bounds.hung_after
        if limit is None or seen.sign is None or seen.now - seen.sign <= limit:
            return None
        return Order("hung", f"no sign of life for {format_seconds(seen.now - seen.sign)}")


@dataclass(slots=True)
class Room:
    """Decides who has to go when the machine runs short of memory: one at a time, and nobody in vain."""

    bounds: Bounds
    #: The machine is short of memory and none of these programs is the reason.
    others_hold: bool = field(default=False, init=False)
    _low: int = 0
    _settled: float = 0.0

    def choose(
        self, now: float, available: int | None, total: int | None, holders: Sequence[Reading]
    ) -> tuple[int, Order] | None:
        """Return the index of the one of `holders` that has to go, and the order; None for nobody."""
        floor = self.bounds.min_available
        short = floor is not None and available is not None and available < floor
        self._low = self._low + 1 if short else 0
        if not short or available is None or not holders:
            self.others_hold = False
            return None
        used = None if total is None else total - available
        self.others_hold = used is not None and sum(one.rss for one in holders) < _OUR_SHARE * used
        if self.others_hold or self._low < _READINGS:
            return None
        if now < self._settled and not self.bounds.under_floor(available):
            return None
        largest = max(one.rss for one in holders)
        victim = max(
            (at for at, one in enumerate(holders) if one.rss >= _ABOUT_AS_LARGE * largest),
            key=lambda at: holders[at].grown_per_second,
        )
        return victim, Order(
            "min-available", f"{format_bytes(available)} available, {format_bytes(floor)} must be left"
        )

    def gone(self, now: float) -> None:
        """Whoever was chosen has gone: look what that changed before the next."""
        self._low, self._settled = 0, now + _SETTLE_SECONDS

    def next_look(self, available: int | None) -> float:
        """Return how long until the next look: sooner the less memory is left."""
        floor = self.bounds.kill_floor
        if floor is None or available is None:
            return _LOOK_MOST
        return min(_LOOK_MOST, max(_LOOK_LEAST, (available - floor) / _BYTES_PER_SECOND))


@dataclass(slots=True)
class Budget:
    """Which attempts may follow. Only restarts that brought nothing count against the budget."""

    restarts: int
    _wasted: deque[float] = field(default_factory=deque)

    def after(self, ended: float, seconds: float, units: int | None) -> float | None:
        """Return how long to wait before the next attempt; None when there must be none.

        `units` is how many units the attempt saved, None when the program never saves any.
        """
        if units or (units is None and seconds >= _LONG_RUN):
            self._wasted.clear()
            return 0.0
        self._wasted.append(ended)
        while self._wasted and ended - self._wasted[0] > _BUDGET_SECONDS:
            self._wasted.popleft()
        if len(self._wasted) > self.restarts:
            return None
        return min(_LONGEST_BACKOFF, 2.0 ** (len(self._wasted) - 1))


def hopeless(order: Order | None, seconds: float, units: int | None) -> bool:
    """Tell whether the program outgrew its limit as soon as it had started: another attempt is no use."""
    return order is not None and order.why == "max-rss" and seconds < _AT_ONCE and not units
