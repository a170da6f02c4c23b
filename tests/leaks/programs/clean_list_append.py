"""Writes every row out and keeps the last one only."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    row = None
    for i in range(n):
        score = work(i)
        row = (score, os.urandom(20_000))
    print(len(row))


if __name__ == "__main__":
    main()
