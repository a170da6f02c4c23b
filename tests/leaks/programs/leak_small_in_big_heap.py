"""Keeps a block per turn beside a big table that never changes."""

import math
import os
import sys

TABLE = [{"id": k, "name": f"row {k}"} for k in range(200_000)]
RECENT = []


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    total = 0
    for i in range(n):
        work(i)
        total += TABLE[i * 97]["id"]
        RECENT.append(os.urandom(20_000))  # grows
    print(total)


if __name__ == "__main__":
    main()
