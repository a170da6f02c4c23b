"""Stops a program from beginning a unit of work that the machine has no memory for.

Measured before each unit. Memory that is short is first collected and given back, then measured again;
a brake that stays on does not flap, and a process that brakes again and again ends itself with exit
code 75, so that whoever supervises it starts it afresh: memory that it holds itself never comes back
by waiting. A process that has taken next to nothing since its first check only waits: the memory is
with others, and its end would give none of it back.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import NoReturn

from leakhunt.errors import EXIT_YIELDED, LeakhuntError
from leakhunt.protect.headroom import Headroom, HeadroomReader
from leakhunt.protect.notes import heartbeat, note
from leakhunt.syscalls import malloc_trim, read_whole
from leakhunt.units import format_bytes, parse_bytes

#: Without a limit of the user's own: this much, or this share of the memory, whichever is more; but
#: never more than a quarter of it, so that a small container can run at all.
_LEAST_BYTES = 2 * 1024**3
_LEAST_SHARE, _MOST_SHARE = 0.08, 0.25
#: A brake that is on is let go only above this many times what put it on.
_RELEASE = 1.25
GIVE_UP_AFTER = 3
#: A process whose end would give back less than this share of what is missing ends in vain. Low, because
#: many that share the blame must each find that it is theirs to go.
_WORTH_ENDING = 0.1
#: Given up when not even a look is possible; never touched, so it is address space and no memory.
_RESERVE_BYTES = 4 * 1024**2
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class MemoryBrake(Exception):
    """There is too little memory to begin a unit: defer it, do not count it as tried.

    Not a MemoryError, which programs swallow. `unit` is what was to begin; sizes are bytes.
    """

    def __init__(self, unit: str, available: int, needed: int, times: int) -> None:
        what = f"before {unit}: " if unit else ""
        super().__init__(
            f"{what}{format_bytes(available)} available, {format_bytes(needed)} needed ({times} in a row)"
        )
        self.unit, self.available, self.needed, self.times = unit, available, needed, times


class MemoryYield(SystemExit):
    """The process ends with code 75 (try again later): it braked too often in a row to get out by itself.

    A SystemExit, so that `except Exception` does not keep a process alive that has to go.
    """

    def __init__(self, unit: str, brake: MemoryBrake | None = None) -> None:
        super().__init__(EXIT_YIELDED)
        self.unit = unit
        #: The last of the brakes, with its figures.
        self.brake = brake


class Brake:
    """The brake of one process: `check` before each unit.

    `min_available` is a size ("2GiB", bytes), by default the more of 2 GiB and 8 % of the memory.
    After `give_up_after` brakes in a row it raises MemoryYield, if what the process has taken since its
    first check is a tenth of what is missing; None never does.
    """

    def __init__(
        self,
        min_available: str | int | None = None,
        *,
        give_up_after: int | None = GIVE_UP_AFTER,
        reader: HeadroomReader | None = None,
        give_back: Callable[[], None] | None = None,
        resident: Callable[[], int | None] | None = None,
    ) -> None:
        self.min_available = _bytes_of(min_available)
        self.give_up_after = give_up_after
        self.times = 0
        self._reader = reader or HeadroomReader()
        self._give_back = give_back or collect_and_trim
        self._resident = resident or resident_bytes
        self._resident_at_first = self._resident()
        self._reserve: bytearray | None = bytearray(_RESERVE_BYTES)

    def check(self, unit: str = "") -> Headroom:
        """Return the headroom when there is enough. Raises MemoryBrake, or MemoryYield at last.

        Where this system does not say how much memory is left, nothing brakes. When there is no memory
        even to look, the process itself is at its limit: MemoryYield at once.
        """
        try:
            return self._check(unit)
        except MemoryError:
            self._reserve = None  # enough to say so and to go
            self.times += 1
            return self._brake(unit, 0, self.min_available or 0, gained=None, worth_ending=True)

    def _check(self, unit: str) -> Headroom:
        heartbeat(unit)
        room = self._reader.read()
        needed = self._needed(room)
        if room.available is None or room.available >= needed:
            self.times = 0
            return room
        before = room.available
        self._give_back()
        room = self._reader.read()
        if room.available is None or room.available >= needed:
            note("brake", unit, "given-back", room.available, needed, 0, _gain(room, before))
            self.times = 0
            return room
        self.times += 1
        enough = self.give_up_after is not None and self.times >= self.give_up_after
        worth_ending = enough and self._is_worth_ending(needed - room.available)
        return self._brake(unit, room.available, needed, _gain(room, before), worth_ending=worth_ending)

    def _brake(
        self, unit: str, available: int, needed: int, gained: int | None, *, worth_ending: bool
    ) -> NoReturn:
        giving_up = self.give_up_after is not None and worth_ending
        fields = (unit, "yielded" if giving_up else "braked", available, needed, self.times, gained)
        # tried twice: an allocation that failed in the first may work in the second
        if not note("brake", *fields, durable=True):
            note("brake", *fields, durable=True)
        problem = MemoryBrake(unit, available, needed, self.times)
        if giving_up:
            raise MemoryYield(unit, problem)
        raise problem

    def _is_worth_ending(self, missing: int) -> bool:
        now, first = self._resident(), self._resident_at_first
        return now is None or first is None or now - first >= _WORTH_ENDING * missing

    def _needed(self, room: Headroom) -> int:
        needed = self.min_available
        if needed is not None and room.total is not None and needed > room.total:
            raise LeakhuntError(
                f"min_available {format_bytes(needed)} is more than there is here "
                f"({format_bytes(room.total)}): lower it",
                slug="bounds-impossible",
            )
        if needed is None:
            total = room.total or _LEAST_BYTES
            needed = int(min(max(_LEAST_BYTES, _LEAST_SHARE * total), _MOST_SHARE * total))
        return int(needed * _RELEASE) if self.times else needed


def check_memory(
    unit: str = "", *, min_available: str | int | None = None, give_up_after: int | None = GIVE_UP_AFTER
) -> Headroom:
    """Brake here when memory is short; see `Brake`. The count of brakes in a row is the process's own.

        leakhunt.check_memory("trial 42 split 3/5", min_available="2GiB")

    Raises MemoryBrake (defer this unit), MemoryYield (a SystemExit with code 75), or LeakhuntError
    when `min_available` is no size, or more than there is.
    """
    brake = _BRAKES.get(os.getpid())
    if brake is None:
        _BRAKES.clear()  # of the process that this one was forked from
        brake = _BRAKES[os.getpid()] = Brake()
    try:  # noqa: SIM105 - the other way to write it takes memory
        brake.min_available = _bytes_of(min_available)
    except MemoryError:
        pass  # the limit stays what it was
    brake.give_up_after = give_up_after
    return brake.check(unit)


def resident_bytes() -> int | None:
    """Return what this process has resident; None where this system does not say."""
    try:
        return int(read_whole("/proc/self/statm").split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None


def collect_and_trim() -> None:
    """Collect garbage and have malloc give free memory back to the system, where it can."""
    gc.collect()
    if malloc_trim is not None:
        malloc_trim(0)


_BRAKES: dict[int, Brake] = {}


def _bytes_of(size: str | int | None) -> int | None:
    if not isinstance(size, str):
        return size
    try:
        return parse_bytes(size)
    except ValueError as error:
        raise LeakhuntError(f"min_available is {error}", slug="not-a-size") from None


def _gain(room: Headroom, before: int) -> int | None:
    return None if room.available is None else room.available - before
