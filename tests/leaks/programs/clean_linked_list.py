"""A version knows the number of the one before."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Version:
    __slots__ = ("before", "content")

    def __init__(self, before, content):
        self.before = before
        self.content = content


def main():
    n = int(sys.argv[1])
    newest = None
    for i in range(n):
        work(i)
        newest = Version(i - 1, os.urandom(20_000))
    print(len(newest.content))


if __name__ == "__main__":
    main()
