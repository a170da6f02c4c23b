"""Interns the same two hundred names in each turn."""

import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        names = [sys.intern(f"column {k}") for k in range(200)]
    print(len(names))


if __name__ == "__main__":
    main()
