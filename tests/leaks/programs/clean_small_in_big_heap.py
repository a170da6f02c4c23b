"""Reads a big table that never changes."""

import math
import sys

TABLE = [{"id": k, "name": f"row {k}"} for k in range(200_000)]


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    total = 0
    for i in range(n):
        work(i)
        total += TABLE[i * 97]["id"]
    print(total)


if __name__ == "__main__":
    main()
