"""Builds a tuple of the last five each time."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    history = ()
    for i in range(n):
        work(i)
        history = history[-4:] + (os.urandom(20_000),)
    print(len(history))


if __name__ == "__main__":
    main()
