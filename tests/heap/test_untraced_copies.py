"""A copy that takes a census knows where the program's objects were made, and is not traced itself."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, tracemalloc
from leakhunt.capture.untraced import allocate_untraced, remember_allocators

remember_allocators()
tracemalloc.start(5)
made_before = [bytearray(10_000 + at) for at in range(3)]
pid = os.fork()
if pid:
    os._exit(os.waitpid(pid, 0)[1] >> 8)
traced = tracemalloc.get_traced_memory()[0]
allocate_untraced()
made_after = [bytearray(10_000 + at) for at in range(200)]
known = [tracemalloc.get_object_traceback(one) is not None for one in made_before]
grown = tracemalloc.get_traced_memory()[0] - traced
tracemalloc.stop()
del made_after, made_before
os._exit(0 if all(known) and grown < 10_000 else 1)
"""


def test_what_the_copy_allocates_is_not_traced_and_what_the_program_made_still_is() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
