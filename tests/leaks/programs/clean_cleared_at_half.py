"""Collects until half time, then starts anew and needs no more than before."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    rows = []
    for i in range(n):
        work(i)
        if i == n // 2:
            rows.clear()
        rows.append(os.urandom(20_000))
    print(len(rows))


if __name__ == "__main__":
    main()
