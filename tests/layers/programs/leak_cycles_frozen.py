"""Freezes the heap in every turn, so that cycles are put out of the collector's sight."""

import gc
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


class Node:
    def __init__(self):
        self.payload = os.urandom(20_000)
        self.itself = self  # grows


def main(n):
    gc.collect()
    for i in range(n):
        work(i)
        Node()
        gc.freeze()


if __name__ == "__main__":
    main(int(sys.argv[1]))
