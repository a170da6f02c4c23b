"""Reads both copies of a stream, one shortly after the other."""

import itertools
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def readings(count):
    for _ in range(count):
        yield os.urandom(200)


def main():
    n = int(sys.argv[1])
    ahead, behind = itertools.tee(readings(100 * n + 1))
    total = 0
    for i in range(n):
        work(i)
        for reading in itertools.islice(ahead, 100):
            total += reading[0]
        for reading in itertools.islice(behind, 100):
            total -= reading[1]
    print(total, len(next(behind)))


if __name__ == "__main__":
    main()
