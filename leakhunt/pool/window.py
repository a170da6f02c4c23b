"""How many units may be in flight: the admission rule of a pool, without a clock or a process of its own.

A unit is admitted when what is used, what the running units will still take, what workers that are still
starting will take and what it will take itself stay within the target, or come nearer to it than without it.
What a unit takes is learned from those that ended. Where the guess was wrong and more is used, the window is
halved; it grows by one with each unit that ends well.
"""

from __future__ import annotations

from collections import deque

#: Above the target by so much of the memory, fewer units may be in flight.
TOLERANCE = 0.05
#: Units are whole: one that goes over the target by less than half of itself, and by no more than this
#: share of the memory, is nearer to the target than none.
_NEAREST = 0.04
#: After a halving, so long nothing is added (seconds).
REST_SECONDS = 2.0
#: Without any experience, a unit that has run so long is taken to need twice what it has taken so far.
GUESS_AFTER_SECONDS = 2.0
_REMEMBERED = 32
#: Batches beyond the workers, so that no worker waits for its next.
AHEAD = 2


class Window:
    """The window of one pool. Sizes are bytes; `total` and `available` are None where the system does not say."""

    def __init__(self, workers: int, target: float, fixed: int | None = None) -> None:
        self.workers = workers
        self.target = target
        self.fixed = fixed
        self.most = fixed if fixed is not None else workers + AHEAD
        self.size = fixed if fixed is not None else 1
        self.is_short = False
        self._growth: deque[int] = deque(maxlen=_REMEMBERED)
        self._start: int | None = None
        self._halved = float("-inf")
        self._begun = False

    @property
    def cost(self) -> int | None:
        """What one more running unit is expected to take; None before the first has ended."""
        return max(self._growth) if self._growth else None

    def admits(
        self,
        in_flight: int,
        running: list[tuple[float, int]],
        available: int | None,
        total: int | None,
        starting: list[int] | None = None,
    ) -> bool:
        """Tell whether one more batch may start.

        `in_flight` counts batches that were begun and not taken yet, `running` has, for each that a
        worker is known to run, (seconds so far, bytes that its worker grew by since it began), `starting`
        the bytes so far of each worker that has begun no unit yet.
        """
        if in_flight == 0:
            return True
        if in_flight >= self.size:
            return False
        if self.fixed is not None or available is None or total is None:
            return True
        projected = self._projected(in_flight, running, total - available) + self._to_start(starting or [])
        over = min((self.cost or 0) / 2, _NEAREST * total)
        self.is_short = projected > self.target * total + over
        return not self.is_short

    def has_plenty(self, available: int | None, total: int | None, starting: list[int]) -> bool:
        """Tell whether all workers could take what the largest unit took and stay within the target."""
        if available is None or total is None or self.cost is None:
            return False
        return total - available + self._to_start(starting) + self.workers * self.cost <= self.target * total

    def _to_start(self, starting: list[int]) -> int:
        """What workers that have begun no unit will still take, by what others took to start."""
        return sum(max(0, (self._start or 0) - so_far) for so_far in starting)

    def _projected(self, in_flight: int, running: list[tuple[float, int]], used: int) -> float:
        concurrent = min(in_flight, self.workers)
        unseen = max(0, concurrent - len(running))
        cost = self.cost
        if cost is None:
            known = [grown for seconds, grown in running if seconds >= GUESS_AFTER_SECONDS]
            if len(known) < concurrent:
                return float("inf")
            cost = 2 * max(known)
        coming = sum(max(0, cost - grown) for _, grown in running) + unseen * cost
        # beyond the workers it waits, and takes what the one before it gives back
        own = cost if in_flight < self.workers else 0
        return used + coming + own

    def ended(self, growth: int | None, now: float) -> bool:
        """Learn from a batch that ended well; tell whether the window has grown."""
        if growth is not None:
            self._growth.append(max(0, growth))
        if self.fixed is not None or self.size >= self.most or now - self._halved < REST_SECONDS:
            return False
        # The first one says what the others will take: from then on the memory decides.
        self.size = self.size + 1 if self._begun else self.most
        self._begun = True
        return True

    def started(self, resident: int | None) -> None:
        """Learn what a worker takes before its first unit."""
        if resident is not None:
            self._start = max(resident, self._start or 0)

    def measured(self, available: int | None, total: int | None, now: float) -> bool:
        """Look at the memory; tell whether the window was halved for it."""
        if available is None or total is None:
            return False
        if total - available <= (self.target + TOLERANCE) * total:
            return False
        return self.halve(now)

    def halve(self, now: float) -> bool:
        """Halve the window, once per rest; tell whether it was."""
        if self.fixed is not None or self.size <= 1 or now - self._halved < REST_SECONDS:
            return False
        self.size = max(1, min(self.size, self.most) // 2)
        self._halved = now
        return True
