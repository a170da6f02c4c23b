"""Takes memory from the C allocator in each turn and loses the address."""

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
    for i in range(n):
        work(i)
        address = c.malloc(20_000)  # grows
        ctypes.memset(address, 1, 20_000)
    print(address is not None)


if __name__ == "__main__":
    main()
