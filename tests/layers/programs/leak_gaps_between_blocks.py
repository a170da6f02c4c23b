"""Takes ever larger buffers and shortens every second one only: half of them stay whole."""

import ctypes
import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = LIBC.realloc.restype = ctypes.c_void_p
LIBC.malloc.argtypes = [ctypes.c_size_t]
LIBC.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def buffer(size):
    address = LIBC.malloc(size)  # grows
    ctypes.memset(address, 1, size)
    return address


def main(n):
    for i in range(n):
        work(i)
        size = 60_000 + 512 * i  # does not fit into the gaps that earlier turns left
        for address in [buffer(size) for _ in range(8)][::2]:
            LIBC.realloc(address, 64)


if __name__ == "__main__":
    main(int(sys.argv[1]))
