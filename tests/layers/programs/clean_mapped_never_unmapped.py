"""Maps an area per turn by hand and unmaps it."""

import ctypes
import math
import mmap
import sys


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
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


def main(n):
    for i in range(n):
        work(i)
        area = LIBC.mmap(None, 131_072, mmap.PROT_READ | mmap.PROT_WRITE, PRIVATE, -1, 0)
        ctypes.memset(area, 1, 131_072)
        LIBC.munmap(area, 131_072)


if __name__ == "__main__":
    main(int(sys.argv[1]))
