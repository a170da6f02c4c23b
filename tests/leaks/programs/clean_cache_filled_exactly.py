"""A cache with room for exactly as many pages as there are turns."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    pages = {}
    for i in range(n):
        work(i)
        if len(pages) < n:
            pages[i] = os.urandom(20_000)
    print(len(pages))


if __name__ == "__main__":
    main()
