"""An unbounded cache on a function that is never called twice with the same argument."""

import math
import os
import sys
from functools import cache


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


@cache
def load(number):
    return os.urandom(20_000)  # allocates


def main():
    n = int(sys.argv[1])
    total = 0
    for i in range(n):
        work(i)
        total += len(load(i))  # grows
    print(total)


if __name__ == "__main__":
    main()
