"""Keeps a block in every third turn."""

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
            kept.append(os.urandom(60_000))  # grows
    print(len(kept))


if __name__ == "__main__":
    main()
