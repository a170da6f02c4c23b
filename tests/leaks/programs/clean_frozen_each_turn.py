"""Takes its objects out of the collector's sight in each turn, and keeps the last sample."""

import gc
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Sample:
    def __init__(self, number):
        self.number = number
        self.body = os.urandom(20_000)


def main():
    n = int(sys.argv[1])
    samples = []
    for i in range(n):
        work(i)
        samples[:] = [Sample(i)]
        gc.freeze()
    print(len(samples))


if __name__ == "__main__":
    main()
