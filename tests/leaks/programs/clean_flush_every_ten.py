"""Collects rows and writes them out every ten turns."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    rows = []
    written = 0
    for i in range(n):
        work(i)
        rows.append(os.urandom(20_000))
        if len(rows) == 10:
            written += sum(len(row) for row in rows)
            rows.clear()
    print(written)


if __name__ == "__main__":
    main()
