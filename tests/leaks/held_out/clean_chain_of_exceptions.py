"""Remembers the last failure without its cause."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Failure(Exception):
    def __init__(self, before):
        super().__init__("failed again")
        self.report = os.urandom(20_000)


def main():
    n = int(sys.argv[1])
    last = None
    for i in range(n):
        work(i)
        try:
            raise Failure(last)
        except Failure as failure:
            last = failure.with_traceback(None)
            last.__context__ = None
    print(len(last.report))


if __name__ == "__main__":
    main()
