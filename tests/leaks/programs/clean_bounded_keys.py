"""A dictionary with at most thirty keys, hit at random: it fills ever more slowly."""

import math
import os
import random
import sys

LATEST = {}


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    choice = random.Random(1)
    for i in range(n):
        work(i)
        for _ in range(20):
            LATEST[choice.randrange(30)] = os.urandom(2_000)
    print(len(LATEST))


if __name__ == "__main__":
    main()
