"""Asks the numerical libraries that the target has loaded how many threads each of them uses.

Only libraries that are loaded already are asked, by the C function that returns a number and changes
nothing. Linux only: elsewhere nothing is known.
"""

from __future__ import annotations

import ctypes
import os
import sys

#: Part of a library's file name -> functions without arguments that return its number of threads.
_ASK = {
    "openblas": (
        "scipy_openblas_get_num_threads64_",
        "scipy_openblas_get_num_threads",
        "openblas_get_num_threads64_",
        "openblas_get_num_threads",
    ),
    "libmkl_rt": ("MKL_Get_Max_Threads",),
    "libblis": ("bli_thread_get_num_threads",),
}


def native_threads() -> list[list[object]]:
    """Return [file name, threads] for each BLAS library that is loaded; empty when there is none."""
    if sys.platform != "linux":
        return []
    found: list[list[object]] = []
    try:
        for path in _loaded_libraries():
            name = os.path.basename(path)
            ask = next((functions for part, functions in _ASK.items() if part in name), None)
            threads = _answer(path, ask) if ask is not None else None
            if threads is not None:
                found.append([name, threads])
    except (OSError, ValueError):
        pass
    return found


def _loaded_libraries() -> list[str]:
    with open("/proc/self/maps", "rb") as maps:
        paths = {line.split(b" ", 5)[-1].strip() for line in maps if b".so" in line}
    return sorted(os.fsdecode(path) for path in paths if path.startswith(b"/"))


def _answer(path: str, functions: tuple[str, ...]) -> int | None:
    # NOLOAD: a handle of what is there, or an error.
    library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    for name in functions:
        function = getattr(library, name, None)
        if function is not None:
            function.restype, function.argtypes = ctypes.c_int, []
            return int(function())
    return None
