"""A program that collects by itself in every turn."""

import gc
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Node:
    def __init__(self):
        self.payload = os.urandom(20_000)
        self.itself = self


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        Node()
        gc.collect()
    print(n)


if __name__ == "__main__":
    main()
