"""Starts a reader per file, takes one line from it and closes it."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def reader(number):
    buffer = os.urandom(20_000)
    yield buffer[:10]
    yield buffer[10:]


def main():
    n = int(sys.argv[1])
    heads = 0
    for i in range(n):
        work(i)
        lines = reader(i)
        heads += len(next(lines))
        lines.close()
    print(heads)


if __name__ == "__main__":
    main()
