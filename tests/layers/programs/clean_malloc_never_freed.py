"""Takes a block from malloc per turn and frees it."""

import ctypes
import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p
LIBC.malloc.argtypes = [ctypes.c_size_t]
LIBC.free.argtypes = [ctypes.c_void_p]


def parse(i):
    block = LIBC.malloc(40_000)
    ctypes.memset(block, i % 255, 40_000)
    LIBC.free(block)


def main(n):
    for i in range(n):
        work(i)
        parse(i)


if __name__ == "__main__":
    main(int(sys.argv[1]))
