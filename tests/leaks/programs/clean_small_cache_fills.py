"""A cache of twelve on pages that are asked for at random: full soon, then steady."""

import math
import os
import random
import sys
from functools import lru_cache


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


@lru_cache(maxsize=12)
def page(number):
    return os.urandom(20_000)


def main():
    n = int(sys.argv[1])
    choice = random.Random(1)
    for i in range(n):
        work(i)
        for _ in range(4):
            page(choice.randrange(40))
    print(page.cache_info().currsize)


if __name__ == "__main__":
    main()
