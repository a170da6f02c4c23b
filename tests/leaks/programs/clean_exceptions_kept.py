"""Keeps the text of each exception."""

import math
import os
import sys

FAILURES = []


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def parse(i):
    block = os.urandom(20_000)
    raise ValueError(f"block {i} starts with {block[0]}")


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        try:
            parse(i)
        except ValueError as failure:
            FAILURES.append(str(failure))
    print(len(FAILURES))


if __name__ == "__main__":
    main()
