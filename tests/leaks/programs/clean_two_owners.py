"""The same blocks are held by a list and by a dictionary, both emptied in each turn."""

import math
import os
import sys

BY_NUMBER = {}


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    in_order = []
    for i in range(n):
        work(i)
        in_order.clear()
        BY_NUMBER.clear()
        block = os.urandom(20_000)
        in_order.append(block)
        BY_NUMBER[i] = block
    print(len(in_order), len(BY_NUMBER))


if __name__ == "__main__":
    main()
