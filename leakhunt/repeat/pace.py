"""How many calls make a batch, and when there were enough: from what a call takes and leaves behind."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.repeat.subject import Bounds

WARM_UP_CALLS = 3
#: Calls that are spent on something that does not grow.
_FEWEST_CALLS, _MOST_CALLS = 16, 1_000
_GROWTH = 1.6
#: Batches of equal size that growth is judged over: trends need seven readings.
CONFIRMING_BATCHES = 8
_FEWEST_CONFIRMING = 24
#: A subject that leaves megabytes behind is not called until the machine is full.
_ROOM_TO_LOOK, _ROOM_TO_CONFIRM = 48_000_000, 96_000_000
#: Looking for growth may take this share of the time, so that some is left to confirm it.
LOOK_SHARE = 0.45


@dataclass(slots=True)
class Pace:
    """Batch sizes for one subject: `call_seconds` and `call_bytes` are those of one call in warm-up."""

    bounds: Bounds
    call_seconds: float = 0.0
    call_bytes: float = 0.0

    @property
    def enough(self) -> int:
        """Calls after which a subject that does not grow is let go."""
        if self.bounds.iterations is not None:
            return max(1, self.bounds.iterations // 2)
        affordable = self.bounds.max_seconds * LOOK_SHARE / max(self.call_seconds, 1e-7)
        wanted = min(
            _MOST_CALLS, max(_FEWEST_CALLS, int(self.bounds.look_seconds / max(self.call_seconds, 1e-7)))
        )
        return max(2, int(min(wanted, affordable)))

    def first(self) -> int:
        """Return the size of the first batch."""
        if self.bounds.iterations is not None:
            return max(1, self.bounds.iterations // 6)
        size = max(1, min(8, self.enough // 3))
        return self._with_room(size, _ROOM_TO_LOOK / 6)

    def next(self, size: int) -> int:
        """Return the size of the batch after one of `size` calls."""
        if self.bounds.iterations is not None:
            return size
        larger = max(size + 1, int(size * _GROWTH)) if self.call_seconds * size < 0.5 else size
        return self._with_room(larger, _ROOM_TO_LOOK / 3)

    def confirming(self, size: int, seconds_left: float, calls_left: int | None) -> int:
        """Return the size of each batch that growth is judged over; 0 when there is no time for them."""
        if calls_left is not None:
            return calls_left // CONFIRMING_BATCHES
        affordable = seconds_left * 0.8 / max(self.call_seconds, 1e-7) / CONFIRMING_BATCHES
        fewest = -(-_FEWEST_CONFIRMING // CONFIRMING_BATCHES)
        wanted = self._with_room(max(size, 8), _ROOM_TO_CONFIRM / CONFIRMING_BATCHES, at_least=fewest)
        return int(min(wanted, affordable))

    def _with_room(self, size: int, room: float, at_least: int = 1) -> int:
        if self.call_bytes <= 0:
            return size
        return max(at_least, min(size, int(room / self.call_bytes)))
