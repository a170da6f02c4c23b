"""Connections in cycles hand their buffer back to a pool when they are collected; the pool takes all."""

import gc
import math
import os
import sys

POOL = []


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Connection:
    def __init__(self):
        self.buffer = os.urandom(20_000)  # allocates
        self.itself = self

    def __del__(self):
        POOL.append(self.buffer)  # grows


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
