"""A function three calls down fills a dictionary that each turn makes."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def store(target, key):
    target[key] = os.urandom(20_000)


def process(target, i):
    for attempt in ("only",):
        store(target, (i, attempt))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        context = {}
        work(i)
        process(context, i)
    print(len(context))


if __name__ == "__main__":
    main()
