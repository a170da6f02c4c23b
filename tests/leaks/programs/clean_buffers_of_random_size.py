"""Buffers of random size, a hundred at a time: the heap may fragment, nothing is kept for longer."""

import math
import os
import random
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    choice = random.Random(1)
    buffers = [b""] * 100
    for i in range(n):
        work(i)
        for _ in range(50):
            buffers[choice.randrange(100)] = os.urandom(choice.randrange(100, 40_000))
    print(len(buffers))


if __name__ == "__main__":
    main()
