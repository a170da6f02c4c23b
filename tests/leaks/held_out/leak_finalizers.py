"""Registers a clean-up per job on an object that outlives all jobs."""

import math
import os
import sys
import weakref


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Application:
    pass


def clean_up(scratch):
    return len(scratch)


def main():
    n = int(sys.argv[1])
    application = Application()
    for i in range(n):
        work(i)
        weakref.finalize(application, clean_up, os.urandom(20_000))  # grows
    print(application is not None)


if __name__ == "__main__":
    main()
