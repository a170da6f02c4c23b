"""Connections in cycles hand their buffer back to a pool when they are collected; the pool keeps four."""

import gc
import math
import os
import sys

POOL = []


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Connection:
    def __init__(self):
        self.buffer = os.urandom(20_000)
        self.itself = self

    def __del__(self):
        if len(POOL) < 4:
            POOL.append(self.buffer)


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        connection = Connection()
        if i % 3 == 2:
            gc.collect()
    print(len(POOL), connection is not None)


if __name__ == "__main__":
    main()
