"""A pool that opens up to six connections on demand and reuses them from then on."""

import math
import os
import sys

POOL = []


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        wanted = min(i // 2 + 1, 6)
        while len(POOL) < wanted:
            POOL.append(bytearray(os.urandom(20_000)))
        POOL[i % len(POOL)][0] = 1
    print(len(POOL))


if __name__ == "__main__":
    main()
