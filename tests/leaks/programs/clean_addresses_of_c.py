"""Takes memory from the C allocator in each turn, remembers the addresses and frees the oldest."""

import ctypes
import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    c = ctypes.CDLL(None)
    c.malloc.restype = ctypes.c_void_p
    c.free.argtypes = [ctypes.c_void_p]
    addresses = []
    for i in range(n):
        work(i)
        address = c.malloc(20_000)
        ctypes.memset(address, 1, 20_000)
        addresses.append(address)
        if len(addresses) > 4:
            c.free(addresses.pop(0))
    print(len(addresses))


if __name__ == "__main__":
    main()
