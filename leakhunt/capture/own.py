"""The modules that were loaded for leakhunt alone: what they hold is not the target's growth."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

NAMES: set[str] = set()


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Whatever is imported inside is leakhunt's own."""
    before = set(sys.modules)
    try:
        yield
    finally:
        NAMES.update(set(sys.modules) - before)
