"""A program that freezes its start-up objects, as servers do before they fork."""

import gc
import math
import sys

CONFIGURATION = [{"option": k} for k in range(20_000)]
gc.freeze()


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        rows = [[k, work(k)] for k in range(i % 3 + 1)]
    print(len(rows), len(CONFIGURATION))


if __name__ == "__main__":
    main()
