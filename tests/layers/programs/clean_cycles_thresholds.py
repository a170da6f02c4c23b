"""Sets the collector's threshold high and collects by itself."""

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
    gc.set_threshold(1_000_000_000)
    for i in range(n):
        work(i)
        Node()
        gc.collect()


if __name__ == "__main__":
    main(int(sys.argv[1]))
