"""Keeps a block in every third turn and drops it in the next."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    kept = []
    for i in range(n):
        work(i)
        if i % 3 == 0:
            kept.append(os.urandom(60_000))
        elif i % 3 == 1:
            kept.clear()
    print(len(kept))


if __name__ == "__main__":
    main()
