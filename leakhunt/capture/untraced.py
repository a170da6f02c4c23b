"""Lets leakhunt allocate without being traced while it still asks where the target's objects were allocated.

tracemalloc forgets all traces when it is stopped, and while it runs every allocation of ours walks the stack:
a census took twenty times as long, adding up the traces thirty times. The allocators that were there before the
window opened know nothing of traces; used meanwhile, they leave the traces as they were.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator

#: PyMemAllocatorDomain: raw, mem, obj. The first is used without the interpreter lock as well.
_DOMAINS = (0, 1, 2)
_UNDER_THE_LOCK = (1, 2)


class _Allocator(ctypes.Structure):
    """PyMemAllocatorEx: a context, and malloc, calloc, realloc, free."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("ctx", "malloc", "calloc", "realloc", "free")]


_before: list[_Allocator] = []


def remember_allocators() -> None:
    """Note which allocators Python has: called before tracemalloc puts its own above them."""
    with contextlib.suppress(Exception):
        _before[:] = [_allocator_of(domain) for domain in _DOMAINS]


def allocate_untraced() -> None:
    """Use the remembered allocators from here on. Only in a copy of the process with a single thread."""
    with contextlib.suppress(Exception):
        for domain, allocator in zip(_DOMAINS, _before, strict=False):
            _use(domain, allocator)


@contextlib.contextmanager
def untraced() -> Iterator[None]:
    """Use the remembered allocators in the block, which must let go of nothing that was there before it.

    Where other threads could run meanwhile, and allocate or let go, everything stays as it is.
    """
    if len(_before) < len(_DOMAINS) or len(sys._current_frames()) > 1:
        yield
        return
    tracing = [(domain, _allocator_of(domain)) for domain in _UNDER_THE_LOCK]
    for domain in _UNDER_THE_LOCK:
        _use(domain, _before[domain])
    try:
        yield
    finally:
        for domain, allocator in tracing:
            _use(domain, allocator)


def _allocator_of(domain: int) -> _Allocator:
    allocator = _Allocator()
    ctypes.pythonapi.PyMem_GetAllocator(domain, ctypes.byref(allocator))
    return allocator


def _use(domain: int, allocator: _Allocator) -> None:
    ctypes.pythonapi.PyMem_SetAllocator(domain, ctypes.byref(allocator))
