"""A default argument that is made anew for each call."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def collect(block, blocks=None):
    blocks = [] if blocks is None else blocks
    blocks.append(block)
    return len(blocks)


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        count = collect(os.urandom(20_000))
    print(count)


if __name__ == "__main__":
    main()
