"""Cycles that the collector takes whenever its thresholds say so."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Tree:
    def __init__(self):
        self.leaves = [[self, os.urandom(200)] for _ in range(100)]


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        tree = Tree()
    print(len(tree.leaves))


if __name__ == "__main__":
    main()
