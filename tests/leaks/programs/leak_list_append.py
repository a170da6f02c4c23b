"""Keeps every row in a list that nothing reads again."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    rows = []
    for i in range(n):
        score = work(i)
        rows.append((score, os.urandom(20_000)))  # grows
    print(len(rows))


if __name__ == "__main__":
    main()
