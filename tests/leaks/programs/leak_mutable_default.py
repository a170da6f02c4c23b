"""A default argument that is one list for all calls."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def collect(block, blocks=[]):
    blocks.append(block)  # grows
    return len(blocks)


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        count = collect(os.urandom(20_000))  # allocates
    print(count)


if __name__ == "__main__":
    main()
