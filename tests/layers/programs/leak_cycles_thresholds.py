"""Sets the collector's threshold so high that it never runs."""

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
    gc.set_threshold(1_000_000_000)
    for i in range(n):
        work(i)
        Node()


if __name__ == "__main__":
    main(int(sys.argv[1]))
