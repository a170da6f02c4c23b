"""Maps a file per turn and never unmaps it."""

import ctypes
import math
import mmap
import pathlib
import sys
import tempfile


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


LIBC = ctypes.CDLL(None)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]


def load(path):
    with open(path, "rb") as file:
        address = LIBC.mmap(None, 131_072, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)  # grows
    return sum(ctypes.string_at(address, 131_072)[::4096])


def main(n):
    with tempfile.TemporaryDirectory() as folder:
        for i in range(n):
            work(i)
            path = pathlib.Path(folder, f"chunk-{i}.bin")
            path.write_bytes(bytes(131_072))
            load(path)


if __name__ == "__main__":
    main(int(sys.argv[1]))
