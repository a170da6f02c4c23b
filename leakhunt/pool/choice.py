"""Which backend a pool runs on: the best that is installed, unless one is asked for."""

from __future__ import annotations

import importlib.util

from leakhunt.pool.backends import Backend, InlineBackend
from leakhunt.pool.errors import PoolError
from leakhunt.pool.worker import Settings

BACKENDS = ("deadpool", "loky", "inline")
_DISTRIBUTIONS = {"deadpool": "deadpool-executor", "loky": "loky"}


def choose_backend(wanted: str) -> str:
    """Return the name of the backend to use. Raises PoolError when it is not installed."""
    if wanted == "auto":
        for name in ("deadpool", "loky"):
            if _is_there(name):
                return name
        raise PoolError(
            "a pool needs deadpool-executor or loky: pip install 'leakhunt-memory[pool]' "
            "(or Pool(backend='inline'), which runs everything in this process)",
            slug="pool-backend",
        )
    if wanted not in BACKENDS:
        raise PoolError(f"no backend {wanted!r}: choose auto, {', '.join(BACKENDS)}", slug="pool-backend")
    if wanted != "inline" and not _is_there(wanted):
        raise PoolError(
            f"the backend {wanted} is not installed: pip install {_DISTRIBUTIONS[wanted]}",
            slug="pool-backend",
        )
    return wanted


def make_backend(name: str, workers: int, settings: Settings) -> Backend:
    """Start the workers of a backend."""
    if name == "deadpool":
        from leakhunt.pool.deadpool_backend import DeadpoolBackend

        return DeadpoolBackend(workers, settings)
    if name == "loky":
        from leakhunt.pool.loky_backend import LokyBackend

        return LokyBackend(workers, settings)
    return InlineBackend(settings)


def _is_there(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
