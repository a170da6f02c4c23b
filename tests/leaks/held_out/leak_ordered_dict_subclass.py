"""A cache class that forgot to drop the oldest."""

import math
import os
import sys
from collections import OrderedDict


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Cache(OrderedDict):
    size = 10

    def __setitem__(self, key, value):
        super().__setitem__(key, value)  # grows


CACHE = Cache()


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        CACHE[f"tile {i}"] = os.urandom(20_000)  # allocates
    print(len(CACHE))


if __name__ == "__main__":
    main()
