"""Watches the workers from a thread: what each takes, and which of them has to be ended in the midst of a unit.

Three reasons to end one: its unit takes longer than it may, its process tree is larger than it may be, or
the machine is about to run out of memory that the workers hold, when the largest goes before the kernel
chooses. It is asked with SIGTERM first and killed when its grace is over, or at once when half of the last
reserve is gone.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from leakhunt.host import boot_clock
from leakhunt.pool.cards import Card, drop_card, read_cards
from leakhunt.pool.processes import Process, send, tree_of, tree_resident
from leakhunt.protect.headroom import Headroom, HeadroomReader
from leakhunt.units import format_bytes, format_seconds

#: The last reserve: this share of the memory, and at most so many bytes.
FLOOR_SHARE, FLOOR_MOST = 0.08, 1_000_000_000
#: Workers that hold less than this share of what is used are not ended for it: others hold the memory.
OURS_SHARE = 0.3
#: A unit whose worker must not exceed a size is ended at this many times that size.
OVERSIZE = 1.25
GRACE_SECONDS = 2.0
_SHORTEST, _LONGEST = 0.02, 0.25
#: How fast memory can be taken at most (bytes a second), after earlyoom's measurement.
_FILL_RATE = 6e9


@dataclass(frozen=True, slots=True)
class Running:
    """A worker at its unit: seconds so far, resident bytes of its tree, and growth of it since it began."""

    card: Card
    seconds: float
    resident: int
    tree: tuple[Process, ...]

    @property
    def grown(self) -> int:
        return max(0, self.resident - self.card.resident)


@dataclass(slots=True)
class _Order:
    """Why a worker was told to go, and until when it may take."""

    why: str
    what: str
    unit: int
    until: float
    killed: bool = False


@dataclass(slots=True)
class Limits:
    """What a unit may take: seconds and bytes, None without a limit."""

    unit_seconds: float | None = None
    resident: int | None = None


#: Told before a worker is ended: (its card, why, what was measured, its bytes, what is left).
Tell = Callable[[Card, str, str, int, "int | None"], None]


@dataclass(slots=True)
class Watch:
    """The watching thread of one pool."""

    directory: str
    limits: Limits
    tell: Tell
    headroom: HeadroomReader = field(default_factory=HeadroomReader)
    running: list[Running] = field(default_factory=list)
    #: Workers that are there, at a unit or not.
    alive: set[int] = field(default_factory=set)
    #: Resident bytes of those that have begun no unit yet.
    fresh: list[int] = field(default_factory=list)
    #: Workers that were ended: (the unit that is meant, what was measured).
    ended: dict[int, tuple[int, str]] = field(default_factory=dict)
    _orders: dict[int, _Order] = field(default_factory=dict)
    _families: dict[int, list[Process]] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch; once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="leakhunt-pool-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def kill_all(self) -> None:
        """Kill every worker with all that it has started."""
        self.look()
        for family in self._families.values():
            send(family)

    def _watch(self) -> None:
        pause = _LONGEST
        while not self._stop.wait(pause):
            pause = _LONGEST
            try:
                room = self.look()
                self._judge(room, boot_clock())
            except Exception:  # what is watched is worth more than one look at it
                continue
            if room.available is not None and room.total is not None:
                spare = max(0, room.available - floor_of(room.total))
                pause = min(_LONGEST, max(_SHORTEST, spare / _FILL_RATE))

    def look(self) -> Headroom:
        """Read all workers once."""
        now = boot_clock()
        running, alive, fresh = [], set(), []
        for card in read_cards(self.directory):
            tree = tree_of(card.pid)
            own = Process(card.pid, card.started)
            if not tree or not own.lives():
                self._bury(card.pid)
                continue
            alive.add(card.pid)
            self._families[card.pid] = tree
            if card.unit is not None:
                running.append(Running(card, now - card.since, tree_resident(tree), tuple(tree)))
            elif card.units == 0:
                fresh.append(tree_resident(tree))
        self.running, self.alive, self.fresh = running, alive, fresh
        return self.headroom.read()

    def at_work(self, batch_of: Mapping[int, int]) -> tuple[int, list[tuple[float, int]]]:
        """Return how many of these batches (by unit) have ended, and (seconds, growth) of units seen to run.

        Workers are looked at now and then: a unit that was seen may have ended though nobody has heard of it yet. Its
        memory is free, and its worker at another that was not seen. What their cards say is of this moment.
        """
        now = {card.unit for card in read_cards(self.directory) if card.unit is not None}
        seen = [one for one in self.running if one.card.unit in batch_of]
        ended = {batch_of[one.card.unit] for one in seen if one.card.unit is not None}
        ended -= {batch_of[unit] for unit in now if unit in batch_of}
        return len(ended), [(one.seconds, one.grown) for one in seen if one.card.unit in now]

    def _bury(self, pid: int) -> None:
        """End what a dead worker left behind. Its card stays until the pool has read it."""
        send(self._families.pop(pid, []))
        self._orders.pop(pid, None)

    def forget(self, pid: int) -> tuple[int, str] | None:
        """Drop what is known of a worker that is gone; return (unit, why) if this watch has ended it."""
        send(self._families.pop(pid, [])[1:])
        drop_card(self.directory, pid)
        return self.ended.pop(pid, None)

    def _judge(self, room: Headroom, now: float) -> None:
        for one in self.running:
            if self._order_of(one) is None:
                reason = self._exceeds(one)
                if reason is not None:
                    self._order(one, *reason, room, now)
        ending = [one for one in self.running if self._order_of(one) is not None]
        if not ending and self._are_filling(room):
            largest = max(self.running, key=lambda one: one.resident)
            what = f"{format_bytes(room.available)} left of {format_bytes(room.total)}"
            self._order(largest, "memory", what, room, now)
            ending = [largest]
        for one in ending:
            order = self._orders[one.card.pid]
            urgent = self._are_filling(room, part=2)
            if not order.killed and (now >= order.until or urgent):
                order.killed = True
                send(one.tree)

    def _are_filling(self, room: Headroom, part: int = 1) -> bool:
        """Tell whether the last reserve (a `part`th of it) is touched, and the workers' units are the reason."""
        if room.available is None or room.total is None or room.available >= floor_of(room.total) // part:
            return False
        ours = sum(one.resident for one in self.running)
        return ours >= OURS_SHARE * (room.total - room.available)

    def _order_of(self, one: Running) -> _Order | None:
        order = self._orders.get(one.card.pid)
        return order if order is not None and order.unit == one.card.unit else None

    def _exceeds(self, one: Running) -> tuple[str, str] | None:
        seconds, most = self.limits.unit_seconds, self.limits.resident
        if seconds is not None and one.seconds > seconds:
            return "time", f"it had run for {format_seconds(one.seconds)}, at most {format_seconds(seconds)}"
        if most is not None and one.resident > OVERSIZE * most:
            return "size", f"its worker had {format_bytes(one.resident)}, at most {format_bytes(most)}"
        return None

    def _order(self, one: Running, why: str, what: str, room: Headroom, now: float) -> None:
        """Ask a worker to go; said before it is done."""
        assert one.card.unit is not None
        self.tell(one.card, why, what, one.resident, room.available)
        self.ended[one.card.pid] = one.card.unit, what
        self._orders[one.card.pid] = _Order(why, what, one.card.unit, now + GRACE_SECONDS)
        send(one.tree, signal.SIGTERM)


def floor_of(total: int) -> int:
    """Return the bytes that must stay available of a machine or control group of `total` bytes."""
    return min(FLOOR_MOST, int(FLOOR_SHARE * total))
