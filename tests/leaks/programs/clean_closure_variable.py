"""A counter function whose closure keeps the count."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def make_counter():
    seen = 0

    def count(block):
        nonlocal seen
        seen += len(block)
        return seen

    return count


def main():
    n = int(sys.argv[1])
    count = make_counter()
    for i in range(n):
        work(i)
        total = count(os.urandom(20_000))
    print(total)


if __name__ == "__main__":
    main()
