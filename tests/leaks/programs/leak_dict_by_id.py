"""Caches every page by its number and never drops one."""

import math
import os
import sys

PAGES = {}


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def fetch(number):
    page = PAGES.get(number)
    if page is None:
        page = os.urandom(20_000)  # allocates
        PAGES[number] = page  # grows
    return page


def main():
    n = int(sys.argv[1])
    total = 0
    for i in range(n):
        work(i)
        total += len(fetch(i))
    print(total)


if __name__ == "__main__":
    main()
