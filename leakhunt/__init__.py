"""Find, name and explain what grows in a long Python run.

Public names load on first use: `import leakhunt` inside a target costs nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leakhunt._version import __version__

if TYPE_CHECKING:
    from leakhunt.pool.errors import PoolError, Quarantined, UnitError
    from leakhunt.pool.pool import Pool
    from leakhunt.protect.brake import MemoryBrake, MemoryYield, check_memory
    from leakhunt.protect.ledger import Ledger, LedgerError
    from leakhunt.protect.notes import heartbeat

__all__ = [
    "Ledger",
    "LedgerError",
    "MemoryBrake",
    "MemoryYield",
    "Pool",
    "PoolError",
    "Quarantined",
    "UnitError",
    "__version__",
    "check_memory",
    "heartbeat",
    "optuna",
]

_HOMES = {
    "Ledger": "leakhunt.protect.ledger",
    "LedgerError": "leakhunt.protect.ledger",
    "MemoryBrake": "leakhunt.protect.brake",
    "MemoryYield": "leakhunt.protect.brake",
    "Pool": "leakhunt.pool.pool",
    "PoolError": "leakhunt.pool.errors",
    "Quarantined": "leakhunt.pool.errors",
    "UnitError": "leakhunt.pool.errors",
    "check_memory": "leakhunt.protect.brake",
    "heartbeat": "leakhunt.protect.notes",
}


def __getattr__(name: str) -> Any:
    if name == "optuna":  # needs Optuna, and is not what `import optuna` finds
        from importlib import import_module

        return import_module("leakhunt.integrations.optuna")
    if name not in _HOMES:
        raise AttributeError(f"module 'leakhunt' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
