"""Computes and keeps nothing."""

import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    best = 0.0
    for i in range(n):
        best = max(best, work(i))
    print(best > 0)


if __name__ == "__main__":
    main()
