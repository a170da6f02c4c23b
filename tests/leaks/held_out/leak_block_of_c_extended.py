"""Extends one block of the C allocator in each turn."""

import ctypes
import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    c = ctypes.CDLL(None)
    c.realloc.restype = ctypes.c_void_p
    c.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    block, size = None, 0
    for i in range(n):
        work(i)
        block = c.realloc(block, size + 20_000)  # grows, allocates
        ctypes.memset(block + size, 1, 20_000)
        size += 20_000
    print(size)


if __name__ == "__main__":
    main()
