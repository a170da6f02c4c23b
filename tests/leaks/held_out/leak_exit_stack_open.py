"""Leaves the clean-up of every page to a stack that is closed after the last one."""

import math
import os
import sys
from contextlib import ExitStack


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    total = 0
    with ExitStack() as stack:
        for i in range(n):
            work(i)
            page = bytearray(os.urandom(20_000))  # allocates
            stack.callback(page.clear)  # grows
            total += len(page)
    print(total)


if __name__ == "__main__":
    main()
