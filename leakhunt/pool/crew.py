"""The workers of a pool and what is known of them: what `pool.py` makes and `results.py` works with."""

from __future__ import annotations

import shutil

from leakhunt.errors import EXIT_REFUSED
from leakhunt.pool.backends import Backend
from leakhunt.pool.cards import Card
from leakhunt.pool.choice import make_backend
from leakhunt.pool.errors import PoolError, Quarantined
from leakhunt.pool.watch import Limits, Watch
from leakhunt.pool.window import Window
from leakhunt.pool.worker import Receipt, Settings
from leakhunt.protect.headroom import Headroom, HeadroomReader
from leakhunt.protect.notes import note
from leakhunt.units import format_bytes

#: So many workers in a row may die before they have begun a unit.
_EARLY_DEATHS = 5


class Crew:
    """Backend, watch and window of one pool. `limit` is the user's own bytes per worker, None without one."""

    def __init__(
        self,
        backend: str,
        workers: int,
        settings: Settings,
        admission: Window,
        headroom: HeadroomReader,
        limits: Limits,
    ) -> None:
        self.workers = workers
        self.directory = settings.directory
        self.admission = admission
        self.headroom = headroom
        self.limit = limits.resident
        #: Units per batch: quick ones travel together.
        self.batch = 1
        self.quarantined: list[Quarantined] = []
        self.recycled = self.retried = 0
        self.is_closed = False
        self._early = 0
        self.watch = Watch(self.directory, limits, _tell_end, headroom)
        self.backend: Backend = make_backend(backend, workers, settings)

    @property
    def has_processes(self) -> bool:
        """Whether units run anywhere but in this process."""
        return self.backend.name != "inline"

    @property
    def window(self) -> int:
        """How many units may be in flight now."""
        fixed = self.admission.fixed
        return fixed if fixed is not None else self.admission.size * self.batch

    def starting(self) -> list[int]:
        """Return the bytes so far of each worker that has begun no unit, 0 for one that has not shown itself.

        All backends start all their workers at once, and replace those that go.
        """
        if not self.has_processes:
            return []
        return [*self.watch.fresh, *[0] * max(0, self.workers - len(self.watch.alive))]

    def heard_of(self, receipt: Receipt) -> None:
        """A worker has done a batch: note that it goes if it does. Called before its next begins."""
        self._early = 0
        if receipt.retire is not None and self.has_processes:
            self.recycled += 1
            self.backend.retire(receipt.pid)
            note("recycle", receipt.pid, receipt.retire, receipt.units, receipt.after)

    def check(self, receipt: Receipt) -> None:
        """Raise PoolError when what a worker says makes all further ones useless."""
        if receipt.broken is not None:
            raise PoolError(
                f"the initializer failed in a worker: {receipt.broken.strip().splitlines()[-1]}",
                slug="pool-initializer",
            )
        before, limit = receipt.before, self.limit
        if limit is not None and before is not None and receipt.units == 1 and before > limit:
            raise PoolError(
                f"a worker has {format_bytes(before)} before its first unit, max_worker_rss is "
                f"{format_bytes(limit)}: raise it, or import less",
                slug="pool-baseline",
                exit_code=EXIT_REFUSED,
            )

    def died_early(self, cause: str) -> None:
        """A worker died without a unit. Raises PoolError when they all do."""
        self._early += 1
        if self._early >= max(_EARLY_DEATHS, self.workers + 1):
            raise PoolError(
                f"{self._early} workers in a row died before they began a unit ({cause}): is the script "
                'guarded with `if __name__ == "__main__":`, and does it import without errors?',
                slug="pool-start",
                exit_code=EXIT_REFUSED,
            )

    def tell_window(self, why: str, room: Headroom) -> None:
        """Write down that the window has another size."""
        used = None if room.available is None or room.total is None else room.total - room.available
        note("pool-window", self.window, why, used, room.total)

    def close(self, *, busy: bool) -> None:
        """Let the workers go, or kill them when they are `busy`, and remove the pool's files."""
        self.is_closed = True
        self.watch.stop()
        if busy and self.has_processes:
            self.watch.kill_all()
            self.backend.abort()
        else:
            self.backend.close()
        if self.has_processes:
            self.watch.kill_all()
        shutil.rmtree(self.directory, ignore_errors=True)


def _tell_end(card: Card, why: str, what: str, resident: int, available: int | None) -> None:
    note("pool-intent", card.pid, card.unit, why, what, resident, available, durable=True)
