"""Keeps a shared anonymous map of every turn open."""

import math
import mmap
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


OPEN = []


def main(n):
    for i in range(n):
        work(i)
        area = mmap.mmap(-1, 131_072)
        area[:] = bytes([i % 255]) * 131_072
        OPEN.append(area)  # grows


if __name__ == "__main__":
    main(int(sys.argv[1]))
