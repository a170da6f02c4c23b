"""A cache of four on a function that is never called twice with the same argument."""

import math
import os
import sys
from functools import lru_cache


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


@lru_cache(maxsize=4)
def load(number):
    return os.urandom(20_000)


def main():
    n = int(sys.argv[1])
    total = 0
    for i in range(n):
        work(i)
        total += len(load(i))
    print(total)


if __name__ == "__main__":
    main()
