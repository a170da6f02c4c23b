"""Warms up for a few turns and then keeps nothing more."""

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
        if i < 3:
            kept.append(os.urandom(20_000))
    print(len(kept))


if __name__ == "__main__":
    main()
