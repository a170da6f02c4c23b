"""Starts a reader per file and takes one line from it; none is ever finished."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def reader(number):
    buffer = os.urandom(20_000)  # allocates
    yield buffer[:10]
    yield buffer[10:]


def main():
    n = int(sys.argv[1])
    readers = []
    heads = 0
    for i in range(n):
        work(i)
        lines = reader(i)
        heads += len(next(lines))
        readers.append(lines)  # grows
    print(heads)


if __name__ == "__main__":
    main()
