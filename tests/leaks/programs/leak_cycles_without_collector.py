"""Makes a cycle per turn with the collector switched off."""

import gc
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Node:
    def __init__(self):
        self.payload = os.urandom(20_000)  # allocates
        self.itself = self  # grows


def main():
    n = int(sys.argv[1])
    gc.disable()
    for i in range(n):
        work(i)
        node = Node()
    print(len(node.payload))


if __name__ == "__main__":
    main()
