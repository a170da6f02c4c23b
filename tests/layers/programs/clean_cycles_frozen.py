"""Freezes the heap once before the loop; the cycles of the loop are collected."""

import gc
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


class Node:
    def __init__(self):
        self.payload = os.urandom(20_000)
        self.itself = self


def main(n):
    gc.freeze()
    for i in range(n):
        work(i)
        Node()
        gc.collect()


if __name__ == "__main__":
    main(int(sys.argv[1]))
